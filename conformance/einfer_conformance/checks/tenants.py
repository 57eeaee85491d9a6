"""Tenants, and what keeps them apart: X-Tenant-ID or API keys."""

from __future__ import annotations

import secrets

from einfer_conformance.context import JSON_BODY, NO_JOB, Context, Headers
from einfer_conformance.registry import NotOffered, check


def need_api_key(ctx: Context) -> str:
    if not ctx.options.api_key:
        raise NotOffered("no --api-key given")
    return ctx.options.api_key


@check("tenants.own", "A tenant sees its own jobs", "#tenants")
def own(ctx: Context) -> None:
    for who in (ctx.me, ctx.stranger()):
        ctx.final(ctx.submit(ctx.honest.document(), who=who), who=who)


@check(
    "tenants.isolation", "Another tenant's job is 404 UNKNOWN_JOB, with the body of a job that never was", "#tenants"
)
def isolation(ctx: Context) -> None:
    stranger = ctx.stranger()
    job = ctx.submit(ctx.honest.document())
    never = ctx.get(NO_JOB, who=stranger)
    for _ in range(2):  # before and after it is final
        for headers in ({}, {"Prefer": "wait=1"}):
            exchange = ctx.get(f"/jobs/{job}", headers, who=stranger)
            ctx.expect_error(exchange, "UNKNOWN_JOB")
            ctx.expect(
                exchange.answer.body == never.answer.body, "another body than for a job that never was", exchange
            )
        ctx.final(job)


@check("tenants.models", "Models are the same for all tenants", "#tenants")
def same_models(ctx: Context) -> None:
    exchange = ctx.get("/models", who=ctx.stranger())
    ctx.expect(exchange.answer.body == ctx.get("/models").answer.body, "two tenants see two lists", exchange)


@check("tenants.default", "No X-Tenant-ID means the tenant default", "#tenants")
def default(ctx: Context) -> None:
    ctx.need_free_tenants()
    job = ctx.submit(ctx.honest.document(), who={})
    ctx.final(job, who={"X-Tenant-ID": "default"})
    ctx.expect_error(ctx.get(f"/jobs/{job}"), "UNKNOWN_JOB")


@check("tenants.names", "A tenant's name is 1 to 128 of A-Z a-z 0-9 . _ -, and its case counts", "#tenants")
def names(ctx: Context) -> None:
    ctx.need_free_tenants()
    for name in ("A.b_c-9", "x" * 128):
        job = ctx.submit(ctx.honest.document(), who={"X-Tenant-ID": name})
        ctx.final(job, who={"X-Tenant-ID": name})
        ctx.expect_error(ctx.get(f"/jobs/{job}", who={"X-Tenant-ID": name.swapcase()}), "UNKNOWN_JOB")


# --- API keys ---------------------------------------------------------------------------------------------------------


def need_api_key(ctx: Context) -> str:
    if not ctx.options.api_key:
        raise NotOffered("no --api-key given")
    return ctx.options.api_key


def expect_unauthenticated(ctx: Context, who: Headers) -> None:
    for exchange in (ctx.get(NO_JOB, who=who), ctx.post(ctx.honest.document(), who=who)):
        ctx.expect_error(exchange, "UNAUTHENTICATED")
        challenge = exchange.answer.header("WWW-Authenticate")
        ctx.expect(challenge == "Bearer", f"WWW-Authenticate: {challenge}", exchange)


@check("auth.missing", "Without an API key: 401 UNAUTHENTICATED with WWW-Authenticate: Bearer", "#tenants")
def auth_missing(ctx: Context) -> None:
    need_api_key(ctx)
    expect_unauthenticated(ctx, {})
    expect_unauthenticated(ctx, {"X-Tenant-ID": "default"})


@check("auth.wrong", "With a wrong API key: 401 UNAUTHENTICATED with WWW-Authenticate: Bearer", "#tenants")
def auth_wrong(ctx: Context) -> None:
    key = need_api_key(ctx)
    for value in (
        f"Bearer {secrets.token_hex(16)}",
        f"Bearer {key}x",
        f"Bearer {key[:-1]}",
        f"Basic {key}",
        "Bearer",
        key,
    ):
        expect_unauthenticated(ctx, {"Authorization": value})


@check("auth.everywhere", "Every operation needs an API key that openapi.yaml does not except", "#tenants")
def auth_everywhere(ctx: Context) -> None:
    need_api_key(ctx)
    for method, path in ctx.contract.protected():
        if path != "/infer/plain":  # may be switched off, which is told first
            body = b"{}" if method == "POST" else None
            target = path.replace("{job_id}", "0" * 32).replace("{evaluation_key_id}", "0" * 64)
            exchange = ctx.ask(method, target, body, JSON_BODY if body else None, who={})
            if method == "HEAD":
                ctx.expect_status(exchange, 401)
            else:
                ctx.expect_error(exchange, "UNAUTHENTICATED")


@check("auth.open", "GET /health, /ready and /openapi.json need no API key", "#tenants")
def auth_open(ctx: Context) -> None:
    need_api_key(ctx)
    for target in ("/health", "/ready", "/openapi.json"):
        for who in ({}, {"Authorization": "Bearer wrong"}):
            ctx.expect_status(ctx.get(target, who=who), 200)


@check("auth.forbidden", "X-Tenant-ID of another tenant than the key's is 403 FORBIDDEN", "#tenants")
def auth_forbidden(ctx: Context) -> None:
    need_api_key(ctx)
    stranger = {"X-Tenant-ID": f"conformance-{secrets.token_hex(4)}"}
    ctx.expect_error(ctx.get(NO_JOB, stranger), "FORBIDDEN")
    ctx.expect_error(ctx.post(ctx.honest.document(), stranger), "FORBIDDEN")


@check(
    "auth.order", "Route and method are judged before the API key, header fields and body after it", "#validation-order"
)
def auth_order(ctx: Context) -> None:
    need_api_key(ctx)
    ctx.expect_error(ctx.get("/nothing", who={}), "NOT_FOUND")
    ctx.expect_error(ctx.ask("PUT", "/models", b"", who={}), "METHOD_NOT_ALLOWED")
    ctx.expect_error(ctx.ask("POST", "/infer", b"{", {"Content-Type": "text/plain"}, who={}), "UNAUTHENTICATED")
    ctx.expect_error(ctx.post(b"{", who={}), "UNAUTHENTICATED")
