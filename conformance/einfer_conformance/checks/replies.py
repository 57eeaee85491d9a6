"""What holds for every reply. Looks at everything that this run has received, and at a few requests of its own."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

from einfer_conformance.context import NO_JOB, Context
from einfer_conformance.http import BadReply, Exchange, Reply
from einfer_conformance.registry import NotOffered, Violation, check

SANE = re.compile(r"[A-Za-z0-9._-]{1,128}")
LONG_DATA = re.compile(r"[0-9a-fA-F]{32,}|[A-Za-z0-9+/=_-]{48,}")
SCHEMAS = {  # of replies of 2xx to METHOD template
    ("GET", "/health"): "health",
    ("GET", "/ready"): "health",
    ("GET", "/models"): "models",
    ("GET", "/keys"): "keys",
    ("GET", "/jobs/{job_id}"): "job",
    ("POST", "/infer/plain"): "infer_plain_response",
}


def replies(ctx: Context) -> Iterator[tuple[Exchange, Reply]]:
    """Everything received so far. Makes sure that there is something of each kind."""
    if not ctx.sampled:
        ctx.sampled = True
        for target in ("/health", "/models", "/nothing", NO_JOB):
            ctx.get(target)
        ctx.ask("PUT", "/models", b"")
        ctx.post(b"{")
        ctx.post(b"{}")
        with contextlib.suppress(
            Violation, NotOffered, BadReply, KeyError, TypeError, ValueError
        ):  # for others to report
            ctx.final(ctx.submit(ctx.honest.document()))
    for exchange in list(ctx.exchanges):
        if exchange.reply is not None:
            yield exchange, exchange.reply


@check("replies.request-id", "Every reply has one X-Request-ID of 1 to 128 of A-Z a-z 0-9 . _ -", "#conventions")
def request_id(ctx: Context) -> None:
    for exchange, reply in replies(ctx):
        name = reply.header("X-Request-ID")
        ctx.expect(bool(SANE.fullmatch(name or "")), f"X-Request-ID: {name}", exchange)


@check("replies.request-id-echo", "A sane X-Request-ID is echoed; another is replaced", "#conventions")
def request_id_echo(ctx: Context) -> None:
    for name in ("x", "a.b_c-D9", "x" * 128):
        for exchange in (ctx.get("/health", {"X-Request-ID": name}), ctx.get("/nothing", {"X-Request-ID": name})):
            ctx.expect(exchange.answer.header("X-Request-ID") == name, "not echoed", exchange)
        exchange = ctx.post(b"{", {"X-Request-ID": name})
        ctx.expect(exchange.answer.header("X-Request-ID") == name, "not echoed", exchange)
    for name in ("a b", "x" * 129, "a/b", "<x>"):
        exchange = ctx.get("/health", {"X-Request-ID": name})
        ctx.expect(exchange.answer.status == ctx.get("/health").answer.status, "refused", exchange)
        ctx.expect(exchange.answer.header("X-Request-ID") != name, "echoed", exchange)


@check("replies.content-type", "Every body is application/json, whatever Accept says", "#conventions")
def content_type(ctx: Context) -> None:
    ctx.get("/health", {"Accept": "text/html"})
    ctx.get("/nothing", {"Accept": "text/html"})
    for exchange, reply in replies(ctx):
        if reply.body:
            said = reply.header("Content-Type") or ""
            ctx.expect(said.partition(";")[0].strip().lower() == "application/json", f"Content-Type: {said}", exchange)


@check("replies.json", "Every body is one JSON text without duplicate members", "#conventions")
def json_bodies(ctx: Context) -> None:
    for exchange, reply in replies(ctx):
        if reply.body:
            try:
                reply.json()
            except BadReply as fault:
                raise Violation(str(fault), exchange) from fault


@check("replies.status", "Every status is one that openapi.yaml lists for the operation", "openapi.yaml")
def status(ctx: Context) -> None:
    for exchange, reply in replies(ctx):
        listed = ctx.contract.statuses_of(exchange.method, exchange.target)
        known = listed is None or reply.status in listed
        ctx.expect(known, f"{reply.status} is not listed for {exchange.method} {exchange.target}", exchange)


@check("replies.schema", "Every body of 2xx is after its closed schema", "schemas/")
def schema(ctx: Context) -> None:
    for exchange, reply in replies(ctx):
        if reply.body and reply.status < 300:
            name = SCHEMAS.get((exchange.method, ctx.contract.path_of(exchange.target) or ""))
            if (exchange.method, exchange.target) == ("POST", "/infer"):
                name = "accepted" if reply.status == 202 else "job"
            if name:
                ctx.expect_schema(exchange, name)


@check("replies.error-schema", "Every body of 400 and above is after schemas/error.schema.json", "#errors")
def error_schema(ctx: Context) -> None:
    for exchange, reply in replies(ctx):
        if reply.status >= 400 and exchange.method != "HEAD":
            ctx.expect_schema(exchange, "error")


@check("replies.error-status", "Every error code comes with its own status", "#errors")
def error_status(ctx: Context) -> None:
    for exchange, reply in replies(ctx):
        code = ctx.contract.codes.get(reply.code or "") if reply.status >= 400 else None
        if code:
            ctx.expect(reply.status == code.status, f"{reply.code} is {code.status}, not {reply.status}", exchange)


@check("replies.retry-after", "Retry-After is on what is worth retrying, and on nothing else", "#retrying")
def retry_after(ctx: Context) -> None:
    for exchange, reply in replies(ctx):
        said = reply.header("Retry-After")
        code = ctx.contract.codes.get(reply.code or "")
        wanted = bool(code and code.retryable) if reply.code else reply.status in (408, 429, 503)
        if wanted:
            ctx.expect(bool(re.fullmatch("[0-9]+", said or "")), f"Retry-After: {said}", exchange)
        else:
            ctx.expect(said is None, f"Retry-After: {said} on what will fail again", exchange)


@check("replies.allow", "Allow is on 405 and on nothing else", "#conventions")
def allow(ctx: Context) -> None:
    for exchange, reply in replies(ctx):
        said = reply.header("Allow")
        ctx.expect((said is not None) == (reply.status == 405), f"{reply.status} with Allow: {said}", exchange)


@check("replies.www-authenticate", "WWW-Authenticate is on 401 and on nothing else", "#conventions")
def www_authenticate(ctx: Context) -> None:
    for exchange, reply in replies(ctx):
        said = reply.header("WWW-Authenticate")
        ctx.expect(
            (said is not None) == (reply.status == 401), f"{reply.status} with WWW-Authenticate: {said}", exchange
        )


@check("replies.no-echo", "No error says what was sent", "#invariants")
def no_echo(ctx: Context) -> None:
    for exchange, reply in replies(ctx):
        if reply.status >= 400 and (found := LONG_DATA.search(reply.body.decode("utf-8", "replace"))):
            raise Violation(f"long data in an error: {found[0][:60]}", exchange)


@check("replies.rate-limited", "429 RATE_LIMITED has Retry-After", "#errors")
def rate_limited(ctx: Context) -> None:
    seen = [(exchange, reply) for exchange, reply in replies(ctx) if reply.status == 429]
    if not seen:
        raise NotOffered("no 429 has come")
    for exchange, reply in seen:
        ctx.expect(reply.code == "RATE_LIMITED", f"429 with {reply.code}", exchange)
        ctx.expect(reply.header("Retry-After") is not None, "429 without Retry-After", exchange)
