"""SEAL minor versions: the reply speaks that of the request, in every header."""

from __future__ import annotations

from einfer_conformance.context import Context, hex_input
from einfer_conformance.registry import add, check
from einfer_conformance.seal_bytes import Header, read_ciphertext, write_ciphertext


def in_minor(data: bytes, minor: int) -> bytes:
    return write_ciphertext(read_ciphertext(data).in_minor(minor))


def echo(minor: int) -> None:
    def run(ctx: Context) -> None:
        inputs = [hex_input(in_minor(payload, minor)) for payload in ctx.honest.payloads]
        result, exchange = ctx.result(ctx.honest.document(inputs=inputs))
        payload = ctx.payload_of(result, exchange)
        outer, nested = Header.read(payload), read_ciphertext(payload).words_header
        for name, header in (("outer", outer), ("nested", nested)):
            said = f"{header.major}.{header.minor}"
            ctx.expect(said == f"4.{minor}", f"the {name} header says SEAL {said}, the request 4.{minor}", exchange)
        answers = ctx.client.decrypt(in_minor(payload, 4))[: len(ctx.honest.rows)]
        worst = max(abs(answer - clear) for answer, clear in zip(answers, ctx.honest.clear(), strict=True))
        ctx.expect(worst <= result["error_bound"], f"the answer is off by {worst}", exchange)

    add(
        f"versions.minor-{minor}",
        f"SEAL 4.{minor} is taken, and answered in 4.{minor} in all headers",
        "docs/api.md#ciphertexts",
        run,
    )


for _minor in range(5):
    echo(_minor)


@check("versions.mixed", "Inputs of two SEAL minors are 400 INVALID_CIPHERTEXT", "#ciphertexts")
def mixed(ctx: Context) -> None:
    ctx.need_inputs(2)
    inputs = [hex_input(payload) for payload in ctx.honest.payloads]
    inputs[-1] = hex_input(in_minor(ctx.honest.payloads[-1], 1))
    ctx.expect_error(ctx.post(ctx.honest.document(inputs=inputs)), "INVALID_CIPHERTEXT")
