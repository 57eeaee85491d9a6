"""A request with two faults: the one that comes earlier in the validation order is reported."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from einfer_conformance.context import JSON_BODY, Context, hex_input, to_body
from einfer_conformance.http import Exchange
from einfer_conformance.registry import add
from einfer_conformance.seal_bytes import join, scale_bytes

Send = Callable[[Context], Exchange]


def first(name: str, earlier: str, later: str, code: str, send: Send) -> None:
    def run(ctx: Context) -> None:
        ctx.expect_error(send(ctx), code)

    add(f"order.{name}", f"{earlier} is reported before {later}", "docs/api.md#validation-order", run)


def document(name: str, earlier: str, later: str, code: str, make: Callable[[Context], Any]) -> None:
    first(name, earlier, later, code, lambda ctx: ctx.post(make(ctx)))


def tenant(ctx: Context) -> dict[str, str]:
    ctx.need_free_tenants()
    return dict(ctx.me) | {"X-Tenant-ID": "a b"}


first(
    "route-media-type",
    "An unknown route",
    "a bad media type",
    "NOT_FOUND",
    lambda ctx: ctx.ask("POST", "/nothing", b"x", {"Content-Type": "text/plain"}),
)
first(
    "method-media-type",
    "A wrong method",
    "a bad media type",
    "METHOD_NOT_ALLOWED",
    lambda ctx: ctx.ask("PUT", "/infer", b"x", {"Content-Type": "text/plain"}),
)
first(
    "method-tenant",
    "A wrong method",
    "a bad X-Tenant-ID",
    "METHOD_NOT_ALLOWED",
    lambda ctx: ctx.ask("DELETE", "/infer", who=tenant(ctx)),
)
first(
    "media-type-json",
    "A bad media type",
    "malformed JSON",
    "UNSUPPORTED_MEDIA_TYPE",
    lambda ctx: ctx.ask("POST", "/infer", b"{", {"Content-Type": "text/plain"}),
)
first(
    "media-type-tenant",
    "A bad media type",
    "a bad X-Tenant-ID",
    "UNSUPPORTED_MEDIA_TYPE",
    lambda ctx: ctx.ask("POST", "/infer", b"{", {"Content-Type": "text/plain"}, who=tenant(ctx)),
)
first(
    "tenant-json",
    "A bad X-Tenant-ID",
    "malformed JSON",
    "SCHEMA_VIOLATION",
    lambda ctx: ctx.post(b"{", who=tenant(ctx)),
)
first(
    "tenant-job",
    "A bad X-Tenant-ID",
    "an unknown job",
    "SCHEMA_VIOLATION",
    lambda ctx: ctx.get("/jobs/" + "0" * 32, who=tenant(ctx)),
)
document(
    "json-schema",
    "Malformed JSON at the end",
    "a schema violation at the beginning",
    "MALFORMED_JSON",
    lambda ctx: b'{"unknown":1,' + to_body(ctx.small())[1:-1] + b",}",
)
document(
    "json-model",
    "Malformed JSON at the end",
    "an unknown model at the beginning",
    "MALFORMED_JSON",
    lambda ctx: to_body(ctx.small(model_id="no_such_model")) + b"x",
)
document(
    "json-ciphertext",
    "Malformed JSON at the end",
    "a bad ciphertext before it",
    "MALFORMED_JSON",
    lambda ctx: to_body(ctx.small())[:-1],
)
document(
    "schema-version",
    "A schema violation",
    "an unsupported api_version",
    "SCHEMA_VIOLATION",
    lambda ctx: ctx.small(api_version="9.9", batch_size=0),
)
document(
    "schema-model",
    "A schema violation",
    "an unknown model",
    "SCHEMA_VIOLATION",
    lambda ctx: ctx.small(model_id="no_such_model", unknown=1),
)
document(
    "schema-encoding",
    "A schema violation in the last input",
    "a bad encoding in the first",
    "SCHEMA_VIOLATION",
    lambda ctx: ctx.small(inputs=[{"encoding": "x", "payload": ""}, *ctx.small()["inputs"][1:], {"encoding": "hex"}]),
)
document(
    "version-model",
    "An unsupported api_version",
    "an unknown model",
    "UNSUPPORTED_API_VERSION",
    lambda ctx: ctx.small(api_version="9.9", model_id="no_such_model"),
)
document(
    "model-batch",
    "An unknown model",
    "too large a batch",
    "UNKNOWN_MODEL",
    lambda ctx: ctx.small(model_id="no_such_model", batch_size=2**31 - 1),
)
document(
    "batch-count",
    "Too large a batch",
    "a wrong number of inputs",
    "BATCH_TOO_LARGE",
    lambda ctx: ctx.small(batch_size=2**31 - 1, inputs=ctx.small()["inputs"] * 2),
)
document(
    "count-encoding",
    "A wrong number of inputs",
    "a bad encoding",
    "WRONG_INPUT_COUNT",
    lambda ctx: ctx.small(inputs=[{"encoding": "x", "payload": ""}, *ctx.small()["inputs"]]),
)
document(
    "batch-encoding",
    "Too large a batch",
    "a bad encoding",
    "BATCH_TOO_LARGE",
    lambda ctx: ctx.small(batch_size=2**31 - 1, inputs=[{"encoding": "x", "payload": ""}] * len(ctx.small()["inputs"])),
)


def pair(
    name: str, earlier: str, later: str, code: str, make: Callable[[Context], tuple[dict[str, str], dict[str, str]]]
) -> None:
    """The later fault in the first input, the earlier one in the second."""

    def build(ctx: Context) -> Any:
        ctx.need_inputs(2)
        return ctx.with_inputs(*make(ctx))

    document(name, f"{earlier} in a later input", f"{later} in an earlier one", code, build)


def bad_header(ctx: Context) -> dict[str, str]:
    return hex_input(join(ctx.ciphertext.write(), magic=0x5EA1))


def other_scale(ctx: Context) -> dict[str, str]:
    return hex_input(join(ctx.ciphertext.but(scale=scale_bytes(ctx.client.scale * 2)).write()))


def bad_word(ctx: Context) -> dict[str, str]:
    return hex_input(join(ctx.ciphertext.with_word(0, ctx.client.primes[0]).write()))


pair(
    "encoding-header",
    "A bad encoding",
    "a bad SEAL header",
    "INVALID_ENCODING",
    lambda ctx: (bad_header(ctx), {"encoding": "hex", "payload": "0g"}),
)
pair(
    "length-header",
    "A payload that is too long",
    "a bad SEAL header",
    "PAYLOAD_TOO_LARGE",
    lambda ctx: (bad_header(ctx), hex_input(ctx.honest.payloads[0] * 2)),
)
pair(
    "header-metadata",
    "A bad SEAL header",
    "another scale",
    "INVALID_CIPHERTEXT",
    lambda ctx: (other_scale(ctx), bad_header(ctx)),
)
pair(
    "metadata-words",
    "Another scale",
    "a word that is not below its prime",
    "INCOMPATIBLE_CIPHERTEXT",
    lambda ctx: (bad_word(ctx), other_scale(ctx)),
)
document(
    "metadata-words-of-one",
    "Another scale",
    "a word that is not below its prime, in the same input",
    "INCOMPATIBLE_CIPHERTEXT",
    lambda ctx: ctx.with_inputs(
        hex_input(
            join(ctx.ciphertext.but(scale=scale_bytes(ctx.client.scale * 2)).with_word(0, ctx.client.primes[0]).write())
        )
    ),
)
first(
    "media-type-length",
    "A missing length",
    "a bad media type",
    "LENGTH_REQUIRED",
    lambda ctx: ctx.ask("POST", "/infer", None, JSON_BODY | {"Content-Type": "text/plain"}),
)
