"""JSON, schema and encodings: what is refused, and that nothing more is."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

from einfer_conformance.context import Context, base64_input, hex_input, to_body
from einfer_conformance.registry import add, check

Change = Callable[[bytes], bytes]


def refused(
    check_id: str, demand: str, rule: str, code: str, make: Callable[[Context], Any], pointer: str | None = None
) -> None:
    def run(ctx: Context) -> None:
        ctx.expect_error(ctx.post(make(ctx)), code, pointer)

    add(check_id, demand, rule, run)


# --- JSON -------------------------------------------------------------------------------------------------------------


def json_text(name: str, what: str, change: Change) -> None:
    refused(
        f"validation.json-{name}",
        f"{what} is 400 MALFORMED_JSON",
        "docs/api.md#conventions",
        "MALFORMED_JSON",
        lambda ctx: change(to_body(ctx.small())),
    )


def insert(text: bytes) -> Change:
    """As the first member."""
    return lambda body: body.replace(b"{", b"{" + text, 1)


json_text("empty", "An empty body", lambda _: b"")
json_text("truncated", "A text that ends too early", lambda body: body[:-1])
json_text("trailing", "Anything behind the JSON text", lambda body: body + b" {}")
json_text("duplicate", "A member that occurs twice", insert(b'"version":"1.0.0",'))
json_text("duplicate-escaped", "A member that occurs twice, once escaped", insert(b'"\\u0076ersion":"1.0.0",'))
json_text(
    "duplicate-nested",
    "A member of an input that occurs twice",
    lambda body: body.replace(b'{"encoding"', b'{"encoding":"hex","encoding"', 1),
)
json_text("bom", "A byte order mark", lambda body: b"\xef\xbb\xbf" + body)
json_text("utf-16", "UTF-16", lambda body: body.decode().encode("utf-16-le"))
json_text("utf-8", "Invalid UTF-8", insert(b'"x":"\xc3\x28",'))
json_text("overlong", "Overlong UTF-8", insert(b'"x":"\xc0\xaf",'))
json_text("surrogate", "A lone surrogate", insert(b'"x":"\\ud83d",'))
json_text("control", "A control character in a string", insert(b'"x":"\x01",'))
json_text("escape", "An unknown escape", insert(b'"x":"\\x41",'))
json_text("quotes", "Single quotes", insert(b"'x':1,"))
json_text("comma", "A trailing comma", lambda body: body[:-1] + b",}")
json_text("comment", "A comment", insert(b"/* */"))
json_text("nan", "NaN", insert(b'"x":NaN,'))
json_text("zero", "A leading zero", insert(b'"x":01,'))
json_text("plus", "A plus sign", insert(b'"x":+1,'))
json_text("depth", "Excessive nesting", insert(b'"x":' + b"[" * 2000 + b"]" * 2000 + b","))


# --- Schema -----------------------------------------------------------------------------------------------------------

SCHEMA = "schemas/infer_request.schema.json"


def schema(name: str, what: str, pointer: str | None, make: Callable[[Context], Any]) -> None:
    refused(
        f"validation.schema-{name}",
        f"{what} is 400 SCHEMA_VIOLATION that says where",
        SCHEMA,
        "SCHEMA_VIOLATION",
        make,
        pointer,
    )


def member(name: str, what: str, pointer: str | None, **changes: Any) -> None:
    schema(name, what, pointer, lambda ctx: ctx.small(**changes))


def of_inputs(name: str, what: str, pointer: str, change: Callable[[dict[str, Any]], Any]) -> None:
    """The first input, changed."""
    schema(
        name,
        what,
        pointer,
        lambda ctx: ctx.small(
            inputs=[change(dict(each)) if not place else each for place, each in enumerate(ctx.small()["inputs"])]
        ),
    )


schema("array", "A body that is an array", "", lambda _: b"[]")
schema("null", "A body that is null", "", lambda _: b"null")
schema("string", "A body that is a string", "", lambda _: b'"x"')
for _name in ("model_id", "version", "inputs"):
    schema(
        f"no-{_name.replace('_', '-')}",
        f"A body without {_name}",
        None,
        lambda ctx, name=_name: ctx.small(**{name: None}),
    )
member("unknown", "An unknown member", None, unknown=1)
member("case", "A member in another case", None, Model_id="x")
member("model-id-number", "A model_id that is a number", "/model_id", model_id=1)
member("model-id-empty", "An empty model_id", "/model_id", model_id="")
member("model-id-long", "A model_id of 129 characters", "/model_id", model_id="x" * 129)
member("version-number", "A version that is a number", "/version", version=1.0)
member("api-version-number", "An api_version that is a number", "/api_version", api_version=1.0)
member("batch-size-zero", "A batch_size of 0", "/batch_size", batch_size=0)
member("batch-size-negative", "A negative batch_size", "/batch_size", batch_size=-1)
member("batch-size-fraction", "A batch_size of 1.5", "/batch_size", batch_size=1.5)
member("batch-size-string", "A batch_size that is a string", "/batch_size", batch_size="1")
member("batch-size-true", "A batch_size that is true", "/batch_size", batch_size=True)
member("batch-size-2-31", "A batch_size of 2^31", "/batch_size", batch_size=2**31)
schema("batch-size-null", "A batch_size that is null", "/batch_size", lambda ctx: {**ctx.small(), "batch_size": None})
schema(
    "number-range",
    "A number beyond double precision",
    "/batch_size",
    lambda ctx: to_body({**ctx.small(), "batch_size": 77777}).replace(b"77777", b"1e400"),
)
member("inputs-empty", "No inputs", "/inputs", inputs=[])
member("inputs-object", "Inputs that are an object", "/inputs", inputs={})
member("inputs-4097", "4097 inputs", "/inputs", inputs=[hex_input(b"\x5e")] * 4097)
of_inputs("input-string", "An input that is a string", "/inputs/0", lambda _: "5ea1")
of_inputs("payload-number", "A payload that is a number", "/inputs/0/payload", lambda each: each | {"payload": 1})
of_inputs("encoding-null", "An encoding that is null", "/inputs/0/encoding", lambda each: each | {"encoding": None})
schema(
    "no-payload",
    "An input without payload",
    None,
    lambda ctx: ctx.small(inputs=[{"encoding": "hex"}] * len(ctx.small()["inputs"])),
)
schema(
    "input-unknown",
    "An unknown member of an input",
    None,
    lambda ctx: ctx.small(inputs=[each | {"scale": 1} for each in ctx.small()["inputs"]]),
)


# --- Encodings --------------------------------------------------------------------------------------------------------


def encoding(name: str, what: str, change: Callable[[bytes], dict[str, str]]) -> None:
    """What the first input becomes of an honest ciphertext."""
    refused(
        f"validation.encoding-{name}",
        f"{what} is 400 INVALID_ENCODING",
        "docs/api.md#post-infer",
        "INVALID_ENCODING",
        lambda ctx: ctx.with_inputs(change(ctx.honest.payloads[0])),
    )


def text(form: str, change: Callable[[str], str]) -> Callable[[bytes], dict[str, str]]:
    make = hex_input if form == "hex" else base64_input
    return lambda data: {"encoding": form, "payload": change(make(data)["payload"])}


encoding("upper", "The encoding HEX", lambda data: hex_input(data) | {"encoding": "HEX"})
encoding("unknown", "An unknown encoding", lambda data: hex_input(data) | {"encoding": "base32"})
encoding("none", "An empty encoding", lambda data: hex_input(data) | {"encoding": ""})
encoding("empty-hex", "An empty payload", text("hex", lambda _: ""))
encoding("empty-base64", "An empty payload in base64", text("base64", lambda _: ""))
encoding("odd", "An odd number of hex digits", text("hex", lambda each: each[:-1]))
encoding("digit", "A character that is no hex digit", text("hex", lambda each: each[:100] + "g" + each[101:]))
encoding("space", "White space in hex", text("hex", lambda each: each[:100] + "  " + each[100:]))
encoding("prefix", "0x before hex", text("hex", lambda each: "0x" + each))
encoding("unicode", "Full-width digits in hex", text("hex", lambda each: each[:100] + "\uff10\uff10" + each[102:]))
encoding(
    "padding",
    "Base64 without its padding or with too much of it",
    text("base64", lambda each: each.rstrip("=") if "=" in each else each + "===="),
)
encoding("alphabet", "The URL-safe alphabet", text("base64", lambda each: each[:100] + "-_" + each[102:]))
encoding("line-break", "A line break in base64", text("base64", lambda each: each[:76] + "\n" + each[76:]))
encoding(
    "tail",
    "Base64 whose tail bits are not zero",
    lambda data: {
        "encoding": "base64",
        "payload": base64.b64encode(data + bytes(-len(data) % 3 + 1)).decode()[:-3] + "B==",
    },
)
encoding("other", "Base64 under the name of hex", lambda data: base64_input(data) | {"encoding": "hex"})


@check("validation.hex-upper", "Upper-case hex is taken", "#post-infer")
def hex_upper(ctx: Context) -> None:
    upper = [{"encoding": "hex", "payload": payload.hex().upper()} for payload in ctx.honest.payloads]
    ctx.submit(ctx.honest.document(inputs=upper))


@check("validation.escapes", "Escapes, white space and any order of members are taken", "#conventions")
def escapes(ctx: Context) -> None:
    document = dict(reversed(ctx.honest.document().items()))
    body = json.dumps(document, indent=1).encode()
    for name in (b"hex", b"payload", b"version"):
        body = body.replace(name, b"\\u%04x" % name[0] + name[1:])
    ctx.submit(body)


@check("validation.batch-size-absent", "batch_size may be absent, and then means 1", "#post-infer")
def batch_size_absent(ctx: Context) -> None:
    result, exchange = ctx.result(ctx.honest.document(batch_size=None))
    ctx.expect(result["diagnostics"]["requested_batch_size"] == 1, f"{result['diagnostics']}", exchange)


@check("validation.api-version-taken", "api_version 1.0 and 1.0.0 in the body are taken", "#conventions")
def api_version_taken(ctx: Context) -> None:
    for version in ("1.0", "1.0.0"):
        ctx.submit(ctx.honest.document(api_version=version))
