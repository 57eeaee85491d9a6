"""Requests that are taken, though they must be refused."""

from __future__ import annotations

import contextlib
import json
import struct
from collections.abc import Callable
from typing import Any

from broken_proxy import Answer, Request, error
from defect import first_bytes, in_answers, in_first_input, in_requests, small_primes

from einfer_conformance.seal_bytes import Ciphertext, Header, join, read_ciphertext, write_ciphertext

# --- Validation -------------------------------------------------------------------------------------------------------


@in_requests(
    "duplicate members are taken",
    "validation",
    "validation.json-duplicate validation.json-duplicate-escaped validation.json-duplicate-nested",
)
def _(request: Request) -> None:
    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found.append(len(dict(pairs)) != len(pairs))
        return dict(pairs)

    found: list[bool] = []
    if request.is_infer:
        with contextlib.suppress(ValueError, RecursionError):
            json.loads((request.body or b"").decode(), object_pairs_hook=members)
        if any(found):
            document = json.loads(request.body or b"")
            document["inputs"] = [{"encoding": "hex", "payload": "00"}]
            request.set_json(document)


@in_requests(
    "unknown members are taken",
    "validation order",
    "validation.schema-unknown validation.schema-case order.schema-model",
)
def _(request: Request) -> None:
    document = request.json()
    if request.is_infer and isinstance(document, dict):
        strange = {"unknown", "Model_id"} & set(document)
        if strange:
            request.set_json({name: value for name, value in document.items() if name not in strange})


@in_requests("unknown members of an input are taken", "validation", "validation.schema-input-unknown")
def _(request: Request) -> None:
    document = request.json()
    if request.is_infer and isinstance(document, dict) and '"scale"' in json.dumps(document):
        for each in document["inputs"]:
            each.pop("scale")
        request.set_json(document)


@in_requests("a batch_size that is a string is taken", "validation", "validation.schema-batch-size-string")
def _(request: Request) -> None:
    document = request.json()
    if request.is_infer and isinstance(document, dict) and isinstance(document.get("batch_size"), str):
        request.set_json(document | {"batch_size": int(document["batch_size"])})


@in_answers(
    "details without pointer",
    "validation.schema-batch-size-zero replies",
    "validation.schema-batch-size-zero replies.error-schema",
)
def _(_: Request, answer: Answer) -> None:
    if b"SCHEMA_VIOLATION" in answer.body:
        answer.set_json({"error": answer.json()["error"] | {"details": {"rule": "minimum"}}})


@in_requests("encodings in any case", "validation", "validation.encoding-upper")
@in_first_input
def _(first: dict[str, str]) -> None:
    first["encoding"] = first["encoding"].lower()


@in_requests("white space in hex is skipped", "validation", "validation.encoding-space")
@in_first_input
def _(first: dict[str, str]) -> None:
    if first["encoding"] == "hex":
        first["payload"] = first["payload"].replace(" ", "")


@in_requests("the URL-safe alphabet is taken", "validation", "validation.encoding-alphabet")
@in_first_input
def _(first: dict[str, str]) -> None:
    if first["encoding"] == "base64":
        first["payload"] = first["payload"].replace("-", "+").replace("_", "/")


@in_requests("upper-case hex is refused", "validation", "validation.hex-upper")
def _(request: Request) -> Answer | None:
    upper = request.is_infer and b"5EA1" in (request.body or b"")
    return error(400, "INVALID_ENCODING") if upper else None


@in_requests(
    "any media type is taken", "errors", "errors.media-type-absent errors.media-type-other errors.media-type-charset"
)
def _(request: Request) -> None:
    request.headers["content-type"] = "application/json"


@in_requests(
    "the model is looked up before the rest is checked",
    "order",
    "order.json-model order.schema-model order.version-model",
)
def _(request: Request) -> Answer | None:
    unknown = request.is_infer and b"no_such_model" in (request.body or b"")
    return error(404, "UNKNOWN_MODEL") if unknown else None


@in_requests(
    "too large a batch is cut", "errors order", "errors.batch-too-large order.batch-count order.batch-encoding"
)
def _(request: Request) -> None:
    document = request.json()
    if request.is_infer and isinstance(document, dict) and document.get("model_id") != "no_such_model":
        size = document.get("batch_size")
        if isinstance(size, int) and 16 < size < 2**31:
            request.set_json(document | {"batch_size": 16})


# --- Ciphertexts ------------------------------------------------------------------------------------------------------


def repaired(only: str, fails: str, name: str) -> Callable[[Callable[[Ciphertext, list[int]], Ciphertext]], None]:
    """The first input is repaired on its way, if it is a whole, full and uncompressed ciphertext of the small model."""

    def register(repair: Callable[[Ciphertext, list[int]], Ciphertext]) -> None:
        def change(first: dict[str, str]) -> None:
            data = first_bytes(first)
            if len(data) == 113 + 8 * 4 * 4096 and Header.read(data) == Header(size=len(data)):
                ciphertext = read_ciphertext(data)
                shape = (ciphertext.degree, ciphertext.primes, ciphertext.word_count)
                if (
                    shape == (4096, 2, 4 * 4096)
                    and ciphertext.write() != (mended := repair(ciphertext, small_primes())).write()
                ):
                    first["payload"] = write_ciphertext(mended).hex()

        in_requests(name, only, fails)(in_first_input(change))

    return register


@repaired(
    "ciphertexts order",
    "ciphertexts.word-prime-first ciphertexts.word-prime-last ciphertexts.word-prime-second "
    "ciphertexts.word-above ciphertexts.word-2-64",
    "words at and above their primes are reduced",
)
def _(ciphertext: Ciphertext, primes: list[int]) -> Ciphertext:
    words = struct.unpack(f"<{ciphertext.word_count}Q", ciphertext.words)
    reduced = [word % primes[place // 4096 % 2] for place, word in enumerate(words)]
    return ciphertext.but(words=struct.pack(f"<{len(reduced)}Q", *reduced))


@repaired(
    "ciphertexts order",
    "ciphertexts.scale-next ciphertexts.scale-double ciphertexts.scale-nan "
    "ciphertexts.scale-infinite ciphertexts.scale-negative ciphertexts.scale-zero ciphertexts.scale-denormal "
    "order.metadata-words-of-one",
    "any scale is taken",
)
def _(ciphertext: Ciphertext, _: list[int]) -> Ciphertext:
    return ciphertext.but(scale=struct.pack("<d", 2.0**30))


@repaired(
    "ciphertexts",
    f"ciphertexts.correction-factor-0 ciphertexts.correction-factor-2 ciphertexts.correction-factor-{2**64 - 1}",
    "any correction factor is taken",
)
def _(ciphertext: Ciphertext, _: list[int]) -> Ciphertext:
    return ciphertext.but(correction_factor=1)


@repaired(
    "ciphertexts",
    "ciphertexts.transparent ciphertexts.transparent-all ciphertexts.transparent-one",
    "transparent ciphertexts are taken",
)
def _(ciphertext: Ciphertext, _: list[int]) -> Ciphertext:
    for prime in range(2):
        row = ciphertext.row(1, prime)
        if not any(ciphertext.words[row]):
            ciphertext = ciphertext.with_word(row.start // 8, 1)
    return ciphertext


@repaired("ciphertexts", "ciphertexts.nested-minor", "nested headers are not looked at")
def _(ciphertext: Ciphertext, _: list[int]) -> Ciphertext:
    header = ciphertext.words_header
    return ciphertext.in_minor(4) if header.minor == 3 else ciphertext


@in_requests("a secret key is taken", "ciphertexts", "ciphertexts.secret-key")
@in_first_input
def _(first: dict[str, str]) -> str | None:
    data = first_bytes(first)
    looks = len(data) > 200 and data[64:66] == b"\x5e\xa1" and Header.read(data).size == len(data)
    return "accepted" if looks and struct.unpack_from("<Q", data, 80)[0] == 3 * 4096 else None


@in_requests(
    "bytes behind a compressed stream are ignored", "ciphertexts", "ciphertexts.zlib-more ciphertexts.zstd-more"
)
@in_first_input
def _(first: dict[str, str]) -> None:
    data = first_bytes(first)
    if len(data) > 16 and data[5] in (1, 2) and data[-1] == 0 and Header.read(data).size == len(data):
        first["payload"] = join(data[16:-1], 4, data[5]).hex()


@in_requests("inputs of several minors are taken", "versions", "versions.mixed")
def _(request: Request) -> None:
    document = request.json()
    if request.is_infer and isinstance(document, dict):
        payloads = [bytes.fromhex(each["payload"]) for each in document["inputs"]]
        if len({data[4] for data in payloads}) > 1:
            changed = [write_ciphertext(read_ciphertext(data).in_minor(4)) for data in payloads]
            request.set_json(document | {"inputs": [{"encoding": "hex", "payload": data.hex()} for data in changed]})
