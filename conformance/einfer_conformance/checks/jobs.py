"""Jobs and results."""

from __future__ import annotations

import re
import struct
import time

from einfer_conformance.context import NO_JOB, Context, base64_input, hex_input
from einfer_conformance.registry import NotOffered, check
from einfer_conformance.seal_bytes import METADATA, Header, read_ciphertext

RANK = {"queued": 0, "running": 1, "completed": 2, "failed": 2}
POLLS = 200


@check("jobs.location", "202 has Location: /jobs/{job_id}", "#post-infer")
def location(ctx: Context) -> None:
    exchange = ctx.post(ctx.honest.document())
    accepted = ctx.expect_status(exchange, 202)
    wanted = f"{ctx.endpoint.prefix}/jobs/{accepted['job_id']}"
    said = exchange.answer.header("Location")
    ctx.expect(said is not None and said in (wanted, f"/jobs/{accepted['job_id']}"), f"Location: {said}", exchange)


@check("jobs.id", "A job_id is 32 lower-case hex digits, another one each time", "schemas/accepted.schema.json")
def job_id(ctx: Context) -> None:
    ids = [ctx.submit(ctx.honest.document()) for _ in range(3)]
    ctx.expect(all(re.fullmatch("[0-9a-f]{32}", each) for each in ids), f"{ids}")
    ctx.expect(len(set(ids)) == 3, f"the same job for several requests: {ids}")


@check("jobs.monotonic", "A job only moves forward: queued, running, then completed or failed", "#invariants")
def monotonic(ctx: Context) -> None:
    jobs = [ctx.submit(ctx.honest.document()) for _ in range(3)]
    for each in jobs:
        highest = 0
        for _ in range(POLLS):
            exchange = ctx.get(f"/jobs/{each}")
            status = ctx.expect_status(exchange, 200)["status"]
            ctx.expect(status in RANK, f"unknown status {status}", exchange)
            ctx.expect(RANK[status] >= highest, f"{status}, after a later status", exchange)
            if highest == 2:
                break
            highest = RANK[status]
            time.sleep(0.005)
        for _ in range(5):  # and it stays so
            exchange = ctx.get(f"/jobs/{each}")
            ctx.expect(
                RANK.get(exchange.answer.json()["status"]) == 2 or highest < 2, "a final job moves back", exchange
            )


@check("jobs.completes", "A right request completes, with its result", "#invariants")
def completes(ctx: Context) -> None:
    ctx.result(ctx.honest.document())


@check("jobs.immutable", "A final job never changes: repeated polls are the same, byte by byte", "#invariants")
def immutable(ctx: Context) -> None:
    job, first = ctx.final(ctx.submit(ctx.honest.document()))
    for headers in ({}, {}, {"Prefer": "wait=1"}, {}):
        exchange = ctx.get(f"/jobs/{job['job_id']}", headers)
        ctx.expect_status(exchange, 200)
        ctx.expect(exchange.answer.body == first.answer.body, "another body than before", exchange)


@check("jobs.name", "The job object names the job that was asked for", "#get-jobsjob_id")
def name(ctx: Context) -> None:
    each = ctx.submit(ctx.honest.document())
    job, exchange = ctx.final(each)
    ctx.expect(job["job_id"] == each, f"{job['job_id']} instead of {each}", exchange)


@check(
    "jobs.times", "created_at, started_at and finished_at of a completed job are there and in order", "#get-jobsjob_id"
)
def times(ctx: Context) -> None:
    _, exchange = ctx.answered
    job = exchange.answer.json()
    stamps = [job.get(each) for each in ("created_at", "started_at", "finished_at")]
    ctx.expect(None not in stamps, f"{stamps}", exchange)
    ctx.expect(stamps == sorted(stamps), f"out of order: {stamps}", exchange)


@check("jobs.long-poll", "GET /jobs/{job_id} with Prefer: wait answers when the job is final", "#get-jobsjob_id")
def long_poll(ctx: Context) -> None:
    exchange = ctx.get(
        f"/jobs/{ctx.submit(ctx.honest.document())}", {"Prefer": f"wait={int(ctx.options.timeout / 2) or 1}"}
    )
    if ctx.expect_status(exchange, 200)["status"] in ("queued", "running"):
        raise NotOffered("Prefer: wait is not heeded")


@check("jobs.unknown-alike", "404 of a job has the same body for every id that is none", "#tenants")
def unknown_alike(ctx: Context) -> None:
    first = ctx.get(NO_JOB)
    for each in ("f" * 32, "x", "0" * 33):
        exchange = ctx.get(f"/jobs/{each}")
        ctx.expect_error(exchange, "UNKNOWN_JOB")
        ctx.expect(exchange.answer.body == first.answer.body, "another body than for other ids", exchange)


@check("jobs.result-model", "result names the model that was asked for", "#get-jobsjob_id")
def result_model(ctx: Context) -> None:
    for model in ctx.models:
        honest = ctx.make_honest(model, 1)
        result, exchange = ctx.result(honest.document())
        wanted = (model["model_id"], model["version"])
        ctx.expect((result["model_id"], result["version"]) == wanted, f"{wanted} expected", exchange)


@check("jobs.diagnostics", "diagnostics give the batch size twice, and batch_truncated is false", "#get-jobsjob_id")
def diagnostics(ctx: Context) -> None:
    result, exchange = ctx.answered
    size = len(ctx.honest.rows)
    wanted = {"requested_batch_size": size, "processed_batch_size": size, "batch_truncated": False}
    ctx.expect(result["diagnostics"] == wanted, f"{result['diagnostics']} must be {wanted}", exchange)


@check("jobs.digest", "request_digest is the SHA-256 over the decoded bytes of all inputs in order", "#get-jobsjob_id")
def digest(ctx: Context) -> None:
    result, exchange = ctx.answered
    ctx.expect(result["request_digest"] == ctx.honest.digest(), f"{ctx.honest.digest()} expected", exchange)


@check("jobs.encoding", "The result has the encoding of the request's first input", "#post-infer")
def encoding(ctx: Context) -> None:
    for wanted, first, others in (("hex", hex_input, base64_input), ("base64", base64_input, hex_input)):
        payloads = ctx.honest.payloads
        inputs = [first(payloads[0]), *(others(each) for each in payloads[1:])]
        result, exchange = ctx.result(ctx.honest.document(inputs=inputs))
        ctx.expect(result["encoding"] == wanted, f"encoding is {result['encoding']}, must be {wanted}", exchange)
        ctx.payload_of(result, exchange)


@check("jobs.hex", "Hex in replies is lower-case", "#post-infer")
def hex_case(ctx: Context) -> None:
    result, exchange = ctx.answered
    ctx.expect(bool(re.fullmatch("(?:[0-9a-f]{2})+", result["payload"])), "payload is not lower-case hex", exchange)


@check(
    "jobs.result-form",
    "The result is uncompressed, of size 2 (3 if quadratic), with words below their primes",
    "#ciphertexts",
)
def result_form(ctx: Context) -> None:
    result, exchange = ctx.answered
    payload = ctx.payload_of(result, exchange)
    header = Header.read(payload)
    ctx.expect(
        (header.magic, header.header_size, header.compression, header.reserved) == (0xA15E, 16, 0, 0),
        f"{header}",
        exchange,
    )
    ctx.expect(header.size == len(payload), f"{header.size} bytes announced, {len(payload)} sent", exchange)
    ciphertext = read_ciphertext(payload)
    quadratic = ctx.model["activation_parameters"]["coefficients"][2] != 0
    ctx.expect(ciphertext.size == 2 or (ciphertext.size == 3 and quadratic), f"size {ciphertext.size}", exchange)
    ctx.expect(ciphertext.is_ntt_form == 1 and ciphertext.correction_factor == 1, "not in NTT form", exchange)
    shape = (ciphertext.degree, 1 <= ciphertext.primes <= len(ctx.client.primes))
    ctx.expect(shape == (ctx.client.degree, True), f"N {ciphertext.degree}, {ciphertext.primes} primes", exchange)
    count = ciphertext.size * ciphertext.degree * ciphertext.primes
    whole = len(payload) == 16 + METADATA.size + 24 + 8 * count and ciphertext.word_count == count
    ctx.expect(whole, "the number of words is wrong", exchange)
    words = struct.unpack(f"<{count}Q", ciphertext.words)
    for place, word in enumerate(words):
        prime = ctx.client.primes[place // ciphertext.degree % ciphertext.primes]
        ctx.expect(word < prime, f"word {place} is {word}, not below {prime}", exchange)
