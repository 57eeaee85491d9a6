"""Every model, end to end: random rows, encrypted and decrypted here, are compared with the polynomial in clear."""

from __future__ import annotations

from collections.abc import Callable

from einfer_conformance.context import SEVERAL, Context, base64_input, hex_input
from einfer_conformance.crypto import Client, Model
from einfer_conformance.registry import Violation, add
from einfer_conformance.seal_bytes import BLAKE2XB, NONE, SHAKE256, ZLIB, ZSTD, read_ciphertext, write_ciphertext

SANITY = 0.05  # no error bound excuses more, for answers of the size of 1
Convert = Callable[[Client, bytes], bytes]


def several(model: Model) -> int:
    return min(SEVERAL, model["constraints"]["max_batch_size"])


def round_trip(
    ctx: Context, model: Model, rows: int, convert: Convert | None, encode: Callable[[bytes], dict[str, str]]
) -> None:
    honest = ctx.make_honest(model, rows, convert)
    result, exchange = ctx.result(honest.document(inputs=[encode(payload) for payload in honest.payloads]))
    name = f"{model['model_id']} {model['version']}"
    ctx.expect(
        result["request_digest"] == honest.digest(), f"{name}: request_digest must be {honest.digest()}", exchange
    )
    payload = ctx.payload_of(result, exchange)
    try:
        answers = honest.client.decrypt(payload)[:rows]
    except (ValueError, RuntimeError) as fault:
        raise Violation(f"{name}: SEAL does not take the result: {fault}", exchange) from fault
    for row, (answer, clear) in enumerate(zip(answers, honest.clear(), strict=True)):
        bound = min(result["error_bound"], SANITY * max(1.0, abs(clear)))
        right = abs(answer - clear) <= bound  # false for NaN, too
        ctx.expect(right, f"{name}: row {row} decrypts to {answer}, in clear it is {clear}; bound {bound}", exchange)


def accuracy(
    name: str,
    what: str,
    rows: Callable[[Model], int],
    convert: Convert | None = None,
    encode: Callable[[bytes], dict[str, str]] = hex_input,
) -> None:
    def run(ctx: Context) -> None:
        for model in ctx.models:
            round_trip(ctx, model, rows(model), convert, encode)

    add(f"accuracy.{name}", f"Every model answers {what} within error_bound", "docs/api.md#get-jobsjob_id", run)


def seeded(generator: int, mode: int = NONE) -> Convert:
    return lambda client, data: write_ciphertext(client.seeded(data, generator), mode)


def compressed(mode: int) -> Convert:
    return lambda client, data: write_ciphertext(read_ciphertext(data), mode)


accuracy("one-row", "one row", lambda _: 1)
accuracy("several-rows", "several rows", several)
accuracy("full-batch", "as many rows as it takes", lambda model: model["constraints"]["max_batch_size"])
accuracy("base64", "inputs in base64", several, encode=base64_input)
accuracy("seeded-blake2xb", "seeded ciphertexts (Blake2xb)", several, seeded(BLAKE2XB))
accuracy("seeded-shake256", "seeded ciphertexts (SHAKE256)", several, seeded(SHAKE256))
accuracy("zlib", "ciphertexts in zlib", several, compressed(ZLIB))
accuracy("zstd", "ciphertexts in zstd", several, compressed(ZSTD))
accuracy("seeded-zstd", "seeded ciphertexts in zstd", several, seeded(BLAKE2XB, ZSTD))
