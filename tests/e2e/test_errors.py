"""Every step of validation and every error code, provoked over a socket; ciphertexts have a file of their own.

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
from collections.abc import Callable
from typing import Any

import pytest
import seal

from support import contract
from support.adversarial import marked
from support.honest import GoodRequest, HonestRequest, base64_input, hex_input, to_body
from support.http import JSON_BODY, ask, get, post
from support.models import read_entry
from support.rows import Ask, Details, Row, body, check_refused, document, small, wrong_scale, wrong_word
from support.seal_bytes import Ciphertext, join, read_ciphertext, scale_bytes, write_ciphertext
from support.server import Server

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
        for version in ("", "1", "1.2", "1.1.1", "2.0.0", "1.0.0 ", "1.1 ", "v1.0", "1.0.00")
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
            "", "text/plain", "application/json5", "text/application/json",
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
        lambda _: Ask(None, {}, "GET", "/models?api_version=1.2")),
    Row("seal_minor too large", 400, "SCHEMA_VIOLATION", lambda _: Ask(None, {}, "GET", "/keys?seal_minor=5"),
        {"pointer": "seal_minor", "rule": "maximum"}),
    Row("seal_minor negative", 400, "SCHEMA_VIOLATION", lambda _: Ask(None, {}, "GET", "/keys?seal_minor=-1"),
        {"pointer": "seal_minor", "rule": "minimum"}),
    *(
        Row(f"seal_minor {value!r}", 400, "SCHEMA_VIOLATION",
            functools.partial(lambda value, _: Ask(None, {}, "GET", f"/keys?seal_minor={value}"), value),
            {"pointer": "seal_minor", "rule": "type"})
        for value in ("", "x", "1.5", "1x", "%20", "-0", "00", "01", "+1", "%2B1", "0x1", "1&seal_minor=1", "1&seal%5Fminor=2",
                      "9&seal_minor")
    ),
    *(
        Row(f"api_version twice in the query of {path}", 400, "UNSUPPORTED_API_VERSION",
            functools.partial(lambda path, _: Ask(None, {}, "GET", f"{path}?api_version=1.1&api_version=1.0"), path))
        for path in ("/models", "/keys")
    ),
    Row("job unknown", 404, "UNKNOWN_JOB", lambda _: Ask(None, {}, "GET", "/jobs/" + "0" * 32)),
]

# --- Encodings -------------------------------------------------------------------------------------------------------------


def encoded(
    name: str, change: Callable[[str], str], encoding: str = "hex", status: int = 400, code: str = "INVALID_ENCODING"
) -> Row:
    """The first payload's text, changed."""

    def make(pair: HonestRequest) -> Ask:
        encode = hex_input if encoding == "hex" else base64_input
        inputs = [encode(payload) for payload in pair.payloads]
        inputs[0]["payload"] = change(inputs[0]["payload"])
        return Ask(to_body(pair.document(inputs=inputs)))

    return Row(f"{encoding}, {name}", status, code, make)


too_long_text = functools.partial(encoded, status=413, code="PAYLOAD_TOO_LARGE")


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
    too_long_text("longer than the model's largest ciphertext", lambda text: text + "00" * 4096),
    too_long_text("longer than the model's largest ciphertext", lambda text: text[:-4] + "A" * 8192, "base64"),
    too_long_text("longer than any model's largest ciphertext", lambda text: text * 10),
]

# --- Plain requests --------------------------------------------------------------------------------------------------------


def plain(name: str, status: int, code: str, details: Details | None = None, **changes: Any) -> Row:
    request = {"model_id": "pair_v1", "version": "1.0.0", "inputs": [[1, 2]], **changes}
    return Row(f"plain: {name}", status, code, lambda _: Ask(to_body(request), target="/infer/plain"), details)


PLAIN = [
    plain("unknown model", 404, "UNKNOWN_MODEL", model_id="pair_v2"),
    plain("unknown api_version", 400, "UNSUPPORTED_API_VERSION", api_version="1.2"),
    plain("too many rows", 400, "BATCH_TOO_LARGE", {"max_batch_size": "16"}, inputs=[[1, 2]] * 17),
    plain("short row", 400, "WRONG_INPUT_COUNT", {"expected": "2", "received": "1"}, inputs=[[1, 2], [1]]),
    plain("long row", 400, "WRONG_INPUT_COUNT", {"expected": "2", "received": "3"}, inputs=[[1, 2, 3]]),
    plain("no rows", 400, "SCHEMA_VIOLATION", {"pointer": "/inputs", "rule": "minItems"}, inputs=[]),
    plain("empty row", 400, "SCHEMA_VIOLATION", {"pointer": "/inputs/0", "rule": "minItems"}, inputs=[[]]),
    plain("string", 400, "SCHEMA_VIOLATION", {"pointer": "/inputs/0/1", "rule": "type"}, inputs=[[1, "2"]]),
    plain("null", 400, "SCHEMA_VIOLATION", {"pointer": "/inputs/0/0", "rule": "type"}, inputs=[[None, 2]]),
    plain("batch_size", 400, "SCHEMA_VIOLATION", {"pointer": "", "rule": "additionalProperties"}, batch_size=1),
    plain("answer beyond all doubles", 400, "SCHEMA_VIOLATION", {"pointer": "/inputs/1"}, model_id="wine_quadratic_v1",
          inputs=[[1] * 13, [1e200] * 13]),
    Row("plain: number beyond all doubles", 400, "SCHEMA_VIOLATION", lambda _: Ask(
        b'{"model_id":"pair_v1","version":"1.0.0","inputs":[[1,1e400]]}', target="/infer/plain"),
        {"pointer": "/inputs/0/1"}),
    Row("plain: truncated", 400, "MALFORMED_JSON", lambda _: Ask(b'{"inputs":[[1,', target="/infer/plain")),
    Row("plain: text/plain", 415, "UNSUPPORTED_MEDIA_TYPE",
        lambda _: Ask(b"{}", {"Content-Type": "text/plain"}, target="/infer/plain")),
    Row("plain: bad tenant", 400, "SCHEMA_VIOLATION",
        lambda _: Ask(b"{", JSON_BODY | {"X-Tenant-ID": "a b"}, target="/infer/plain"), BAD_TENANT),
]

ROWS = [*ENVELOPE, *FIELDS, *ENCODINGS, *PLAIN]

CASES = {
    "envelope.truncated": ["empty", "white space", "truncated", "truncated in *", "plain: truncated"],
    "envelope.deep-nesting": ["10,000 *"],
    "envelope.duplicate-member": ["duplicate member*"],
    "envelope.invalid-utf-8": ["*UTF-*", "byte order mark"],
    "envelope.lone-surrogate": ["lone surrogate", "low surrogate first"],
    "envelope.trailing-bytes": ["trailing byte", "trailing NUL", "trailing value"],
    "envelope.lenient-syntax": [
        "trailing comma", "comment", "single quotes", "leading zero", "plus sign", "no digit before the point", "NaN",
        "Infinity", "unknown literal", "control character in a string", "NUL in a payload",
    ],
    "envelope.unknown-field": ["unknown member*", "plain: batch_size"],
    "envelope.missing-field": ["no model_id", "no version", "no inputs", "input without *"],
    "envelope.wrong-type": ["body is *", "batch_size null", "batch_size as a*", "inputs a*", "input a*", "* a number",
                            "payload an array", "plain: string", "plain: null"],
    "envelope.string-length": [f"{name} {length}" for name in ("model_id", "version") for length in ("empty", "of 129 characters")],
    "envelope.batch-size-zero": ["batch_size 0", "batch_size -1"],
    "envelope.batch-size-1e400": ["batch_size *1e400", "batch_size 2^*", "plain: number beyond all doubles"],
    "envelope.batch-size-string": ["batch_size as a string"],
    "envelope.batch-size-fraction": ["batch_size 1.5", "batch_size 1e-400"],
    "envelope.inputs-empty": ["inputs empty", "plain: no rows", "plain: empty row"],
    "envelope.inputs-too-many": ["inputs too many for any model"],
    "envelope.wrong-count": ["1 inputs", "3 inputs", "4096 inputs", "plain: short row", "plain: long row"],
    "envelope.batch-too-large": ["batch above max_batch_size", "batch of 2^31 - 1", "plain: too many rows"],
    "envelope.unknown-model": ["model_id unknown", "model_id in *", "model_id with *", "model_id a path", "model_id an emoji",
                               "model_id of 128 characters", "plain: unknown model"],
    "envelope.unknown-version": ["version '*"],
    "envelope.unsupported-api-version": ["api_version '*", "plain: unknown api_version"],
    "envelope.media-type": ["no Content-Type", "Content-Type *", "plain: text/plain"],
    "envelope.content-encoding": ["Content-Encoding *", "a body in gzip"],
    "encodings.odd-hex": ["hex, a digit less", "hex, a digit more"],
    "encodings.foreign-characters": ["hex, prefix 0x", "hex, foreign digit *", "hex, base64 instead", "*, not ASCII"],
    "encodings.white-space": ["*, white space *", "*, line break *"],
    "encodings.nul": ["*, NUL *"],
    "encodings.base64-padding": ["base64, *padding*", "base64, a digit *"],
    "encodings.base64-tail-bits": ["base64, tail bits*"],
    "encodings.base64-url-alphabet": ["base64, URL alphabet, *"],
    "encodings.unknown-name": ["encoding '*"],
    "encodings.empty-payload": ["hex, empty", "base64, empty"],
    "encodings.too-long": ["*, longer than *"],
    "tenants.bad-name": ["tenant *", "plain: bad tenant"],
    "transport.no-length": ["no length"],
    "transport.body-too-large": ["body of a terabyte"],
}


@pytest.mark.parametrize("row", marked(ROWS, CASES), ids=str)
def test_wrong_requests_are_refused(server: Server, pair: HonestRequest, good: GoodRequest, row: Row) -> None:
    check_refused(server, good, row.ask(pair), row)


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


def bad_scale_and_word(c: Ciphertext) -> bytes:
    return wrong_scale(c.with_word(0, 2**63))


def bad_scale_and_metadata(c: Ciphertext) -> bytes:
    return wrong_scale(c.but(is_ntt_form=0))


def other_minor_and_scale(c: Ciphertext) -> bytes:
    return write_ciphertext(c.in_minor(3).but(scale=scale_bytes(2.0**31)))


def too_long(c: Ciphertext) -> bytes:
    return join(c.write() + bytes(4096))


TENANT = {"X-Tenant-ID": "a b"}
TOO_LONG = {"Content-Length": str(10**12)}

ORDER = [
    Row("headers too large before route", 431, "HEADERS_TOO_LARGE",
             lambda _: Ask(None, {"X": "x" * 65536}, "GET", "/nothing")),
    Row("route before method", 404, "NOT_FOUND", lambda _: Ask(b"{", {}, "DELETE", "/nothing")),
    Row("route before body size", 404, "NOT_FOUND", lambda _: Ask(None, TOO_LONG, "POST", "/nothing")),
    Row("method before media type", 405, "METHOD_NOT_ALLOWED", lambda _: Ask(b"{", {}, "PUT")),
    Row("method before length", 405, "METHOD_NOT_ALLOWED", lambda _: Ask(None, {}, "PATCH")),
    Row("body size before media type", 413, "PAYLOAD_TOO_LARGE", lambda _: Ask(None, {"Content-Type": "x"} | TOO_LONG)),
    Row("body size before tenant", 413, "PAYLOAD_TOO_LARGE", lambda _: Ask(None, JSON_BODY | TENANT | TOO_LONG)),
    Row("length before media type", 411, "LENGTH_REQUIRED", lambda _: Ask(None, {"Content-Type": "text/plain"})),
    Row("length before tenant", 411, "LENGTH_REQUIRED", lambda _: Ask(None, JSON_BODY | TENANT)),
    Row("media type before tenant", 415, "UNSUPPORTED_MEDIA_TYPE", lambda _: Ask(b"{", TENANT)),
    Row("tenant before JSON", 400, "SCHEMA_VIOLATION", lambda _: Ask(b"{", JSON_BODY | TENANT), BAD_TENANT),
    Row("syntax before schema", 400, "MALFORMED_JSON", lambda _: Ask(to_body(small(batch_size=0)) + b"x")),
    Row("syntax before version", 400, "MALFORMED_JSON", lambda _: Ask(to_body(small(api_version="9"))[:-1])),
    Row("schema before version", 400, "SCHEMA_VIOLATION", lambda _: Ask(to_body(small(api_version="9", batch_size=0)))),
    Row("schema before model", 400, "SCHEMA_VIOLATION", lambda _: Ask(to_body(small(model_id="x", extra=1)))),
    Row("schema before encoding", 400, "SCHEMA_VIOLATION",
             lambda _: Ask(to_body(small(inputs=[{"encoding": "HEX", "payload": "x"}, {"encoding": "hex"}])))),
    document("version before model", 400, "UNSUPPORTED_API_VERSION", api_version="9", model_id="x"),
    document("version before batch", 400, "UNSUPPORTED_API_VERSION", api_version="9", batch_size=99),
    Row("model before batch", 404, "UNKNOWN_MODEL", lambda _: Ask(to_body(small(model_id="x", batch_size=99)))),
    Row("model before count", 404, "UNKNOWN_MODEL", lambda _: Ask(to_body(small(version="2", inputs=[hex_input(b"1")])))),
    Row("model before encoding", 404, "UNKNOWN_MODEL",
             lambda _: Ask(to_body(small(model_id="x", inputs=[{"encoding": "HEX", "payload": ""}])))),
    document("batch before count", 400, "BATCH_TOO_LARGE", batch_size=17, inputs=[hex_input(b"1")]),
    Row("batch before encoding", 400, "BATCH_TOO_LARGE",
             lambda _: Ask(to_body(small(batch_size=17, inputs=[{"encoding": "HEX", "payload": ""}] * 2)))),
    Row("count before encoding", 400, "WRONG_INPUT_COUNT",
             lambda _: Ask(to_body(small(inputs=[{"encoding": "HEX", "payload": ""}])))),
    Row("count before length", 400, "WRONG_INPUT_COUNT", lambda pair: Ask(to_body(pair.document(
        inputs=[hex_input(too_long(read_ciphertext(pair.payloads[0])))])))),
    Row("encoding before SEAL header", 400, "INVALID_ENCODING", lambda _: Ask(to_body(small(
        inputs=[hex_input(bytes(100)), {"encoding": "hex", "payload": "5"}])))),
    Row("encoding before metadata", 400, "INVALID_ENCODING", lambda pair: Ask(to_body(pair.document(
        inputs=[hex_input(wrong_scale(read_ciphertext(pair.payloads[0]))), {"encoding": "hex", "payload": "5"}])))),
    Row("length before SEAL header", 413, "PAYLOAD_TOO_LARGE", wrong_inputs(bad_header, too_long)),
    Row("length before metadata", 413, "PAYLOAD_TOO_LARGE", wrong_inputs(wrong_scale, too_long)),
    Row("length before coefficients", 413, "PAYLOAD_TOO_LARGE", wrong_inputs(wrong_word, too_long)),
    Row("SEAL header before metadata, in one input", 400, "INVALID_CIPHERTEXT",
             wrong_inputs(lambda c: join(c.but(scale=scale_bytes(2.0**31)).write(), reserved=1))),
    Row("SEAL header before metadata, of another input", 400, "INVALID_CIPHERTEXT", wrong_inputs(wrong_scale, bad_header)),
    Row("SEAL version before metadata", 400, "INVALID_CIPHERTEXT", wrong_inputs(honest_bytes, other_minor_and_scale)),
    Row("form before scale", 400, "INVALID_CIPHERTEXT", wrong_inputs(bad_scale_and_metadata)),
    Row("scale before coefficients, in one input", 409, "INCOMPATIBLE_CIPHERTEXT", wrong_inputs(bad_scale_and_word)),
    Row("scale before coefficients, of another input", 409, "INCOMPATIBLE_CIPHERTEXT",
        wrong_inputs(wrong_word, wrong_scale)),
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
    "escaped member": lambda pair: Ask(pair.body.replace(b'"payload"', b'"p\\u0061yload"')),
    "escaped encoding": lambda pair: Ask(pair.body.replace(b'"hex"', b'"\\u0068ex"')),
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


# --- Things that must not happen -------------------------------------------------------------------------------------------


def test_plain_is_off_by_default(start_server: Callable[..., Server], good: GoodRequest) -> None:
    server = start_server()
    request = b'{"model_id":"pair_v1","version":"1.0.0","inputs":[[1,2]]}'
    for asked in (
        Ask(request, target="/infer/plain"), Ask(b"{", target="/infer/plain"), Ask(None, {}, target="/infer/plain"),
        Ask(None, {}, "GET", "/infer/plain"), Ask(None, TENANT | TOO_LONG, target="/infer/plain"),
    ):
        contract.check_error(asked.send(server), 404, "NOT_FOUND")
    good.check(server)


def test_a_fault_of_the_server_is_internal_and_says_nothing(
    start_server: Callable[..., Server], pair: HonestRequest
) -> None:
    """Somebody has taken the table of the jobs away."""
    server = start_server()
    reply = post(server, "/infer", pair.body, Prefer="wait=60")
    target = f"/jobs/{reply.json()['job_id']}"
    assert get(server, target).status == 200
    database = sqlite3.connect(server.data / "jobs.sqlite3", isolation_level=None)
    database.execute("PRAGMA foreign_keys = OFF")
    database.execute("DROP TABLE jobs")
    database.close()
    for method, resource, body in (("GET", target, None), ("POST", "/infer", pair.body), ("DELETE", target, None)):
        reply = ask(server, method, resource, body, JSON_BODY if body else None)
        contract.check_error(reply, 500, "INTERNAL")
        contract.check_reply(method, resource, reply)
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
