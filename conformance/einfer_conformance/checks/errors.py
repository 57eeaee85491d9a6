"""Every error that a client can provoke politely: its status, its code, and what it must tell."""

from __future__ import annotations

from typing import Any

from einfer_conformance.context import JSON_BODY, NO_JOB, Context
from einfer_conformance.registry import add, check


@check("errors.not-found", "An unknown resource is 404 NOT_FOUND, whatever the method", "#errors")
def not_found(ctx: Context) -> None:
    for target in ("/", "/nothing", "/healthz", "/Health", "/models/x", "/infer/x", "/jobs/a/b", "/openapi.yaml"):
        for method in ("GET", "POST"):
            ctx.expect_error(ctx.ask(method, target, b"" if method == "POST" else None), "NOT_FOUND")


@check("errors.unknown-job", "A job that never was is 404 UNKNOWN_JOB, whatever the form of its id", "#errors")
def unknown_job(ctx: Context) -> None:
    for job_id in ("0" * 32, "x", "0" * 31, "A" * 32, "%00", "5f0c2a9b-e4d1-473f-8a66-90d3c7b21e84"):
        ctx.expect_error(ctx.get(f"/jobs/{job_id}"), "UNKNOWN_JOB")


@check("errors.unknown-model", "An unknown model_id or version is 404 UNKNOWN_MODEL, whatever its form", "#post-infer")
def unknown_model(ctx: Context) -> None:
    for changes in ({"model_id": "no_such_model"}, {"version": "99.0.0"}, {"model_id": "../x"}, {"version": "x" * 128}):
        ctx.expect_error(ctx.post(ctx.small(**changes)), "UNKNOWN_MODEL")


@check("errors.batch-too-large", "More rows than max_batch_size is 400 BATCH_TOO_LARGE", "#post-infer")
def batch_too_large(ctx: Context) -> None:
    limit = ctx.model["constraints"]["max_batch_size"]
    for size in (limit + 1, 2**31 - 1):
        ctx.expect_error(ctx.post(ctx.small(batch_size=size)), "BATCH_TOO_LARGE")


@check("errors.wrong-input-count", "One input less or more than features is 400 WRONG_INPUT_COUNT", "#post-infer")
def wrong_input_count(ctx: Context) -> None:
    right = ctx.small()["inputs"]
    for inputs in (right[:-1] or right * 2, [*right, right[0]], (right * 4096)[:4096]):
        if len(inputs) != len(right):
            ctx.expect_error(ctx.post(ctx.small(inputs=inputs)), "WRONG_INPUT_COUNT")


@check(
    "errors.unsupported-api-version", "Another api_version in the body is 400 UNSUPPORTED_API_VERSION", "#conventions"
)
def unsupported_api_version(ctx: Context) -> None:
    for version in ("9.9", "1", "", "v1.0", "1.0.0.0", " 1.0"):
        ctx.expect_error(ctx.post(ctx.small(api_version=version)), "UNSUPPORTED_API_VERSION")


@check("errors.payload-too-large", "A payload longer than any ciphertext of the model is 413", "#validation-order")
def payload_too_large(ctx: Context) -> None:
    payload = ctx.honest.payloads[0]
    for data in (payload + payload, ctx.client.public_key()):
        ctx.expect_error(ctx.post(ctx.with_inputs({"encoding": "hex", "payload": data.hex()})), "PAYLOAD_TOO_LARGE")


def _media_type(name: str, demand: str, headers: dict[str, str]) -> None:
    def run(ctx: Context) -> None:
        body = b"{}"
        ctx.expect_error(ctx.ask("POST", "/infer", body, headers), "UNSUPPORTED_MEDIA_TYPE")

    add(f"errors.media-type-{name}", demand, "docs/api.md#conventions", run)


_media_type("absent", "A body without Content-Type is 415", {})
_media_type("other", "A body that is not application/json is 415", {"Content-Type": "text/plain"})
_media_type("charset", "Another charset than utf-8 is 415", {"Content-Type": "application/json; charset=latin1"})
_media_type("encoded", "A Content-Encoding is 415", JSON_BODY | {"Content-Encoding": "gzip"})


@check("errors.media-type-taken", "charset=utf-8 and Content-Encoding: identity are taken", "#conventions")
def media_type_taken(ctx: Context) -> None:
    for headers in ({"Content-Type": "application/json; charset=utf-8"}, JSON_BODY | {"Content-Encoding": "identity"}):
        ctx.expect_error(ctx.ask("POST", "/infer", b"{", headers), "MALFORMED_JSON")


@check("errors.tenant", "A bad X-Tenant-ID is 400 SCHEMA_VIOLATION that names it", "#tenants")
def tenant(ctx: Context) -> None:
    ctx.need_free_tenants()
    for value in ("a b", "a/b", "x" * 129, "ä"):
        bad = dict(ctx.me) | {"X-Tenant-ID": value}
        ctx.expect_error(ctx.get(NO_JOB, who=bad), "SCHEMA_VIOLATION", "X-Tenant-ID")
        ctx.expect_error(ctx.post(ctx.small(), who=bad), "SCHEMA_VIOLATION", "X-Tenant-ID")


@check("errors.deterministic", "The same request meets the same verdict", "#invariants")
def deterministic(ctx: Context) -> None:
    requests: list[Any] = [b"{", ctx.small(unknown=1), ctx.small(model_id="no_such_model"), ctx.small()]
    for document in requests:
        first, second = ctx.post(document), ctx.post(document)
        same = (first.answer.status, first.answer.code) == (second.answer.status, second.answer.code)
        ctx.expect(same, "two verdicts on one request", second)


@check("errors.nothing-left", "After refusals of every kind a right request is answered", "#invariants")
def nothing_left(ctx: Context) -> None:
    for document in (b"{", b"\x00", ctx.small(), ctx.small(batch_size=0)):
        ctx.expect(ctx.post(document).answer.status == 400, "400 expected", ctx.exchanges[-1])
    ctx.result(ctx.honest.document())
