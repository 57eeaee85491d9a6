"""Idempotency keys: a repeated request is the same job."""

from __future__ import annotations

import json
import secrets
from typing import Any

from einfer_conformance.context import Context, Headers, base64_input
from einfer_conformance.http import Exchange
from einfer_conformance.registry import NotOffered, check

FIELD = "Idempotency-Key"


def send(ctx: Context, key: str, document: Any, who: Headers | None = None) -> Exchange:
    return ctx.post(document, {FIELD: key}, who=who)


def job_of(ctx: Context, key: str, document: Any, who: Headers | None = None) -> str:
    return ctx.expect_status(send(ctx, key, document, who), 200, 202)["job_id"]


def need_idempotency(ctx: Context) -> None:
    if ctx.heeds_idempotency is None:
        key = secrets.token_hex(16)
        ctx.heeds_idempotency = len({job_of(ctx, key, ctx.honest.document()) for _ in range(3)}) < 3
    if not ctx.heeds_idempotency:
        raise NotOffered("Idempotency-Key is ignored")


@check("idempotency.same", "The same key and request is the same job, also when that is final", "#retrying")
def same(ctx: Context) -> None:
    need_idempotency(ctx)
    key = secrets.token_hex(16)
    jobs = [job_of(ctx, key, ctx.honest.document()) for _ in range(3)]
    jobs.append(job_of(ctx, key, json.dumps(ctx.honest.document(), indent=1).encode()))
    ctx.final(jobs[0])
    jobs.append(job_of(ctx, key, ctx.honest.document()))
    ctx.expect(len(set(jobs)) == 1, f"one key, several jobs: {jobs}", ctx.exchanges[-1])


@check(
    "idempotency.conflict",
    "The same key with other ciphertexts, batch or encoding is 409 IDEMPOTENCY_CONFLICT",
    "#retrying",
)
def conflict(ctx: Context) -> None:
    need_idempotency(ctx)
    key, honest = secrets.token_hex(16), ctx.honest
    job_of(ctx, key, honest.document())
    others = [
        ctx.make_honest(ctx.model, len(honest.rows)).document(),
        honest.document(inputs=[base64_input(payload) for payload in honest.payloads]),
    ]
    if len(honest.rows) > 1:
        others.append(honest.document(batch_size=None))
    for document in others:
        ctx.expect_error(send(ctx, key, document), "IDEMPOTENCY_CONFLICT")


@check("idempotency.distinct", "Another key, or none, is another job", "#retrying")
def distinct(ctx: Context) -> None:
    need_idempotency(ctx)
    jobs = [job_of(ctx, secrets.token_hex(16), ctx.honest.document()) for _ in range(2)]
    jobs += [ctx.submit(ctx.honest.document()) for _ in range(2)]
    ctx.expect(len(set(jobs)) == 4, f"{jobs}", ctx.exchanges[-1])


@check("idempotency.tenants", "Keys of two tenants have nothing to do with one another", "#retrying")
def tenants(ctx: Context) -> None:
    stranger = ctx.stranger()
    need_idempotency(ctx)
    key = secrets.token_hex(16)
    mine, theirs = job_of(ctx, key, ctx.honest.document()), job_of(ctx, key, ctx.honest.document(), stranger)
    ctx.expect(mine != theirs, "two tenants share a job", ctx.exchanges[-1])
    ctx.final(mine)
    ctx.final(theirs, who=stranger)


@check("idempotency.names", "A key is 1 to 255 visible ASCII characters; another is 400 SCHEMA_VIOLATION", "#retrying")
def names(ctx: Context) -> None:
    need_idempotency(ctx)
    for key in ("!" + secrets.token_hex(4) + "~", secrets.token_hex(128)[:255]):
        job_of(ctx, key, ctx.honest.document())
    for key in ("a b", "x" * 256, "ä"):
        ctx.expect_error(send(ctx, key, ctx.honest.document()), "SCHEMA_VIOLATION", FIELD)


@check(
    "idempotency.order",
    "The request is checked before the key is looked up, and one that is refused does not use it up",
    "#validation-order",
)
def order(ctx: Context) -> None:
    need_idempotency(ctx)
    key = secrets.token_hex(16)
    for _ in range(2):
        ctx.expect_error(send(ctx, key, ctx.small(batch_size=0)), "SCHEMA_VIOLATION")
        ctx.expect_error(send(ctx, key, ctx.small()), "INVALID_CIPHERTEXT")
        job_of(ctx, key, ctx.honest.document())
