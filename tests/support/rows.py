"""Wrong requests as rows of tables, and what is expected of each refusal."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import seal

from support import contract
from support.honest import GoodRequest, HonestRequest, hex_input, to_body
from support.http import JSON_BODY, Reply, ask
from support.seal_bytes import Ciphertext, join, read_ciphertext, scale_bytes
from support.server import Server

Details = dict[str, str]

PRIMES = [modulus.value() for modulus in seal.CoeffModulus.Create(4096, [36, 36, 37])][:2]  # of the small model's data


@dataclasses.dataclass(frozen=True)
class Ask:
    body: bytes | None = None
    headers: dict[str, str] = dataclasses.field(default_factory=lambda: JSON_BODY)
    method: str = "POST"
    target: str = "/infer"

    def send(self, server: Server) -> Reply:
        return ask(server, self.method, self.target, self.body, self.headers)


@dataclasses.dataclass(frozen=True)
class Row:
    name: str
    status: int
    code: str
    ask: Callable[[HonestRequest], Ask]
    details: Details | None = None

    def __str__(self) -> str:
        return f"{self.code}: {self.name}"


def body(name: str, status: int, code: str, data: bytes, details: Details | None = None) -> Row:
    """A body as it stands."""
    return Row(name, status, code, lambda _: Ask(data), details)


def small(**changes: Any) -> dict[str, Any]:
    """A request that fits the schema and the small model, and whose payloads are too short to be anything."""
    document = {"model_id": "pair_v1", "version": "1.0.0", "batch_size": 1, "inputs": [hex_input(b"\x5e")] * 2, **changes}
    return {name: value for name, value in document.items() if value is not None}


def document(name: str, status: int, code: str, details: Details | None = None, **changes: Any) -> Row:
    return body(name, status, code, to_body(small(**changes)), details)


MEMORY = 4 << 20  # bytes that a server may take for a request that it refuses


def check_refused(server: Server, good: GoodRequest, asked: Ask, row: Row) -> None:
    """Refused as the row says, with nothing left behind and no memory taken, whatever the bytes promise to be."""
    jobs, files = server.job_count(), server.data_files()
    server.reset_peak_memory()
    memory = server.memory()
    reply = asked.send(server)
    assert server.peak_memory() - memory < MEMORY
    contract.check_error(reply, row.status, row.code, row.details)
    if contract.operation_of(asked.method, asked.target):
        contract.check_reply(asked.method, asked.target, reply)
    assert (server.job_count(), server.data_files()) == (jobs, files)
    good.check(server)


def wrong_scale(c: Ciphertext) -> bytes:
    return join(c.but(scale=scale_bytes(2.0**31)).write())


def wrong_word(c: Ciphertext) -> bytes:
    return join(c.with_word(0, PRIMES[0]).write())


def mutated(name: str, change: Callable[[bytes], bytes], status: int = 400, code: str = "INVALID_CIPHERTEXT") -> Row:
    """The bytes of an honest ciphertext, changed."""
    return Row(name, status, code, lambda pair: Ask(pair.body_with(change(pair.payloads[0]))))


def ciphertext(
    name: str, change: Callable[[Ciphertext], Ciphertext], status: int = 400, code: str = "INVALID_CIPHERTEXT"
) -> Row:
    """An honest ciphertext with fields changed, under an honest outer header."""
    return mutated(name, lambda data: join(change(read_ciphertext(data)).write()), status, code)
