"""What a defect is, and the ways to make one."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable

import seal
from broken_proxy import Answer, Behaviour, Request, on_answer, on_request


@dataclasses.dataclass(frozen=True)
class Defect:
    name: str
    only: list[str]  # groups and checks that run
    fails: set[str]  # exactly these of them must fail
    make: Callable[[], Behaviour]
    api_keys: bool = False

    def __str__(self) -> str:
        return self.name


DEFECTS: list[Defect] = []


def defect(name: str, only: str, fails: str, make: Callable[[], Behaviour], *, api_keys: bool = False) -> None:
    DEFECTS.append(Defect(name, only.split(), set(fails.split()), make, api_keys))


def in_answers(name: str, only: str, fails: str) -> Callable[[Callable[[Request, Answer], None]], None]:
    return lambda change: defect(name, only, fails, on_answer(change))


def in_requests(name: str, only: str, fails: str) -> Callable[[Callable[[Request], Answer | None]], None]:
    return lambda change: defect(name, only, fails, on_request(change))


def in_first_input(change: Callable[[dict[str, str]], object]) -> Callable[[Request], Answer | None]:
    """`change` gets the first input if it is an object of strings."""

    def run(request: Request) -> Answer | None:
        document = request.json()
        if not (request.is_infer and isinstance(document, dict) and isinstance(document.get("inputs"), list)):
            return None
        first = next(iter(document["inputs"]), None)
        if isinstance(first, dict) and all(isinstance(first.get(name), str) for name in ("encoding", "payload")):
            before = json.dumps(first)
            if change(first) == "accepted":
                job = {"job_id": "0" * 32, "status": "accepted"}
                answer = Answer(
                    202, {"Content-Type": "application/json", "X-Request-ID": "x", "Location": "/jobs/" + "0" * 32}, b""
                )
                answer.set_json(job)
                return answer
            if json.dumps(first) != before:
                request.set_json(document)
        return None

    return run


def first_bytes(first: dict[str, str]) -> bytes:
    try:
        return bytes.fromhex(first["payload"]) if first["encoding"] == "hex" else b""
    except ValueError:
        return b""


def small_primes() -> list[int]:
    return [modulus.value() for modulus in seal.CoeffModulus.Create(4096, [36, 36, 37])][:2]
