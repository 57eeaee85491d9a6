"""Three verdicts on generated documents: our validator's, another library's, and the running program's. They must be equal.

Documents: the accepted examples of the contract and generated ones, each changed at every keyword of its schema. What a
server may receive goes to the server; registry entries go to `einfer-server --check`. For what a server sends, the third
verdict is that every reply of every test is valid: contract.check_reply().

EINFER_LONG=1 takes many more.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import functools
import json
import math
import os
import pathlib
import subprocess
from collections.abc import Iterable
from typing import Any

import pytest

from support.contract import validator
from support.http import JSON_BODY, Connection, binary_body, request_bytes
from support.instances import Changes, Generator, keyword_places
from support.server import BINARY, PATIENCE, ROOT, Server, run_server

SCHEMAS = sorted(path.name.removesuffix(".schema.json") for path in (ROOT / "schemas").glob("*.schema.json"))
LONG = os.environ.get("EINFER_LONG") == "1"
GENERATED = 25 if LONG else 2  # documents of a schema, besides the examples

VALID, INVALID, LIMIT = "valid", "invalid", "limit"


@functools.cache
def broken_places(name: str, text: str) -> frozenset[str]:
    """Keywords of the schema that the document breaks, after Python's validator for draft 2020-12."""
    errors = validator(name).iter_errors(json.loads(text))
    return frozenset("/" + "/".join(str(step) for step in error.absolute_schema_path) for error in errors)


@functools.cache
def texts(name: str) -> tuple[str, ...]:
    generator = Generator(name)
    bases = [json.loads(path.read_text(encoding="utf-8"))
             for path in sorted((ROOT / "docs" / "api" / "examples" / name / "accept").glob("*.json"))]
    bases += [generator.document() for _ in range(GENERATED)]
    return tuple(dict.fromkeys(text for base in bases for text in Changes(generator, base)))


def their_verdict(name: str, text: str) -> str:
    return INVALID if broken_places(name, text) else VALID


@functools.cache
def our_verdicts(name: str) -> list[str]:
    program = BINARY.parent / "schema_check"
    lines = "".join(f"{name}\t{text}\n" for text in texts(name))
    found = subprocess.run([program], input=lines.encode(), capture_output=True, check=True, timeout=10 * PATIENCE)
    return found.stdout.decode().splitlines()


# --- What is meant to be different -----------------------------------------------------------------------------------------


def strings_of(node: Any) -> Iterable[str]:
    if isinstance(node, str):
        yield node
    for each in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from strings_of(each)


def numbers_of(text: str) -> list[float]:
    found: list[float] = []
    json.loads(text, parse_float=lambda number: found.append(float(number)), parse_int=lambda number: found.append(float(number)))
    return found


def ends_with_line_break(text: str) -> bool:
    """Python's `$` also matches before a line break at the end; that of ECMA-262, which JSON Schema means, does not."""
    return any(string.endswith("\n") for string in strings_of(json.loads(text)))


def has_long_string(text: str) -> bool:
    """A string of more than 8192 bytes fits no pattern of ours, so that the stack stays bounded."""
    return any(len(string.encode()) > 8192 for string in strings_of(json.loads(text)))


def has_huge_integer(text: str) -> bool:
    """A whole number beyond 64 bits is no integer for our reader. Only counts of bytes in `keys` have no maximum below that."""
    return "byte_counts" in text and any(2**63 <= abs(number) < math.inf for number in numbers_of(text))


def has_number_beyond_doubles(text: str) -> bool:
    """docs/api.md: a number outside the range of doubles is a SCHEMA_VIOLATION. Schemas cannot say so."""
    return any(math.isinf(number) for number in numbers_of(text))


def is_over_a_limit(text: str) -> bool:
    """A string outside of payloads of more than 4096 bytes, or too many values: 413, whatever the schema says."""
    return any(len(string.encode()) > 4096 for string in strings_of(json.loads(text))) or len(text) > 100_000


DIFFERENCES = (ends_with_line_break, has_long_string, has_huge_integer, has_number_beyond_doubles)


def is_meant(theirs: str, ours: str, text: str) -> bool:
    if ours == LIMIT:
        return is_over_a_limit(text)
    return (theirs, ours) == (VALID, INVALID) and any(differs(text) for differs in DIFFERENCES)


def check_equal(name: str, texts: Iterable[str], verdicts: Iterable[str]) -> None:
    differences = [
        f"{theirs}, {ours}: {text[:300]}" for text, ours in zip(texts, verdicts, strict=True)
        if (theirs := their_verdict(name, text)) != ours and not is_meant(theirs, ours, text)
    ]
    assert not differences, f"{len(differences)} differences:\n" + "\n".join(differences[:20])


# --- The comparisons -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SCHEMAS)
def test_two_validators_agree(name: str) -> None:
    check_equal(name, texts(name), our_verdicts(name))


def test_no_difference_is_listed_that_is_none() -> None:
    """Numbers beyond doubles are a matter of requests: the validator alone lets them pass."""
    found = {
        differs for name in SCHEMAS for text, ours in zip(texts(name), our_verdicts(name), strict=True)
        if (their_verdict(name, text), ours) == (VALID, INVALID) for differs in DIFFERENCES if differs(text)
    }
    assert found == set(DIFFERENCES) - {has_number_beyond_doubles}


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_documents_break_every_keyword(name: str) -> None:
    broken = {place for text in texts(name) for place in broken_places(name, text)}
    assert not keyword_places(name) - broken
    assert any(not broken_places(name, text) for text in texts(name))


FORMATS = {"pointer": "/result_format", "rule": "enum"}  # also of one that the schema knows and the model does not have


def server_verdicts(server: Server, target: str, texts: Iterable[str], *, binary: bool = False) -> list[str]:
    """`invalid` for SCHEMA_VIOLATION, `limit` for PAYLOAD_TOO_LARGE, `valid` for whatever comes after the schema."""
    found = []
    with contextlib.ExitStack() as stack:
        connection = stack.enter_context(Connection(server))
        for text in texts:
            body = text.encode()
            connection.send(request_bytes("POST", target, binary_body(len(body)) if binary else JSON_BODY, body))
            reply = connection.read_reply()
            code = "" if reply.status < 400 else reply.code
            assert code != "MALFORMED_JSON" and reply.status < 500, (reply.body, text[:300])
            found.append({"SCHEMA_VIOLATION": INVALID, "PAYLOAD_TOO_LARGE": LIMIT}.get(code, VALID))
            if found[-1] == INVALID and '"result_format": "compact"' in text and reply.json()["error"]["details"] == FORMATS:
                found[-1] = VALID
            if reply.header("Connection") == "close":
                connection = stack.enter_context(Connection(server))
    return found


@pytest.mark.parametrize(("name", "target"), [
    ("infer_request", "/infer"), ("infer_request_binary", "/infer"), ("infer_plain_request", "/infer/plain"),
])
def test_the_server_agrees(server: Server, name: str, target: str) -> None:
    """The header of a binary body comes with no bytes behind it: a good one is refused for that."""
    check_equal(name, texts(name), server_verdicts(server, target, texts(name), binary=name.endswith("_binary")))


CHECKED = 4000 if LONG else 300  # documents that cost a process each


def check_entry(directory: pathlib.Path, text: str) -> str:
    directory.mkdir()
    (directory / "model.json").write_text(text, encoding="utf-8")
    found = run_server("--check", "--models", str(directory))
    assert found.returncode in (0, 1), (found.returncode, found.stderr, text[:300])
    assert (found.returncode == 1) == ("fault" in found.stderr), found.stderr
    return INVALID if ": schema fault" in found.stderr else VALID


@pytest.mark.parametrize("name", ["registry_entry", "registry_entry_1_1"])
def test_the_registry_agrees(tmp_path: pathlib.Path, name: str) -> None:
    every = texts(name)
    chosen = every[:: max(1, len(every) // CHECKED)]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        live = list(pool.map(check_entry, (tmp_path / str(number) for number in range(len(chosen))), chosen))
    check_equal(name, chosen, live)
