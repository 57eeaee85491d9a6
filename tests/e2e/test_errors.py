"""Every step of validation and every error code, provoked over a socket.

One row, one wrong request: its status and code, that it says nothing it should not, that it leaves nothing behind, and that
the server goes on giving right answers.
"""

from __future__ import annotations

import base64
import dataclasses
import functools
import gzip
import json
import sqlite3
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy
import pytest
import seal
import zstandard

from support import contract
from support.he import SealPython, TenSeal
from support.honest import GoodRequest, HonestRequest, base64_input, hex_input, to_body
from support.http import JSON_BODY, Reply, ask, get, post
from support.models import PAIR, read_entry
from support.seal_bytes import (
    EMPTY_FRAME, NONE, SKIPPABLE_FRAME, ZLIB, ZSTD, Ciphertext, in_minor, join, read_ciphertext, scale_bytes, split,
    write_ciphertext, zstd_frame,
)
from support.server import Server

Details = dict[str, str]


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


# --- Envelope --------------------------------------------------------------------------------------------------------------

TEXT = to_body(small()).decode()
MALFORMED = {
    "empty": b"",
    "white space": b" \r\n",
    "truncated": TEXT[:-1].encode(),
    "truncated in a string": TEXT[:20].encode(),
    "truncated in a payload": TEXT[: TEXT.index('"5e"') + 2].encode(),
    "10,000 arrays deep": b"[" * 10_000 + b"]" * 10_000,
    "10,000 objects deep": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "10,000 arrays deep in a member": TEXT.replace('"1.0.0"', "[" * 10_000 + "]" * 10_000).encode(),
    "duplicate member": TEXT.replace("{", '{"version":"1.0.0",', 1).encode(),
    "duplicate member in an input": TEXT.replace('"payload"', '"payload":"5e","payload"', 1).encode(),
    "duplicate member, escaped": TEXT.replace("{", '{"ver\\u0073ion":"1.0.0",', 1).encode(),
    "invalid UTF-8": TEXT.encode().replace(b"pair_v1", b"pair\xff"),
    "overlong UTF-8": TEXT.encode().replace(b"pair_v1", b"pair\xc0\xaf"),
    "UTF-8 of a surrogate": TEXT.encode().replace(b"pair_v1", b"pair\xed\xa0\x80"),
    "invalid UTF-8 in a payload": TEXT.encode().replace(b'"5e"', b'"5e\xff"', 1),
    "lone surrogate": TEXT.replace("pair_v1", "\\ud800").encode(),
    "low surrogate first": TEXT.replace("pair_v1", "\\udc00\\ud800").encode(),
    "control character in a string": TEXT.encode().replace(b"pair_v1", b"pair\n"),
    "NUL in a payload": TEXT.encode().replace(b'"5e"', b'"5e\x00"', 1),
    "byte order mark": b"\xef\xbb\xbf" + TEXT.encode(),
    "UTF-16": TEXT.encode("utf-16"),
    "trailing byte": TEXT.encode() + b"x",
    "trailing NUL": TEXT.encode() + b"\x00",
    "trailing value": TEXT.encode() + b"{}",
    "trailing comma": TEXT.replace('"batch_size":1,', '"batch_size":1,,').encode(),
    "comment": TEXT.replace('"batch_size"', '/* one */"batch_size"').encode(),
    "single quotes": TEXT.replace('"', "'").encode(),
    "leading zero": TEXT.replace(":1,", ":01,").encode(),
    "plus sign": TEXT.replace(":1,", ":+1,").encode(),
    "no digit before the point": TEXT.replace(":1,", ":.5,").encode(),
    "NaN": TEXT.replace(":1,", ":NaN,").encode(),
    "Infinity": TEXT.replace(":1,", ":Infinity,").encode(),
    "unknown literal": TEXT.replace(":1,", ":True,").encode(),
}


def violation(name: str, pointer: str, rule: str | None, **changes: Any) -> Row:
    details = {"pointer": pointer} | ({"rule": rule} if rule else {})
    return document(name, 400, "SCHEMA_VIOLATION", details, **changes)


def input_with(**changes: Any) -> list[dict[str, Any]]:
    changed = {**hex_input(b"\x5e"), **changes}
    return [{name: value for name, value in changed.items() if value is not None}, hex_input(b"\x5e")]


ENVELOPE = [
    *(body(name, 400, "MALFORMED_JSON", data) for name, data in MALFORMED.items()),
    *(
        body(f"body is {name}", 400, "SCHEMA_VIOLATION", data, {"pointer": "", "rule": "type"})
        for name, data in {"an array": b"[]", "null": b"null", "a string": b'"x"', "a number": b"1"}.items()
    ),
    violation("unknown member", "", "additionalProperties", priority=1),
    violation("unknown member of an input", "/inputs/0", "additionalProperties", inputs=input_with(format="seal")),
    violation("no model_id", "", "required", model_id=None),
    violation("no version", "", "required", version=None),
    violation("no inputs", "", "required", inputs=None),
    violation("input without payload", "/inputs/0", "required", inputs=input_with(payload=None)),
    violation("input without encoding", "/inputs/0", "required", inputs=input_with(encoding=None)),
    violation("batch_size 0", "/batch_size", "minimum", batch_size=0),
    violation("batch_size -1", "/batch_size", "minimum", batch_size=-1),
    violation("batch_size 2^31", "/batch_size", "maximum", batch_size=2**31),
    violation("batch_size 2^64", "/batch_size", None, batch_size=2**64),
    violation("batch_size 1.5", "/batch_size", "type", batch_size=1.5),
    violation("batch_size as a string", "/batch_size", "type", batch_size="1"),
    violation("batch_size as a boolean", "/batch_size", "type", batch_size=True),
    violation("batch_size as an array", "/batch_size", "type", batch_size=[1]),
    body("batch_size null", 400, "SCHEMA_VIOLATION", TEXT.replace(":1,", ":null,").encode(),
         {"pointer": "/batch_size", "rule": "type"}),
    body("batch_size 1e400", 400, "SCHEMA_VIOLATION", TEXT.replace(":1,", ":1e400,").encode(), {"pointer": "/batch_size"}),
    body("batch_size -1e400", 400, "SCHEMA_VIOLATION", TEXT.replace(":1,", ":-1e400,").encode(), {"pointer": "/batch_size"}),
    body("batch_size 1e-400", 400, "SCHEMA_VIOLATION", TEXT.replace(":1,", ":1e-400,").encode(), {"pointer": "/batch_size"}),
    violation("inputs empty", "/inputs", "minItems", inputs=[]),
    violation("inputs too many for any model", "/inputs", "maxItems", inputs=[hex_input(b"\x5e")] * 4097),
    violation("inputs an object", "/inputs", "type", inputs={}),
    violation("inputs a string", "/inputs", "type", inputs="5e"),
    violation("input a string", "/inputs/0", "type", inputs=["5e", "5e"]),
    violation("encoding a number", "/inputs/0/encoding", "type", inputs=input_with(encoding=16)),
    violation("payload a number", "/inputs/0/payload", "type", inputs=input_with(payload=5)),
    violation("payload an array", "/inputs/0/payload", "type", inputs=input_with(payload=["5e"])),
    violation("payload of the second input a number", "/inputs/1/payload", "type", inputs=input_with(payload=5)[::-1]),
    violation("model_id empty", "/model_id", "minLength", model_id=""),
    violation("model_id of 129 characters", "/model_id", "maxLength", model_id="é" * 129),
    violation("model_id a number", "/model_id", "type", model_id=1),
    violation("version empty", "/version", "minLength", version=""),
    violation("version of 129 characters", "/version", "maxLength", version="1" * 129),
    violation("version a number", "/version", "type", version=1.0),
    violation("api_version a number", "/api_version", "type", api_version=1.0),
    *(
        document(f"api_version {version!r}", 400, "UNSUPPORTED_API_VERSION", api_version=version)
        for version in ("", "1", "1.1", "2.0.0", "1.0.0 ", "v1.0", "1.0.00")
    ),
    *(
        document(f"model_id {name}", 404, "UNKNOWN_MODEL", model_id=model_id)
        for name, model_id in {
            "unknown": "pair_v2", "in upper case": "PAIR_V1", "with a space": "pair_v1 ", "a path": "../pair_v1",
            "with a NUL": "pair_v1\0", "an emoji": "\U0001f600", "of 128 characters": "é" * 128,
        }.items()
    ),
    *(
        document(f"version {version!r}", 404, "UNKNOWN_MODEL", version=version)
        for version in ("1.0", "1.0.1", "01.0.0", "latest", "1.0.0\n")
    ),
    document("batch above max_batch_size", 400, "BATCH_TOO_LARGE", {"max_batch_size": "16"}, batch_size=17),
    document("batch of 2^31 - 1", 400, "BATCH_TOO_LARGE", batch_size=2**31 - 1),
    *(
        document(f"{count} inputs", 400, "WRONG_INPUT_COUNT", {"expected": "2", "received": str(count)},
                 inputs=[hex_input(b"\x5e")] * count)
        for count in (1, 3, 4096)
    ),
]

# --- Header fields ---------------------------------------------------------------------------------------------------------


def fields(name: str, status: int, code: str, headers: dict[str, str], details: Details | None = None) -> Row:
    """An honest body under other header fields."""
    return Row(name, status, code, lambda pair: Ask(pair.body, headers), details)


BAD_TENANT = {"pointer": "X-Tenant-ID", "rule": "pattern"}

FIELDS = [
    fields("no Content-Type", 415, "UNSUPPORTED_MEDIA_TYPE", {}),
    *(
        fields(f"Content-Type {value!r}", 415, "UNSUPPORTED_MEDIA_TYPE", {"Content-Type": value})
        for value in (
            "", "text/plain", "application/octet-stream", "application/json5", "text/application/json",
            "application/json; charset=latin-1", "application/json; charset=utf-16", "multipart/form-data; boundary=x",
        )
    ),
    *(
        fields(f"Content-Encoding {value!r}", 415, "UNSUPPORTED_MEDIA_TYPE", JSON_BODY | {"Content-Encoding": value})
        for value in ("gzip", "deflate", "br", "zstd", "identity, gzip", "x")
    ),
    Row("a body in gzip", 415, "UNSUPPORTED_MEDIA_TYPE",
        lambda _: Ask(gzip.compress(TEXT.encode()), JSON_BODY | {"Content-Encoding": "gzip"})),
    *(
        fields(f"tenant {name}", 400, "SCHEMA_VIOLATION", JSON_BODY | {"X-Tenant-ID": value}, BAD_TENANT)
        for name, value in {
            "empty": "", "with a space": "a b", "a path": "../x", "of 129 characters": "x" * 129, "not ASCII": "caf\xe9",
            "a list": "a,b", "with a percent sign": "a%20b",
        }.items()
    ),
    Row("no length", 411, "LENGTH_REQUIRED", lambda _: Ask(None)),
    Row("body of a terabyte", 413, "PAYLOAD_TOO_LARGE", lambda _: Ask(None, JSON_BODY | {"Content-Length": str(10**12)})),
    Row("route unknown", 404, "NOT_FOUND", lambda pair: Ask(pair.body, target="/infers")),
    Row("method unknown", 405, "METHOD_NOT_ALLOWED", lambda pair: Ask(pair.body, method="PUT")),
    Row("api_version unknown", 400, "UNSUPPORTED_API_VERSION",
        lambda _: Ask(None, {}, "GET", "/models?api_version=1.1")),
    Row("seal_minor too large", 400, "SCHEMA_VIOLATION", lambda _: Ask(None, {}, "GET", "/keys?seal_minor=5"),
        {"pointer": "seal_minor", "rule": "maximum"}),
    Row("seal_minor negative", 400, "SCHEMA_VIOLATION", lambda _: Ask(None, {}, "GET", "/keys?seal_minor=-1"),
        {"pointer": "seal_minor", "rule": "minimum"}),
    *(
        Row(f"seal_minor {value!r}", 400, "SCHEMA_VIOLATION",
            functools.partial(lambda value, _: Ask(None, {}, "GET", f"/keys?seal_minor={value}"), value),
            {"pointer": "seal_minor", "rule": "type"})
        for value in ("", "x", "1.5", "1x", "%20")
    ),
    Row("job unknown", 404, "UNKNOWN_JOB", lambda _: Ask(None, {}, "GET", "/jobs/" + "0" * 32)),
]

# --- Encodings -------------------------------------------------------------------------------------------------------------


def encoded(name: str, change: Callable[[str], str], encoding: str = "hex", status: int = 400, code: str = "INVALID_ENCODING") -> Row:
    """The first payload's text, changed."""

    def make(pair: HonestRequest) -> Ask:
        encode = hex_input if encoding == "hex" else base64_input
        inputs = [encode(payload) for payload in pair.payloads]
        inputs[0]["payload"] = change(inputs[0]["payload"])
        return Ask(to_body(pair.document(inputs=inputs)))

    return Row(f"{encoding}, {name}", status, code, make)


def named_encoding(name: str) -> Row:
    def make(pair: HonestRequest) -> Ask:
        inputs = [{"encoding": name, "payload": payload.hex()} for payload in pair.payloads]
        return Ask(to_body(pair.document(inputs=inputs)))

    return Row(f"encoding {name!r}", 400, "INVALID_ENCODING", make)


PAYLOAD = base64.b64encode(bytes(16)).decode()
assert PAYLOAD.endswith("A==")

ENCODINGS = [
    *(named_encoding(name) for name in ("HEX", "Hex", "Base64", "base64url", "base16", "", "hex ", "binary", "seal")),
    *(
        row
        for encoding in ("hex", "base64")
        for row in (
            encoded("empty", lambda _: "", encoding),
            encoded("white space in front", lambda text: " " + text, encoding),
            encoded("white space within", lambda text: text[:100] + " " + text[100:], encoding),
            encoded("line break within", lambda text: text[:76] + "\n" + text[76:], encoding),
            encoded("line break at the end", lambda text: text + "\n", encoding),
            encoded("NUL within", lambda text: text[:100] + "\0" + text[101:], encoding),
            encoded("NUL at the end", lambda text: text + "\0", encoding),
            encoded("not ASCII", lambda text: text[:100] + "é" + text[101:], encoding),
            encoded("a digit less", lambda text: text[:-1], encoding),
            encoded("a digit more", lambda text: text + "0", encoding),
        )
    ),
    encoded("prefix 0x", lambda text: "0x" + text),
    encoded("foreign digit at the end", lambda text: text[:-1] + "g"),
    encoded("foreign digit at the start", lambda text: "x" + text[1:]),
    encoded("base64 instead", lambda _: PAYLOAD),
    encoded("no padding", lambda _: PAYLOAD[:-2], "base64"),
    encoded("half the padding", lambda _: PAYLOAD[:-1], "base64"),
    encoded("too much padding", lambda _: PAYLOAD + "=", "base64"),
    encoded("padding alone", lambda _: "====", "base64"),
    encoded("padding within", lambda _: PAYLOAD + PAYLOAD, "base64"),
    encoded("padding in the wrong place", lambda _: "AA=A", "base64"),
    encoded("tail bits", lambda _: PAYLOAD[:-3] + "B==", "base64"),
    encoded("tail bits of two bytes", lambda _: "AAB=", "base64"),
    encoded("URL alphabet, minus", lambda text: text[:100] + "-" + text[101:], "base64"),
    encoded("URL alphabet, underscore", lambda text: text[:100] + "_" + text[101:], "base64"),
    encoded("longer than the model's largest ciphertext", lambda text: text + "00" * 4096, "hex", 413, "PAYLOAD_TOO_LARGE"),
    encoded("longer than the model's largest ciphertext", lambda text: text[:-4] + "A" * 8192, "base64", 413, "PAYLOAD_TOO_LARGE"),
    encoded("longer than any model's largest ciphertext", lambda text: text * 10, "hex", 413, "PAYLOAD_TOO_LARGE"),
]

# --- Ciphertexts -----------------------------------------------------------------------------------------------------------


def mutated(name: str, change: Callable[[bytes], bytes], status: int = 400, code: str = "INVALID_CIPHERTEXT") -> Row:
    """The bytes of an honest ciphertext, changed."""
    return Row(name, status, code, lambda pair: Ask(pair.body_with(change(pair.payloads[0]))))


def ciphertext(name: str, change: Callable[[Ciphertext], Ciphertext], status: int = 400, code: str = "INVALID_CIPHERTEXT") -> Row:
    """An honest ciphertext with fields changed, under an honest outer header."""
    return mutated(name, lambda data: join(change(read_ciphertext(data)).write()), status, code)


def header(name: str, **changes: int) -> Row:
    return mutated(f"header: {name}", lambda data: join(split(data)[1], **changes))


def header_size(name: str, size: Callable[[int], int]) -> Row:
    return mutated(f"header: size {name}", lambda data: join(split(data)[1], size=size(len(data))))


SEAL_HEADER = [
    *(mutated(f"only {length} bytes", functools.partial(lambda n, data: data[:n], length)) for length in (1, 2, 15, 16)),
    header("wrong magic", magic=0xA15F),
    header("swapped magic", magic=0x5EA1),
    *(header(f"header size {size}", header_size=size) for size in (0, 15, 17, 255)),
    *(header(f"major {major}", major=major) for major in (0, 3, 5, 255)),
    *(header(f"minor {minor}", minor=minor) for minor in (5, 6, 255)),
    *(header(f"compression {mode}", compression=mode) for mode in (3, 255)),
    *(header(f"reserved {value}", reserved=value) for value in (1, 0x100, 0xFFFF)),
    *(header_size(name, size) for name, size in {
        "0": lambda _: 0, "15": lambda _: 15, "16": lambda _: 16, "17": lambda _: 17, "one less": lambda n: n - 1,
        "one more": lambda n: n + 1, "2^32 more": lambda n: n + 2**32, "2^34": lambda _: 2**34, "2^63": lambda _: 2**63,
        "2^64 - 1": lambda _: 2**64 - 1,
    }.items()),
    mutated("a byte less", lambda data: data[:-1]),
    mutated("a byte more", lambda data: data + b"\0"),
    mutated("sent twice", lambda data: data[:1000] + data[:1000]),
    mutated("a byte less, and the size agrees", lambda data: join(split(data)[1][:-1])),
    mutated("a byte more, and the size agrees", lambda data: join(split(data)[1] + b"\0")),
    mutated("zeros", lambda data: bytes(len(data))),
    mutated("the metadata alone", lambda data: join(split(data)[1][:97])),
]


def nested(name: str, **changes: int) -> Row:
    return ciphertext(f"nested header: {name}", lambda c: c.but(words_header=c.words_header.but(**changes)))


def nested_size(name: str, size: Callable[[int], int]) -> Row:
    def change(c: Ciphertext) -> Ciphertext:
        return c.but(words_header=c.words_header.but(size=size(c.words_header.size)))

    return ciphertext(f"nested header: size {name}", change)


PRIMES = [modulus.value() for modulus in seal.CoeffModulus.Create(4096, [36, 36, 37])][:2]


def foreign_id(data: bytes) -> bytes:
    return bytes([data[0] ^ 1]) + data[1:]


def word_at(name: str, polynomial: int, prime: int, index: int, value: int) -> Row:
    def change(c: Ciphertext) -> Ciphertext:
        return c.with_word(c.row(polynomial, prime).start // 8 + index, value)

    return ciphertext(f"word {name} in polynomial {polynomial}, prime {prime}, place {index}", change)


INCOMPATIBLE = {"status": 409, "code": "INCOMPATIBLE_CIPHERTEXT"}

METADATA = [
    *(ciphertext(f"is_ntt_form {value}", lambda c, value=value: c.but(is_ntt_form=value)) for value in (0, 2, 0x7F, 255)),
    ciphertext("size 0 without words", lambda c: c.with_words(b"").but(size=0)),
    ciphertext("size 0 without words, N and L", lambda c: c.with_words(b"").but(size=0, degree=0, primes=0)),
    ciphertext("size 1 with its words", lambda c: c.with_words(c.words[: len(c.words) // 2]).but(size=1)),
    ciphertext("size 3 with the words of two", lambda c: c.but(size=3)),
    ciphertext("size 3 with the words of one, as if seeded", lambda c: c.with_words(c.words[: len(c.words) // 2]).but(size=3)),
    *(ciphertext(f"size {value}", lambda c, value=value: c.but(size=value)) for value in (0, 1, 16, 2**31, 2**62, 2**63, 2**64 - 1)),
    *(ciphertext(f"N {value}", lambda c, value=value: c.but(degree=value)) for value in (
        0, 1, 1024, 2048, 4095, 8192, 2**17, 2**32, 2**61, 2**63, 2**64 - 1)),
    *(ciphertext(f"L {value}", lambda c, value=value: c.but(primes=value)) for value in (
        0, 1, 3, 4, 65, 2**32, 2**61, 2**63, 2**64 - 1)),
    ciphertext("N halved and L doubled", lambda c: c.but(degree=2048, primes=4)),
    ciphertext("N doubled and L halved", lambda c: c.but(degree=8192, primes=1)),
    ciphertext("N and L whose product overflows", lambda c: c.but(degree=2**32, primes=2**32)),
    ciphertext("sizes whose product overflows to the right one", lambda c: c.but(size=2 + 2**52, degree=4096, primes=2)),
    *(ciphertext(f"scale {value}", lambda c, value=value: c.but(scale=scale_bytes(value))) for value in (
        float("nan"), float("inf"), float("-inf"), -1.0, -(2.0**30), 0.0, -0.0, 5e-324, 2.0**-1030)),
    ciphertext("scale a signalling NaN", lambda c: c.but(scale=struct.pack("<Q", 0x7FF0000000000001))),
    *(ciphertext(f"correction factor {value}", lambda c, value=value: c.but(correction_factor=value)) for value in (
        0, 2, 2**63, 2**64 - 1)),
    nested("compressed with zlib", compression=ZLIB),
    nested("compressed with zstd", compression=ZSTD),
    nested("another minor", minor=3),
    nested("an unknown minor", minor=5),
    nested("major 3", major=3),
    nested("wrong magic", magic=0x5EA1),
    nested("header size 8", header_size=8),
    nested("reserved", reserved=1),
    *(nested_size(name, size) for name, size in {
        "0": lambda _: 0, "one less": lambda n: n - 1, "one more": lambda n: n + 1, "8 less": lambda n: n - 8,
        "without the count": lambda n: n - 8 - 16, "2^63": lambda _: 2**63}.items()),
    *(ciphertext(f"word count {name}", lambda c, count=count: c.but(word_count=count(c.word_count))) for name, count in {
        "0": lambda _: 0, "one less": lambda n: n - 1, "one more": lambda n: n + 1, "half": lambda n: n // 2,
        "2^61": lambda _: 2**61, "2^61 too many": lambda n: n + 2**61, "2^64 - 1": lambda _: 2**64 - 1}.items()),
    ciphertext("a word less, and all agrees", lambda c: c.with_words(c.words[:-8])),
    ciphertext("a word more, and all agrees", lambda c: c.with_words(c.words + bytes(8))),
    ciphertext("no words, and all agrees", lambda c: c.with_words(b"")),
    # Well formed, for something else.
    ciphertext("parms_id of nothing known", lambda c: c.but(parms_id=foreign_id(c.parms_id)), **INCOMPATIBLE),
    ciphertext("parms_id zero", lambda c: c.but(parms_id=bytes(32)), **INCOMPATIBLE),
    ciphertext("parms_id with its words swapped", lambda c: c.but(parms_id=c.parms_id[8:] + c.parms_id[:8]), **INCOMPATIBLE),
    *(ciphertext(f"scale {name}", lambda c, value=value: c.but(scale=scale_bytes(value)), **INCOMPATIBLE) for name, value in {
        "doubled": 2.0**31, "halved": 2.0**29, "1e308": 1e308, "the next double": 2.0**30 + 2.0**-22, "1": 1.0,
        "the smallest normal": 2.0**-1022}.items()),
]

WORDS = [
    *(word_at("equal to its prime", polynomial, prime, index, PRIMES[prime])
      for polynomial in (0, 1) for prime in (0, 1) for index in (0, 4095)),
    word_at("above its prime", 1, 1, 77, PRIMES[1] + 1),
    word_at("2^63", 0, 1, 1, 2**63),
    word_at("2^63 and the prime", 0, 0, 1, 2**63 + PRIMES[0]),
    word_at("2^64 - 1", 1, 0, 4094, 2**64 - 1),
    ciphertext("second polynomial zero", lambda c: c.without_row(1, 0).without_row(1, 1)),
    ciphertext("second polynomial zero modulo the first prime", lambda c: c.without_row(1, 0)),
    ciphertext("second polynomial zero modulo the last prime", lambda c: c.without_row(1, 1)),
    ciphertext("all words zero", lambda c: c.but(words=bytes(len(c.words)))),
]


@functools.cache
def symmetric_client() -> TenSeal:
    return TenSeal(PAIR["encryption_parameters"])


@functools.cache
def seeded() -> Ciphertext:
    return read_ciphertext(in_minor(symmetric_client().encrypt_symmetric([1.0]), 4))


def seed(name: str, change: Callable[[Ciphertext], Ciphertext]) -> Row:
    return mutated(f"seeded: {name}", lambda _: join(change(seeded()).write()))


def seed_bytes(name: str, change: Callable[[bytes], bytes]) -> Row:
    return mutated(f"seeded: {name}", lambda _: join(change(seeded().write())))


def seed_header(name: str, **changes: int) -> Row:
    def change(c: Ciphertext) -> Ciphertext:
        assert c.seed_header is not None
        return c.but(seed_header=c.seed_header.but(**changes))

    return seed(name, change)


SEEDS = [
    *(seed(f"generator {value}", lambda c, value=value: c.but(generator=value)) for value in (0, 3, 255)),
    *(seed_bytes(f"truncated by {count}", lambda data, count=count: data[:-count]) for count in (1, 8, 63, 64, 65, 81)),
    seed_bytes("a byte more", lambda data: data + b"\0"),
    seed("no seed at all", lambda c: c.but(seed_header=None)),
    seed("size 3", lambda c: c.but(size=3)),
    seed("size 1", lambda c: c.but(size=1)),
    seed("not in NTT form", lambda c: c.but(is_ntt_form=0)),
    seed("a word equal to its prime", lambda c: c.with_word(4096, PRIMES[1])),
    seed_header("header of the seed: another minor", minor=3),
    seed_header("header of the seed: compressed", compression=ZLIB),
    seed_header("header of the seed: size", size=80),
    seed_header("header of the seed: wrong magic", magic=0),
    mutated("a seed behind a full ciphertext",
            lambda data: join(read_ciphertext(data).write() + seeded().write()[-81:])),
]

# --- Other objects ---------------------------------------------------------------------------------------------------------


def other_object(name: str, make: Callable[[SealPython], bytes], status: int = 400, code: str = "INVALID_CIPHERTEXT") -> Row:
    return Row(f"object: {name}", status, code, lambda pair: Ask(pair.body_with(make(pair.session))))


def of_scheme(scheme: Any) -> bytes:
    """A ciphertext of another scheme over the same ring and primes."""
    parameters = seal.EncryptionParameters(scheme)
    parameters.set_poly_modulus_degree(4096)
    parameters.set_coeff_modulus(seal.CoeffModulus.Create(4096, [36, 36, 37]))
    parameters.set_plain_modulus(seal.PlainModulus.Batching(4096, 20))
    context = seal.SEALContext(parameters, True, seal.sec_level_type.tc128)
    keys = seal.KeyGenerator(context)
    encryptor = seal.Encryptor(context, keys.create_public_key())
    return encryptor.encrypt(seal.BatchEncoder(context).encode(numpy.ones(4096, dtype=numpy.int64))).to_string()


def of_other_parameters(**changes: Any) -> Callable[[SealPython], bytes]:
    parameters = {**PAIR["encryption_parameters"], **changes}
    return lambda _: SealPython(parameters).encrypt([1.0])


def at_lower_level(session: SealPython) -> bytes:
    encrypted = session.encryptor.encrypt(session.encode([1.0]))
    return seal.Evaluator(session.context).mod_switch_to_next(encrypted).to_string()


def at_key_level(session: SealPython) -> bytes:
    """What only a forger makes: a ciphertext over all primes."""
    parts = read_ciphertext(session.keys.create_public_key().to_string())
    return join(parts.but(scale=scale_bytes(session.scale)).write())


def square(session: SealPython) -> bytes:
    encrypted = session.encryptor.encrypt(session.encode([1.0]))
    return seal.Evaluator(session.context).square(encrypted).to_string()


def parameters_bytes(_: SealPython) -> bytes:
    parameters = seal.EncryptionParameters(seal.scheme_type.ckks)
    parameters.set_poly_modulus_degree(4096)
    parameters.set_coeff_modulus(seal.CoeffModulus.Create(4096, [36, 36, 37]))
    return parameters.to_bytes()


def small_galois_keys(session: SealPython) -> bytes:
    """The outer structure of key-switching keys without a key in it."""
    return join(struct.pack("<32sQQ", bytes(32), 1, 1) + session.encrypt([1.0]))


OTHER_OBJECTS = [
    other_object("BFV ciphertext", lambda _: of_scheme(seal.scheme_type.bfv)),
    other_object("BGV ciphertext", lambda _: of_scheme(seal.scheme_type.bgv)),
    other_object("public key", lambda session: session.keys.create_public_key().to_string(), 413, "PAYLOAD_TOO_LARGE"),
    other_object("secret key", lambda session: session.keys.secret_key().to_string()),
    other_object("plaintext", lambda session: session.encode([1.0]).to_bytes()),
    other_object("encryption parameters", parameters_bytes),
    other_object("key-switching keys", small_galois_keys),
    other_object("squared ciphertext of size 3", square, 413, "PAYLOAD_TOO_LARGE"),
    other_object("ciphertext at a lower level", at_lower_level, **INCOMPATIBLE),
    other_object("ciphertext at key level", at_key_level, 413, "PAYLOAD_TOO_LARGE"),
    other_object("other primes", of_other_parameters(coeff_modulus_bits=[35, 37, 37]), **INCOMPATIBLE),
    other_object("other order of primes", of_other_parameters(coeff_modulus_bits=[37, 36, 36]), **INCOMPATIBLE),
    other_object("other degree", of_other_parameters(poly_modulus_degree=2048, coeff_modulus_bits=[27, 27], scale=2**20),
                 **INCOMPATIBLE),
    other_object("other scale", of_other_parameters(scale=2**31), **INCOMPATIBLE),
]

# --- Compression -----------------------------------------------------------------------------------------------------------

GIBIBYTE = 1 << 30


def deflated(name: str, change: Callable[[bytes], bytes], mode: int = ZLIB) -> Row:
    """`change` makes of the honest body what is sent as compressed."""
    return mutated(f"{'zlib' if mode == ZLIB else 'zstd'}: {name}", lambda data: join(change(split(data)[1]), 4, mode))


def zstd(name: str, change: Callable[[bytes], bytes]) -> Row:
    return deflated(name, change, ZSTD)


@functools.cache
def zlib_zeros(size: int) -> tuple[bytes, int]:
    """Deflated zeros, in blocks that end on byte boundaries, and how many there are."""
    compressor = zlib.compressobj(9, wbits=-15)
    return compressor.compress(bytes(size)) + compressor.flush(zlib.Z_FULL_FLUSH), size


def zlib_bomb(content: bytes, gibibytes: int) -> bytes:
    """The content, then gigabytes of zeros out of one piece that is repeated."""
    piece, size = zlib_zeros(1 << 24)
    compressor = zlib.compressobj(1, wbits=-15)
    start = compressor.compress(content) + compressor.flush(zlib.Z_FULL_FLUSH)
    return b"\x78\x01" + start + piece * (gibibytes * GIBIBYTE // size)


def with_dictionary(content: bytes) -> bytes:
    compressor = zlib.compressobj(1, zdict=content[:1000])
    return compressor.compress(content) + compressor.flush()


def zstd_with_dictionary(content: bytes) -> bytes:
    samples = [content[at : at + 500] for at in range(0, 50_000, 500)]
    dictionary = zstandard.train_dictionary(1024, samples)
    return zstandard.ZstdCompressor(dict_data=dictionary).compress(content)


def zstd_frames(*contents: bytes) -> bytes:
    return b"".join(zstandard.ZstdCompressor(level=1).compress(content) for content in contents)


def with_checksum_wrong(content: bytes) -> bytes:
    frame = bytearray(zstandard.ZstdCompressor(level=1, write_checksum=True).compress(content))
    frame[-1] ^= 1
    return bytes(frame)


def without_content_size(content: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=1, write_content_size=False).compress(content)


COMPRESSION = [
    zstd("bomb: a gibibyte behind the ciphertext", lambda content: zstd_frame(content, zeros=GIBIBYTE)),
    zstd("bomb: a gibibyte, declared as the ciphertext's size",
         lambda content: zstd_frame(content, zeros=GIBIBYTE, content_size=len(content))),
    zstd("bomb: a gibibyte of zeros alone", lambda _: zstd_frame(b"", zeros=GIBIBYTE)),
    zstd("bomb: a gibibyte of zeros, undeclared", lambda _: zstd_frame(b"", zeros=GIBIBYTE, declare=False)),
    deflated("bomb: a gibibyte behind the ciphertext", lambda content: zlib_bomb(content[:1000], 1)),
    deflated("bomb: a gibibyte of zeros alone", lambda _: zlib_bomb(b"", 1)),
    zstd("content size missing", without_content_size),
    zstd("content size missing in a frame of raw blocks", lambda content: zstd_frame(content, declare=False)),
    *(zstd(f"content size {name}", lambda content, size=size: zstd_frame(content, content_size=size(len(content))))
      for name, size in {"one less": lambda n: n - 1, "one more": lambda n: n + 1, "0": lambda _: 0,
                         "2^63": lambda _: 2**63, "2^64 - 1": lambda _: 2**64 - 1}.items()),
    zstd("second frame", lambda content: zstd_frames(content[:-8], content[-8:])),
    zstd("the frame twice", lambda content: zstd_frames(content, content)),
    zstd("skippable frame behind", lambda content: zstd_frames(content) + SKIPPABLE_FRAME),
    zstd("skippable frame in front", lambda content: SKIPPABLE_FRAME + zstd_frames(content)),
    zstd("empty frame behind", lambda content: zstd_frames(content) + EMPTY_FRAME),
    zstd("empty frame in front", lambda content: EMPTY_FRAME + zstd_frames(content)),
    zstd("empty frame alone", lambda _: EMPTY_FRAME),
    zstd("nothing", lambda _: b""),
    *(zstd(f"truncated by {count}", lambda content, count=count: zstd_frames(content)[:-count]) for count in range(1, 5)),
    *(zstd(f"frame header of {count} bytes", lambda content, count=count: zstd_frames(content)[:count]) for count in range(1, 9)),
    zstd("a byte more", lambda content: zstd_frames(content) + b"\0"),
    *(zstd(f"window of 2^{window}", lambda content, window=window: zstd_frame(content, window=window))
      for window in (24, 27, 31, 41)),
    zstd("dictionary named", lambda content: zstd_frame(content, dictionary=7)),
    zstd("dictionary used", zstd_with_dictionary),
    zstd("wrong checksum", with_checksum_wrong),
    zstd("magicless", lambda content: zstd_frames(content)[4:]),
    zstd("content a byte shorter", lambda content: zstd_frames(content[:-1])),
    zstd("content a byte longer", lambda content: zstd_frames(content + b"\0")),
    zstd("zlib inside", lambda content: zlib.compress(content, 1)),
    zstd("nothing compressed inside", lambda content: content),
    zstd("compressed twice", lambda content: zstd_frames(zstd_frames(content))),
    deflated("bad Adler", lambda content: zlib.compress(content, 1)[:-1] + b"\x5a"),
    deflated("preset dictionary", with_dictionary),
    deflated("zstd inside", zstd_frames),
    deflated("gzip inside", lambda content: gzip.compress(content, 1)),
    deflated("raw deflate inside", lambda content: zlib.compress(content, 1)[2:-4]),
    deflated("nothing compressed inside", lambda content: content),
    deflated("nothing", lambda _: b""),
    *(deflated(f"truncated by {count}", lambda content, count=count: zlib.compress(content, 1)[:-count])
      for count in range(1, 6)),
    deflated("a byte more", lambda content: zlib.compress(content, 1) + b"\0"),
    deflated("second stream", lambda content: zlib.compress(content[:-8], 1) + zlib.compress(content[-8:], 1)),
    deflated("content a byte shorter", lambda content: zlib.compress(content[:-1], 1)),
    deflated("content a byte longer", lambda content: zlib.compress(content + b"\0", 1)),
    *(mutated(f"compressed, {name}", lambda data, mode=mode: join(
        (zstd_frames if mode == ZSTD else zlib.compress)(split(data)[1]), 4, NONE)) for name, mode in {
            "labelled as not, zlib": ZLIB, "labelled as not, zstd": ZSTD}.items()),
    mutated("a word equal to its prime, in zstd",
            lambda data: write_ciphertext(read_ciphertext(data).with_word(0, PRIMES[0]), ZSTD)),
    mutated("a word equal to its prime, in zlib",
            lambda data: write_ciphertext(read_ciphertext(data).with_word(0, PRIMES[0]), ZLIB)),
]

# --- Plain requests --------------------------------------------------------------------------------------------------------


def plain(name: str, status: int, code: str, details: Details | None = None, **changes: Any) -> Row:
    request = {"model_id": "pair_v1", "version": "1.0.0", "inputs": [[1, 2]], **changes}
    return Row(f"plain: {name}", status, code, lambda _: Ask(to_body(request), target="/infer/plain"), details)


PLAIN = [
    plain("unknown model", 404, "UNKNOWN_MODEL", model_id="pair_v2"),
    plain("unknown api_version", 400, "UNSUPPORTED_API_VERSION", api_version="1.1"),
    plain("too many rows", 400, "BATCH_TOO_LARGE", {"max_batch_size": "16"}, inputs=[[1, 2]] * 17),
    plain("short row", 400, "WRONG_INPUT_COUNT", {"expected": "2", "received": "1"}, inputs=[[1, 2], [1]]),
    plain("long row", 400, "WRONG_INPUT_COUNT", {"expected": "2", "received": "3"}, inputs=[[1, 2, 3]]),
    plain("no rows", 400, "SCHEMA_VIOLATION", {"pointer": "/inputs", "rule": "minItems"}, inputs=[]),
    plain("empty row", 400, "SCHEMA_VIOLATION", {"pointer": "/inputs/0", "rule": "minItems"}, inputs=[[]]),
    plain("string", 400, "SCHEMA_VIOLATION", {"pointer": "/inputs/0/1", "rule": "type"}, inputs=[[1, "2"]]),
    plain("null", 400, "SCHEMA_VIOLATION", {"pointer": "/inputs/0/0", "rule": "type"}, inputs=[[None, 2]]),
    plain("batch_size", 400, "SCHEMA_VIOLATION", {"pointer": "", "rule": "additionalProperties"}, batch_size=1),
    plain("answer beyond all doubles", 400, "SCHEMA_VIOLATION", inputs=[[1e308, -1e308]]),
    Row("plain: number beyond all doubles", 400, "SCHEMA_VIOLATION", lambda _: Ask(
        b'{"model_id":"pair_v1","version":"1.0.0","inputs":[[1,1e400]]}', target="/infer/plain"),
        {"pointer": "/inputs/0/1"}),
    Row("plain: truncated", 400, "MALFORMED_JSON", lambda _: Ask(b'{"inputs":[[1,', target="/infer/plain")),
    Row("plain: text/plain", 415, "UNSUPPORTED_MEDIA_TYPE",
        lambda _: Ask(b"{}", {"Content-Type": "text/plain"}, target="/infer/plain")),
    Row("plain: bad tenant", 400, "SCHEMA_VIOLATION",
        lambda _: Ask(b"{", JSON_BODY | {"X-Tenant-ID": "a b"}, target="/infer/plain"), BAD_TENANT),
]

ROWS = [
    *ENVELOPE, *FIELDS, *ENCODINGS, *SEAL_HEADER, *METADATA, *WORDS, *SEEDS, *OTHER_OBJECTS, *COMPRESSION, *PLAIN,
]


def check_refused(server: Server, good: GoodRequest, asked: Ask, row: Row) -> None:
    jobs, files = server.job_count(), server.data_files()
    reply = asked.send(server)
    contract.check_error(reply, row.status, row.code, row.details)
    if contract.operation_of(asked.method, asked.target):
        contract.check_reply(asked.method, asked.target, reply)
    assert (server.job_count(), server.data_files()) == (jobs, files)
    good.check(server)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_wrong_requests_are_refused(server: Server, pair: HonestRequest, good: GoodRequest, row: Row) -> None:
    check_refused(server, good, row.ask(pair), row)


@pytest.mark.parametrize("second", [row for row in [*METADATA, *WORDS] if row.status == 400][::7], ids=str)
def test_the_fault_may_be_in_any_input(server: Server, pair: HonestRequest, good: GoodRequest, second: Row) -> None:
    """The same faults behind an honest input."""
    wrong = json.loads(second.ask(pair).body or b"")["inputs"][0]
    asked = Ask(to_body(pair.document(inputs=[hex_input(pair.payloads[0]), wrong])))
    check_refused(server, good, asked, dataclasses.replace(second, details={"input": "1"}))


# --- The order of the checks -----------------------------------------------------------------------------------------------


def wrong_inputs(*changes: Callable[[Ciphertext], bytes]) -> Callable[[HonestRequest], Ask]:
    """Inputs made from the honest ones, one fault each."""

    def make(pair: HonestRequest) -> Ask:
        return Ask(pair.body_with(*(
            change(read_ciphertext(payload)) for change, payload in zip(changes, pair.payloads, strict=False)
        )))

    return make


def honest_bytes(c: Ciphertext) -> bytes:
    return join(c.write())


def bad_header(c: Ciphertext) -> bytes:
    return join(c.write(), magic=0)


def bad_metadata(c: Ciphertext) -> bytes:
    return join(c.but(is_ntt_form=0).write())


def bad_scale(c: Ciphertext) -> bytes:
    return join(c.but(scale=scale_bytes(2.0**31)).write())


def bad_word(c: Ciphertext) -> bytes:
    return join(c.with_word(0, PRIMES[0]).write())


def bad_scale_and_word(c: Ciphertext) -> bytes:
    return bad_scale(c.with_word(0, PRIMES[0]))


def bad_scale_and_metadata(c: Ciphertext) -> bytes:
    return bad_scale(c.but(is_ntt_form=0))


def other_minor_and_scale(c: Ciphertext) -> bytes:
    return write_ciphertext(c.in_minor(3).but(scale=scale_bytes(2.0**31)))


def too_long(c: Ciphertext) -> bytes:
    return join(c.write() + bytes(4096))


def one_step(name: str, status: int, code: str, make: Callable[[HonestRequest], Ask], details: Details | None = None) -> Row:
    return Row(name, status, code, make, details)


TENANT = {"X-Tenant-ID": "a b"}
TOO_LONG = {"Content-Length": str(10**12)}

ORDER = [
    one_step("headers too large before route", 431, "HEADERS_TOO_LARGE",
             lambda _: Ask(None, {"X": "x" * 65536}, "GET", "/nothing")),
    one_step("route before method", 404, "NOT_FOUND", lambda _: Ask(b"{", {}, "DELETE", "/nothing")),
    one_step("route before body size", 404, "NOT_FOUND", lambda _: Ask(None, TOO_LONG, "POST", "/nothing")),
    one_step("method before media type", 405, "METHOD_NOT_ALLOWED", lambda _: Ask(b"{", {}, "PUT")),
    one_step("method before length", 405, "METHOD_NOT_ALLOWED", lambda _: Ask(None, {}, "PATCH")),
    one_step("body size before media type", 413, "PAYLOAD_TOO_LARGE", lambda _: Ask(None, {"Content-Type": "x"} | TOO_LONG)),
    one_step("body size before tenant", 413, "PAYLOAD_TOO_LARGE", lambda _: Ask(None, JSON_BODY | TENANT | TOO_LONG)),
    one_step("length before media type", 411, "LENGTH_REQUIRED", lambda _: Ask(None, {"Content-Type": "text/plain"})),
    one_step("length before tenant", 411, "LENGTH_REQUIRED", lambda _: Ask(None, JSON_BODY | TENANT)),
    one_step("media type before tenant", 415, "UNSUPPORTED_MEDIA_TYPE", lambda _: Ask(b"{", TENANT)),
    one_step("tenant before JSON", 400, "SCHEMA_VIOLATION", lambda _: Ask(b"{", JSON_BODY | TENANT), BAD_TENANT),
    one_step("syntax before schema", 400, "MALFORMED_JSON", lambda _: Ask(to_body(small(batch_size=0)) + b"x")),
    one_step("syntax before version", 400, "MALFORMED_JSON", lambda _: Ask(to_body(small(api_version="9"))[:-1])),
    one_step("schema before version", 400, "SCHEMA_VIOLATION", lambda _: Ask(to_body(small(api_version="9", batch_size=0)))),
    one_step("schema before model", 400, "SCHEMA_VIOLATION", lambda _: Ask(to_body(small(model_id="x", extra=1)))),
    one_step("schema before encoding", 400, "SCHEMA_VIOLATION",
             lambda _: Ask(to_body(small(inputs=[{"encoding": "HEX", "payload": "x"}, {"encoding": "hex"}])))),
    one_step("version before model", 400, "UNSUPPORTED_API_VERSION", lambda _: Ask(to_body(small(api_version="9", model_id="x")))),
    one_step("version before batch", 400, "UNSUPPORTED_API_VERSION", lambda _: Ask(to_body(small(api_version="9", batch_size=99)))),
    one_step("model before batch", 404, "UNKNOWN_MODEL", lambda _: Ask(to_body(small(model_id="x", batch_size=99)))),
    one_step("model before count", 404, "UNKNOWN_MODEL", lambda _: Ask(to_body(small(version="2.0.0", inputs=[hex_input(b"1")])))),
    one_step("model before encoding", 404, "UNKNOWN_MODEL",
             lambda _: Ask(to_body(small(model_id="x", inputs=[{"encoding": "HEX", "payload": ""}])))),
    one_step("batch before count", 400, "BATCH_TOO_LARGE", lambda _: Ask(to_body(small(batch_size=17, inputs=[hex_input(b"1")])))),
    one_step("batch before encoding", 400, "BATCH_TOO_LARGE",
             lambda _: Ask(to_body(small(batch_size=17, inputs=[{"encoding": "HEX", "payload": ""}] * 2)))),
    one_step("count before encoding", 400, "WRONG_INPUT_COUNT",
             lambda _: Ask(to_body(small(inputs=[{"encoding": "HEX", "payload": ""}])))),
    one_step("count before length", 400, "WRONG_INPUT_COUNT", lambda pair: Ask(to_body(pair.document(
        inputs=[hex_input(too_long(read_ciphertext(pair.payloads[0])))])))),
    one_step("encoding before SEAL header", 400, "INVALID_ENCODING", lambda _: Ask(to_body(small(
        inputs=[hex_input(bytes(100)), {"encoding": "hex", "payload": "5"}])))),
    one_step("encoding before metadata", 400, "INVALID_ENCODING", lambda pair: Ask(to_body(pair.document(
        inputs=[hex_input(bad_scale(read_ciphertext(pair.payloads[0]))), {"encoding": "hex", "payload": "5"}])))),
    one_step("length before SEAL header", 413, "PAYLOAD_TOO_LARGE", wrong_inputs(bad_header, too_long)),
    one_step("length before metadata", 413, "PAYLOAD_TOO_LARGE", wrong_inputs(bad_scale, too_long)),
    one_step("length before coefficients", 413, "PAYLOAD_TOO_LARGE", wrong_inputs(bad_word, too_long)),
    one_step("SEAL header before metadata, in one input", 400, "INVALID_CIPHERTEXT",
             wrong_inputs(lambda c: join(c.but(scale=scale_bytes(2.0**31)).write(), reserved=1))),
    one_step("SEAL header before metadata, of another input", 400, "INVALID_CIPHERTEXT", wrong_inputs(bad_scale, bad_header)),
    one_step("SEAL version before metadata", 400, "INVALID_CIPHERTEXT", wrong_inputs(honest_bytes, other_minor_and_scale)),
    one_step("form before scale", 400, "INVALID_CIPHERTEXT", wrong_inputs(bad_scale_and_metadata)),
    one_step("scale before coefficients, in one input", 409, "INCOMPATIBLE_CIPHERTEXT", wrong_inputs(bad_scale_and_word)),
    one_step("scale before coefficients, of another input", 409, "INCOMPATIBLE_CIPHERTEXT", wrong_inputs(bad_word, bad_scale)),
]


@pytest.mark.parametrize("row", ORDER, ids=lambda row: row.name)
def test_the_first_fault_is_reported(server: Server, pair: HonestRequest, good: GoodRequest, row: Row) -> None:
    check_refused(server, good, row.ask(pair), row)


# --- What is not refused ---------------------------------------------------------------------------------------------------


def accepted(pair: HonestRequest, **changes: Any) -> bytes:
    return to_body(pair.document(**changes))


TAKEN: dict[str, Callable[[HonestRequest], Ask]] = {
    "api_version 1.0": lambda pair: Ask(accepted(pair, api_version="1.0")),
    "api_version 1.0.0": lambda pair: Ask(accepted(pair, api_version="1.0.0")),
    "batch_size 3.0": lambda pair: Ask(pair.body.replace(b'"batch_size":3', b'"batch_size":3.0')),
    "batch_size 3e0": lambda pair: Ask(pair.body.replace(b'"batch_size":3', b'"batch_size":3e0')),
    "white space": lambda pair: Ask(json.dumps(pair.document(), indent=1).replace("\n", "\r\n\t").encode() + b"\n"),
    "members in another order": lambda pair: Ask(to_body(dict(reversed(pair.document().items())))),
    "payload before encoding": lambda pair: Ask(accepted(pair, inputs=[
        dict(reversed(hex_input(payload).items())) for payload in pair.payloads])),
    "escaped members": lambda pair: Ask(pair.body.replace(b'"payload"', b'"p\\u0061yload"').replace(b'"hex"', b'"\\u0068ex"')),
    "escaped digits": lambda pair: Ask(pair.body.replace(b'"5ea1', b'"\\u0035ea\\u0031')),
    "upper-case hex": lambda pair: Ask(accepted(pair, inputs=[
        {"encoding": "hex", "payload": payload.hex().upper()} for payload in pair.payloads])),
    "charset": lambda pair: Ask(pair.body, {"Content-Type": "application/json; charset=utf-8"}),
    "charset in capitals and quotes": lambda pair: Ask(pair.body, {"content-type": 'Application/JSON;Charset="UTF-8"'}),
    "Content-Encoding identity": lambda pair: Ask(pair.body, JSON_BODY | {"Content-Encoding": "identity"}),
    "Accept something else": lambda pair: Ask(pair.body, JSON_BODY | {"Accept": "text/html"}),
    "tenant of 128 characters": lambda pair: Ask(pair.body, JSON_BODY | {"X-Tenant-ID": "a.b_c-D9" * 16}),
    "query parameters": lambda pair: Ask(pair.body, target="/infer?api_version=9&x"),
    "escaped path": lambda pair: Ask(pair.body, target="/inf%65r"),
}


@pytest.mark.parametrize("name", TAKEN)
def test_what_the_contract_allows_is_taken(server: Server, pair: HonestRequest, good: GoodRequest, name: str) -> None:
    asked = TAKEN[name](pair)
    reply = dataclasses.replace(asked, headers={**asked.headers, "Prefer": "wait=60"}).send(server)
    assert reply.status == 200, reply.body[:500]
    good.check_job(reply.json())


def test_absent_batch_size_is_one(server: Server, pair: HonestRequest) -> None:
    reply = post(server, "/infer", to_body(pair.document(batch_size=None)), Prefer="wait=60")
    assert reply.json()["result"]["diagnostics"]["processed_batch_size"] == 1


def test_base64_is_answered_in_base64(server: Server, pair: HonestRequest, good: GoodRequest) -> None:
    inputs = [base64_input(payload) for payload in pair.payloads]
    job = post(server, "/infer", to_body(pair.document(inputs=inputs)), Prefer="wait=60").json()
    assert job["result"]["encoding"] == "base64"
    job["result"]["payload"] = base64.b64decode(job["result"]["payload"], validate=True).hex()
    good.check_job(job)


EDGES: dict[str, Callable[[Ciphertext], Ciphertext]] = {
    "words one below their primes": lambda c: c.with_word(0, PRIMES[0] - 1).with_word(3 * 4096 - 1, PRIMES[0] - 1)
        .with_word(4 * 4096 - 1, PRIMES[1] - 1),
    "first polynomial zero": lambda c: c.without_row(0, 0).without_row(0, 1),
    "second polynomial zero but for a word a prime": lambda c: c.without_row(1, 0).without_row(1, 1)
        .with_word(2 * 4096, 1).with_word(4 * 4096 - 1, 1),
}


@pytest.mark.parametrize("mode", [NONE, ZLIB, ZSTD], ids=["uncompressed", "zlib", "zstd"])
@pytest.mark.parametrize("name", EDGES)
def test_ciphertexts_at_the_edge_are_taken(server: Server, pair: HonestRequest, name: str, mode: int) -> None:
    data = write_ciphertext(EDGES[name](read_ciphertext(pair.payloads[0])), mode)
    job = post(server, "/infer", pair.body_with(data), Prefer="wait=60").json()
    assert job["status"] == "completed", job


@pytest.mark.parametrize("frame", [
    pytest.param(lambda content: zstd_frame(content), id="raw blocks, one segment"),
    pytest.param(lambda content: zstd_frame(content, window=18), id="window of 2^18"),
    pytest.param(lambda content: zstd_frame(content, window=23), id="window of 2^23"),
    pytest.param(zstandard.ZstdCompressor(level=19).compress, id="level 19"),
    pytest.param(zstandard.ZstdCompressor(level=-5).compress, id="level -5"),
    pytest.param(zstandard.ZstdCompressor(write_checksum=True).compress, id="checksum"),
])
def test_other_compressors_of_zstd_are_understood(
    server: Server, pair: HonestRequest, good: GoodRequest, frame: Callable[[bytes], bytes]
) -> None:
    data = [join(frame(split(payload)[1]), 4, ZSTD) for payload in pair.payloads]
    job = post(server, "/infer", pair.body_with(*data), Prefer="wait=60").json()
    assert job["status"] == "completed", job
    assert job["result"]["payload"] == good.send(server).json()["result"]["payload"]


@pytest.mark.parametrize("level", [0, 1, 9])
def test_other_levels_of_zlib_are_understood(server: Server, pair: HonestRequest, good: GoodRequest, level: int) -> None:
    data = [join(zlib.compress(split(payload)[1], level), 4, ZLIB) for payload in pair.payloads]
    job = post(server, "/infer", pair.body_with(*data), Prefer="wait=60").json()
    assert job["status"] == "completed", job
    assert job["result"]["payload"] == good.send(server).json()["result"]["payload"]


# --- Things that must not happen -------------------------------------------------------------------------------------------

BOMBS = [row for row in COMPRESSION if "bomb" in row.name]
LYING = [*BOMBS, *(row for row in [*SEAL_HEADER, *METADATA] if "2^" in row.name)]


@pytest.mark.parametrize("row", LYING, ids=str)
def test_memory_does_not_grow(server: Server, pair: HonestRequest, good: GoodRequest, row: Row) -> None:
    """However much the bytes promise to be."""
    asked = row.ask(pair)
    good.check(server)
    server.reset_peak_memory()
    before = server.memory()
    contract.check_error(asked.send(server), row.status, row.code)
    assert server.peak_memory() - before < 4 << 20
    good.check(server)


@pytest.mark.parametrize("mode", [NONE, ZLIB, ZSTD], ids=["uncompressed", "zlib", "zstd"])
@pytest.mark.parametrize("encode", [hex_input, base64_input])
@pytest.mark.parametrize("place", [0, 1])
def test_a_secret_key_is_refused_and_forgotten(
    server: Server, pair: HonestRequest, good: GoodRequest, mode: int, encode: Callable[[bytes], dict[str, str]], place: int
) -> None:
    session = SealPython(PAIR["encryption_parameters"])
    key = session.keys.secret_key().to_string()
    sent = key if mode == NONE else join((zlib.compress if mode == ZLIB else zstandard.compress)(split(key)[1]), 4, mode)
    inputs = [encode(payload) for payload in pair.payloads]
    inputs[place] = encode(sent)
    contract.check_error(post(server, "/infer", to_body(pair.document(inputs=inputs))), 400, "INVALID_CIPHERTEXT",
                         {"input": str(place)})
    good.check(server)

    # Not in the log, not on disk, in none of the forms that it had.
    stored = server.log.read_bytes() + b"".join(
        (server.data / name).read_bytes() for name in server.data_files() if not name.endswith("shm"))
    for at in (0, 200, 4096, len(key) - 64):
        piece = key[at : at + 64]
        for form in (piece, piece.hex().encode(), base64.b64encode(piece[(-at) % 3 :])[:-4]):
            assert form not in stored


def test_plain_is_off_by_default(start_server: Callable[..., Server], good: GoodRequest) -> None:
    server = start_server()
    request = b'{"model_id":"pair_v1","version":"1.0.0","inputs":[[1,2]]}'
    for asked in (
        Ask(request, target="/infer/plain"), Ask(b"{", target="/infer/plain"), Ask(None, {}, target="/infer/plain"),
        Ask(None, {}, "GET", "/infer/plain"), Ask(None, TENANT | TOO_LONG, target="/infer/plain"),
    ):
        contract.check_error(asked.send(server), 404, "NOT_FOUND")
    good.check(server)


def test_a_fault_of_the_server_is_internal_and_says_nothing(start_server: Callable[..., Server], pair: HonestRequest) -> None:
    """Somebody has taken the table of the jobs away."""
    server = start_server()
    reply = post(server, "/infer", pair.body, Prefer="wait=60")
    target = f"/jobs/{reply.json()['job_id']}"
    assert get(server, target).status == 200
    database = sqlite3.connect(server.data / "jobs.sqlite3", isolation_level=None)
    database.execute("PRAGMA foreign_keys = OFF")
    database.execute("DROP TABLE jobs")
    database.close()
    contract.check_error(get(server, target), 500, "INTERNAL")
    contract.check_error(post(server, "/infer", pair.body), 500, "INTERNAL")
    assert get(server, "/health").status == 200
    assert server.process.poll() is None


def test_rows_of_other_models_fail_alike(
    server: Server, honest: Callable[[str], HonestRequest], good: GoodRequest
) -> None:
    """The checks are those of each model, not of the small one."""
    for model_id in ("logistic_v1", "wine_quadratic_v1", "breast_cancer_v1"):
        request = honest(model_id)
        first = read_ciphertext(request.payloads[0])
        prime = seal.CoeffModulus.Create(
            first.degree, read_entry(model_id)["encryption_parameters"]["coeff_modulus_bits"])[first.primes - 1].value()
        for wrong, status, code in (
            (bad_header(first), 400, "INVALID_CIPHERTEXT"),
            (bad_metadata(first), 400, "INVALID_CIPHERTEXT"),
            (join(first.with_word(len(first.words) // 8 - 1, prime).write()), 400, "INVALID_CIPHERTEXT"),
            (join(first.but(scale=scale_bytes(3.0)).write()), 409, "INCOMPATIBLE_CIPHERTEXT"),
        ):
            contract.check_error(post(server, "/infer", request.body_with(wrong)), status, code)
    good.check(server)


def test_every_released_code_has_been_provoked() -> None:
    """Of the whole suite: it runs last."""
    released = {code for code, documented in contract.documented_codes().items() if documented.released}
    assert set(contract.documented_codes()) == contract.schema_codes()
    assert contract.provoked == released
