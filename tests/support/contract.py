"""What the contract says about a reply, read from openapi.yaml, schemas/ and docs/api.md."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterable
from typing import Any, NamedTuple

import yaml
from jsonschema import Draft202012Validator

from support.http import Reply
from support.server import ROOT

BINARY = "application/octet-stream"
HEADER_LENGTH = "Inference-Header-Content-Length"

provoked: set[str] = set()  # error codes that a server has sent to check_error() or check_failed_job()
answered: set[tuple[str, int]] = set()  # operations and statuses that check_reply() has seen


def load_yaml(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


@functools.cache
def schema_file(name: str) -> Any:
    return json.loads((ROOT / name).read_text(encoding="utf-8"))


def pointed_at(document: Any, fragment: str) -> Any:
    for part in fragment.strip("/").split("/") if fragment else []:
        document = document[part.replace("~1", "/").replace("~0", "~")]
    return document


def flatten(node: Any, base: Any) -> Any:
    """A document without references: each is replaced by what it points at, in `base` or in a schema file."""
    if isinstance(node, list):
        return [flatten(item, base) for item in node]
    if not isinstance(node, dict):
        return node
    if isinstance(node.get("$ref"), str):
        assert set(node) == {"$ref"}
        file, _, fragment = node["$ref"].partition("#")
        base = schema_file(file) if file else base
        return flatten(pointed_at(base, fragment), base)
    return {key: flatten(value, base) for key, value in node.items() if key not in ("$id", "$schema", "$defs")}


def flat_openapi(document: Any) -> Any:
    """An OpenAPI document with its references resolved, and without the schemas that only references need."""
    flat = flatten(document, document)
    flat["components"].pop("schemas", None)
    return flat


@functools.cache
def openapi() -> Any:
    return flat_openapi(load_yaml("openapi.yaml"))


@functools.cache
def validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(schema_file(f"schemas/{name}.schema.json"))


def violations(name: str, document: Any) -> list[str]:
    """What is wrong with `document` after schemas/NAME.schema.json."""
    return [f"{error.json_path}: {error.message[:300]}" for error in validator(name).iter_errors(document)]


def operation_of(method: str, target: str) -> Any:
    """The operation of openapi.yaml that answers; None for a resource or a method that it does not list."""
    path = target.partition("?")[0]
    for pattern, item in openapi()["paths"].items():
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]*", pattern), path):
            return item.get(method.lower()) or item.get({"HEAD": "get"}.get(method, method.lower()))
    return None


def check_reply(method: str, target: str, reply: Reply) -> None:
    """A reply to a request for a listed operation is one that openapi.yaml lists: status, header fields, body."""
    operation = operation_of(method, target)
    assert operation is not None
    answered.add((operation["operationId"], reply.status))
    where = f"{method} {target[:80]}: {reply.status}"
    documented = operation["responses"].get(str(reply.status))
    assert documented is not None, f"{where} is not documented"
    headers = documented["headers"]
    is_binary = reply.header("Content-Type") == BINARY
    assert (reply.header(HEADER_LENGTH) is not None) == is_binary, where
    for name, header in headers.items():
        value = reply.header(name)
        if name == HEADER_LENGTH and not is_binary:
            continue
        assert value is not None, f"{where}: {name} is missing"
        assert Draft202012Validator(header["schema"]).is_valid(value), f"{where}: {name}: {value}"
    for name in ("Retry-After", "Allow", "Location"):
        assert (reply.header(name) is not None) == (name in headers), f"{where}: {name}"
    if "content" not in documented:
        assert reply.body == b"" and reply.header("Content-Type") is None, where
        return
    media = documented["content"][reply.header("Content-Type")]
    if method == "HEAD":
        return
    schema = (media["x-json-header"] if is_binary else media)["schema"]
    document = reply.json_header()[0] if is_binary else reply.json()
    assert not list(Draft202012Validator(schema).iter_errors(document)), where


def documented_responses() -> set[tuple[str, int]]:
    operations = [operation for item in openapi()["paths"].values() for operation in item.values()]
    return {(operation["operationId"], int(status)) for operation in operations for status in operation["responses"]}


REQUEST_LINE = re.compile(r'\bmethod"?[:=]"([^"]+)"[, ] ?"?route"?[:=]"(/[^"]*)"[, ] ?"?status"?[:=](\d+)')


def logged_responses(log: str) -> set[tuple[str, int]]:
    """Operations and statuses in a server's log. A method that a resource does not have counts for those that it has."""
    found: set[tuple[str, int]] = set()
    for method, route, status in set(REQUEST_LINE.findall(log)):
        if (method, status) == ("OPTIONS", "204"):
            continue  # a preflight of CORS, which the document leaves to that protocol
        item = openapi()["paths"].get(route, {})
        operation = item.get(method.lower()) or item.get({"HEAD": "get"}.get(method, method.lower()))
        named = [operation] if operation else list(item.values())
        found |= {(each["operationId"], int(status)) for each in named} or {(route, int(status))}
    return found


class Documented(NamedTuple):
    status: int
    retryable: bool
    released: bool


@functools.cache
def documented_codes() -> dict[str, Documented]:
    """The table of error codes in docs/api.md."""
    rows = re.findall(
        r"^\| `([A-Z_]+)` \| (\d{3}) \| (yes|no) \| (1\.[01]|reserved: v1\.1) \|",
        (ROOT / "docs" / "api.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    return {code: Documented(int(status), retry == "yes", not since.startswith("reserved")) for code, status, retry, since in rows}


def schema_codes() -> set[str]:
    return set(schema_file("schemas/error.schema.json")["$defs"]["error"]["properties"]["code"]["enum"])


# Words of libraries, of the system and of the machine that have no place in what a client reads.
FOREIGN_WORDS = re.compile(
    r"boost|beast|asio|std::|exception|bad_alloc|logic_error|what\(\)|sqlite|valijson|openssl|errno|\.cpp|\.h\b|0x"
    r"|no such table|/tmp|/root|/home|/usr|/proc|/build|/src|segmentation|assert|stack|thread",
    re.IGNORECASE,
)
LONG_DATA = re.compile(r"[0-9a-fA-F]{24,}|[A-Za-z0-9+/=]{40,}")


def check_no_leak(text: str, sent: Iterable[str] = ()) -> None:
    """An error text says nothing of the machine, of libraries, or of what was sent."""
    assert not (found := FOREIGN_WORDS.search(text)), f"{found} in {text}"
    assert not (found := LONG_DATA.search(text)), f"{found} in {text}"
    for each in sent:
        assert each not in text


def check_error(reply: Reply, status: int, code: str, details: dict[str, str] | None = None) -> None:
    """Exactly this error, in the one form that errors have."""
    assert reply.header("Content-Type") == "application/json"
    document = reply.json()
    assert (reply.status, document["error"]["code"]) == (status, code), document
    assert not violations("error", document)
    assert documented_codes()[code].status == status
    assert (reply.header("Retry-After") is not None) == documented_codes()[code].retryable
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,128}", reply.header("X-Request-ID") or "")
    assert (reply.header("Allow") is not None) == (status == 405)
    check_no_leak(reply.body.decode())
    if details is not None:
        sent = document["error"].get("details", {})
        assert {name: sent.get(name) for name in details} == details, document
    provoked.add(code)


def check_failed_job(job: Any, code: str) -> None:
    assert not violations("job", job)
    assert (job["status"], job.get("error", {}).get("code")) == ("failed", code), job
    check_no_leak(job["error"]["message"])
    provoked.add(code)
