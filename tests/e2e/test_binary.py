"""Binary bodies of POST /infer, and the binary answers to them: a JSON header, then ciphertexts back to back."""

from __future__ import annotations

import pathlib
import random
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from support import contract
from support.adversarial import marked
from support.evaluation_keys import BusyRequest, with_a_network
from support.he import SealPython
from support.honest import GoodRequest, HonestRequest, to_body
from support.http import JSON_BODY, Connection, Reply, ask, binary_body, chunked_bytes, get, post, request_bytes, send_raw
from support.models import PAIR
from support.rows import Ask, Row, check_refused, wrong_scale, wrong_word
from support.seal_bytes import ZLIB, ZSTD, read_ciphertext, write_ciphertext
from support.server import Server, attempts, wait_until

StartServer = Callable[..., Server]
KEY_ID = "5e" * 32


def body_of(request: HonestRequest, payloads: list[bytes] | None = None, **changes: Any) -> tuple[bytes, dict[str, str]]:
    """A body and its header fields. The sizes are those of `payloads`, unless `inputs` are given."""
    raw = request.payloads if payloads is None else payloads
    header = request.binary_header(**{"inputs": sizes(*map(len, raw)), **changes})
    return header + b"".join(raw), binary_body(len(header))


def sizes(*each: Any) -> list[Any]:
    return [{"binary_data_size": size} for size in each]


def submit(server: Server, request: HonestRequest, headers: dict[str, str] | None = None, **changes: Any) -> Reply:
    body, fields = body_of(request, **changes)
    reply = ask(server, "POST", "/infer", body, fields | (headers or {}))
    contract.check_reply("POST", "/infer", reply)
    return reply


def check_answer(good: GoodRequest, reply: Reply) -> None:
    """A completed job in the binary form, with the same bytes as in the other forms."""
    assert reply.status == 200, reply.body[:500]
    job, payload = reply.json_header()
    assert not contract.violations("job_binary", job)
    assert job["status"] == "completed"
    assert good.request.check_result(job["result"], payload) == payload


# --- The form of the answer ------------------------------------------------------------------------------------------------


def test_a_binary_request_is_answered_in_binary(server: Server, pair: HonestRequest, good: GoodRequest) -> None:
    check_answer(good, submit(server, pair, {"Prefer": "wait=60"}))
    accepted = submit(server, pair)
    assert (accepted.status, accepted.header("Content-Type")) == (202, "application/json")
    target = f"/jobs/{accepted.json()['job_id']}"
    waited = get(server, target, Prefer="wait=60")
    check_answer(good, waited)
    again = get(server, target)
    contract.check_reply("GET", target, again)
    assert again.body == waited.body
    head = ask(server, "HEAD", target)
    assert not head.body
    assert [field for field in head.fields if field[0] != "X-Request-ID"] == [
        field for field in again.fields if field[0] != "X-Request-ID"
    ]


def test_the_answer_is_that_of_the_other_forms(server: Server, pair: HonestRequest) -> None:
    _, payload = submit(server, pair, {"Prefer": "wait=60"}).json_header()
    other = post(server, "/infer", pair.body, Prefer="wait=60").json()
    assert other["result"]["payload"] == payload.hex()
    assert other["result"]["encoding"] == "hex"


def test_a_failed_job_is_json(server: Server, pair: HonestRequest) -> None:
    equal = [pair.payloads[0]] * 2  # cancel out in this model
    reply = submit(server, pair, {"Prefer": "wait=60"}, payloads=equal)
    contract.check_failed_job(reply.json(), "INVALID_CIPHERTEXT")
    assert get(server, f"/jobs/{reply.json()['job_id']}").json() == reply.json()


def test_an_unfinished_job_is_json(
    start_server: StartServer, pair: HonestRequest, good: GoodRequest, models: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    registry = with_a_network(models, tmp_path / "with_a_network")
    server = start_server("--workers", "1", "--store-first", registry=registry)
    busy = BusyRequest(server)
    body, fields = body_of(pair)
    for _ in attempts("a job is asked for before it is done"):
        busy.submit()
        jobs = [ask(server, "POST", "/infer", body, fields).json()["job_id"] for _ in range(8)]
        lock = server.lock_database()
        replies = [get(server, f"/jobs/{job_id}") for job_id in jobs]
        lock.close()
        for reply in replies:
            contract.check_reply("GET", f"/jobs/{jobs[0]}", reply)
        unfinished = [reply.json() for reply in replies if reply.header("Content-Type") == "application/json"]
        assert {job["status"] for job in unfinished} <= {"queued", "running"}
        if unfinished:
            break
    for job_id in jobs:
        check_answer(good, get(server, f"/jobs/{job_id}", Prefer="wait=60"))


def test_the_form_survives_a_kill(
    start_server: StartServer, pair: HonestRequest, good: GoodRequest, tmp_path: pathlib.Path
) -> None:
    server = start_server("--store-first", home=tmp_path / "killed")
    job_id = submit(server, pair, api_version="1.1", evaluation_key_id=KEY_ID, result_format="seal").json()["job_id"]
    server.kill()
    server = start_server("--store-first", home=tmp_path / "killed")
    check_answer(good, get(server, f"/jobs/{job_id}", Prefer="wait=60"))
    assert server.query(f"SELECT count(*) FROM jobs WHERE evaluation_key_id = '{KEY_ID}'") == 1


@pytest.mark.parametrize("make", [
    lambda payload: write_ciphertext(read_ciphertext(payload), ZLIB),
    lambda payload: write_ciphertext(read_ciphertext(payload), ZSTD),
], ids=["zlib", "zstd"])
def test_compressed_ciphertexts(server: Server, pair: HonestRequest, make: Callable[[bytes], bytes]) -> None:
    packed = [make(payload) for payload in pair.payloads]
    changed = HonestRequest(pair.model, pair.rows, pair.session, packed)
    job, payload = submit(server, changed, {"Prefer": "wait=60"}).json_header()
    changed.check_result(job["result"], payload)


@pytest.mark.parametrize("version", ["1.0", "1.0.0", "1.1", "1.1.0"])
def test_versions_and_optional_members(server: Server, pair: HonestRequest, good: GoodRequest, version: str) -> None:
    more = {"api_version": version, "evaluation_key_id": KEY_ID, "result_format": "seal"}  # the model needs no keys
    check_answer(good, submit(server, pair, {"Prefer": "wait=60"}, **more))
    reply = post(server, "/infer", to_body(pair.document(**more)), Prefer="wait=60")
    assert reply.status == 200
    good.check_job(reply.json())


# --- How it arrives --------------------------------------------------------------------------------------------------------


def cuts(body: bytes, header: int) -> Iterable[list[bytes]]:
    """The body in pieces whose borders are everywhere that matters."""
    for at in (1, header - 1, header, header + 1, header + 16, header + 104, len(body) // 2, len(body) - 1):
        yield [body[:at], body[at:]]
    yield [body[:header], body[header : header + 1], *([body[header + 1 :]] if len(body) > header + 1 else [])]
    rng = random.Random(len(body))
    borders = sorted(rng.sample(range(1, len(body)), 40))
    yield [body[a:b] for a, b in zip([0, *borders], [*borders, len(body)], strict=True)]


def test_pieces_do_not_matter(server: Server, pair: HonestRequest, good: GoodRequest) -> None:
    body, fields = body_of(pair)
    for pieces in cuts(body, int(fields["Inference-Header-Content-Length"])):
        check_answer(good, send_raw(server, chunked_bytes("POST", "/infer", fields | {"Prefer": "wait=60"}, pieces)))


def test_many_on_one_connection(server: Server, pair: HonestRequest, good: GoodRequest) -> None:
    """Good ones, refused ones and other forms: what one leaves unread would spoil the next."""
    body, fields = body_of(pair)
    with Connection(server) as connection:
        for _ in range(3):
            connection.send(request_bytes("POST", "/infer", fields | {"Prefer": "wait=60"}, body))
            check_answer(good, connection.read_reply())
            connection.send(request_bytes("POST", "/infer", fields, body + b"\0"))
            contract.check_error(connection.read_reply(), 400, "INVALID_ENCODING")
            connection.send(request_bytes("POST", "/infer", JSON_BODY | {"Prefer": "wait=60"}, pair.body))
            good.check_job(connection.read_reply().json())


# --- Refusals --------------------------------------------------------------------------------------------------------------


def length(value: object) -> Row:
    """An honest body whose header is said to be so long."""
    return Row(f"length {value!r}", 400, "INVALID_ENCODING", lambda pair: Ask(body_of(pair)[0], binary_body(value)))


def shifted(name: str, by: int, code: str = "INVALID_ENCODING") -> Row:
    def make(pair: HonestRequest) -> Ask:
        body, fields = body_of(pair)
        return Ask(body, binary_body(int(fields["Inference-Header-Content-Length"]) + by))
    return Row(name, 400, code, make)


def beyond(name: str, by: int) -> Row:
    """The header is said to be longer than the whole body."""
    return Row(name, 400, "INVALID_ENCODING", lambda pair: Ask(body_of(pair)[0], binary_body(len(body_of(pair)[0]) + by)))


def told(name: str, inputs: Callable[[int], list[Any]], status: int = 400, code: str = "INVALID_ENCODING",
         details: dict[str, str] | None = None, **changes: Any) -> Row:
    """Honest ciphertexts whose sizes, which are equal, are told otherwise."""
    def make(pair: HonestRequest) -> Ask:
        return Ask(*body_of(pair, inputs=inputs(len(pair.payloads[0])), **changes))
    return Row(name, status, code, make, details)


def raw(name: str, change: Callable[[list[bytes]], list[bytes]], status: int, code: str,
        details: dict[str, str] | None = None) -> Row:
    """Other bytes, whose sizes are told as they are."""
    return Row(name, status, code, lambda pair: Ask(*body_of(pair, change(list(pair.payloads)))), details)


def trailing(name: str, change: Callable[[bytes], bytes]) -> Row:
    def make(pair: HonestRequest) -> Ask:
        body, fields = body_of(pair)
        at = int(fields["Inference-Header-Content-Length"])
        return Ask(body[:at] + change(body[at:]), fields)
    return Row(name, 400, "INVALID_ENCODING", make)


def no_length(pair: HonestRequest) -> Ask:
    return Ask(body_of(pair)[0], {"Content-Type": "application/octet-stream"})


LARGEST = 4096 * 2 * 2 * 8 + 200  # of the small model, nearly
HUGE = 9 * 10**18

ROWS = [
    *(length(value) for value in (
        "", "0", "00", "-1", "-0", "+1", "1e2", "1.0", "0x10", "1_0", "1,1", "1, 1", "1 1", "01", "x", "NaN",
        "²".encode().decode("latin-1"),
    )),
    *(length(value) for value in (2**31 * 10**9, 2**63 - 1, 2**63, 2**64 - 1, 2**64, 2**64 + 100, "9" * 30, "9" * 4000)),
    Row("no length", 400, "INVALID_ENCODING", no_length),
    Row("length of a JSON body", 400, "INVALID_ENCODING", lambda pair: Ask(pair.body, JSON_BODY | {
        "Inference-Header-Content-Length": str(len(pair.body))})),
    beyond("header one beyond the body", 1),
    beyond("header far beyond the body", 10**9),
    beyond("header beyond all bodies", 10**17),
    Row("header beyond an empty body", 400, "INVALID_ENCODING", lambda _: Ask(b"", binary_body(1))),
    Row("header beyond a body that is no JSON", 400, "INVALID_ENCODING", lambda _: Ask(b"}" * 10, binary_body(11))),
    shifted("header one too short", -1, "MALFORMED_JSON"),
    shifted("header one too long", 1, "MALFORMED_JSON"),
    Row("header all of the body", 400, "INVALID_ENCODING", lambda pair: Ask(
        pair.binary_header(), binary_body(len(pair.binary_header())))),
    trailing("a byte too few", lambda data: data[:-1]),
    trailing("a byte too many", lambda data: data + b"\0"),
    trailing("only the first ciphertext", lambda data: data[: len(data) // 2]),
    trailing("a ciphertext too many", lambda data: data + data[: len(data) // 2]),
    trailing("no ciphertext", lambda _: b""),
    told("sizes together too small", lambda n: sizes(n, n - 1)),
    told("sizes together too large", lambda n: sizes(n + 1, n)),
    told("size zero", lambda n: sizes(0, 2 * n), details={"input": "0"}),
    told("size zero behind", lambda n: sizes(2 * n, 0), details={"input": "1"}),
    told("size negative", lambda n: sizes(3 * n, -n), details={"input": "1"}),
    told("size with a fraction", lambda n: sizes(n - 0.5, n + 0.5), details={"input": "0"}),
    told("size of 2^63", lambda n: sizes(2**63, n), details={"input": "0"}),
    told("size of 2^64 and as it should be", lambda n: sizes(2**64 + n, n), details={"input": "0"}),
    told("sizes whose sum overflows 63 bits", lambda _: sizes(2**63 - 1, 2**63 - 1)),
    told("too large alone, and together", lambda n: sizes(HUGE, n)),
    told("sizes whose sum overflows to what is right, and too many", lambda n: sizes(2**63 - 1, 2**63 - 1, 2 * n + 2), 400,
         "WRONG_INPUT_COUNT"),
    Row("size beyond all doubles", 400, "INVALID_ENCODING", lambda pair: Ask(
        *(lambda header: (header + b"".join(pair.payloads), binary_body(len(header))))(
            pair.binary_header(inputs=sizes(7777, 1)).replace(b"7777", b"1e400")))),
    raw("longer than the model's largest ciphertext", lambda p: [p[0], p[1] + bytes(LARGEST)], 413, "PAYLOAD_TOO_LARGE",
        {"input": "1"}),
    raw("longer than any model's largest ciphertext", lambda p: [p[0] * 16, p[1]], 413, "PAYLOAD_TOO_LARGE", {"input": "0"}),
    told("size a string", lambda n: sizes(str(n), n), code="SCHEMA_VIOLATION",
         details={"pointer": "/inputs/0/binary_data_size", "rule": "type"}),
    told("size null", lambda n: sizes(n, None), code="SCHEMA_VIOLATION",
         details={"pointer": "/inputs/1/binary_data_size", "rule": "type"}),
    told("no size", lambda _: [{}, {}], code="SCHEMA_VIOLATION", details={"pointer": "/inputs/0", "rule": "required"}),
    told("a payload besides", lambda n: [{"binary_data_size": n, "payload": "00"}, *sizes(n)], code="SCHEMA_VIOLATION",
         details={"pointer": "/inputs/0", "rule": "additionalProperties"}),
    told("a payload instead", lambda _: [{"encoding": "hex", "payload": "00"}] * 2, code="SCHEMA_VIOLATION"),
    told("no inputs", lambda _: [], code="SCHEMA_VIOLATION", details={"pointer": "/inputs", "rule": "minItems"}),
    told("result_format compact", lambda n: sizes(n, n), code="SCHEMA_VIOLATION", result_format="compact",
         details={"pointer": "/result_format", "rule": "enum"}),
    told("evaluation_key_id in upper case", lambda n: sizes(n, n), code="SCHEMA_VIOLATION", evaluation_key_id=KEY_ID.upper(),
         details={"pointer": "/evaluation_key_id", "rule": "pattern"}),
    told("api_version unknown", lambda n: sizes(n, n), code="UNSUPPORTED_API_VERSION", api_version="1.2"),
    told("model before sizes", lambda n: sizes(-n, n), 404, "UNKNOWN_MODEL", model_id="pair_v2"),
    told("batch before sizes", lambda n: sizes(-n, n), 400, "BATCH_TOO_LARGE", batch_size=17),
    told("count before sizes", lambda n: sizes(n, n, n), 400, "WRONG_INPUT_COUNT", {"expected": "2", "received": "3"}),
    raw("a ciphertext of another scale", lambda p: [wrong_scale(read_ciphertext(p[0])), p[1]], 409, "INCOMPATIBLE_CIPHERTEXT"),
    raw("a word that is its prime", lambda p: [p[0], wrong_word(read_ciphertext(p[1]))], 400, "INVALID_CIPHERTEXT",
        {"input": "1"}),
    told("the border between the ciphertexts elsewhere", lambda n: sizes(n - 1, n + 1), 400, "INVALID_CIPHERTEXT",
         {"input": "0"}),
    raw("hex in the place of bytes", lambda p: [p[0][:100].hex().encode(), p[1]], 400, "INVALID_CIPHERTEXT", {"input": "0"}),
    raw("one byte each", lambda _: [b"\x5e", b"\x5e"], 400, "INVALID_CIPHERTEXT", {"input": "0"}),
]

PATTERNS = {
    "binary.sizes": ["a byte too *", "only the first *", "a ciphertext too many", "no ciphertext", "sizes together *"],
    "binary.bad-size": ["size zero*", "size negative", "size with a fraction", "size of 2*", "size beyond all doubles"],
    "binary.size-overflow": ["sizes whose sum *", "too large alone*"],
    "binary.header-length": ["length *", "no length"],
    "binary.header-beyond": ["header * beyond *", "header beyond *"],
    "binary.header-cut": ["header one too *"],
    "binary.too-long": ["longer than *"],
    "binary.moved-border": ["the border *"],
}


@pytest.mark.parametrize("row", marked(ROWS, PATTERNS), ids=str)
def test_refusals(server: Server, pair: HonestRequest, good: GoodRequest, row: Row) -> None:
    check_refused(server, good, row.ask(pair), row)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_refusal_is_the_same_however_it_arrives(server: Server, pair: HonestRequest, row: Row) -> None:
    asked = row.ask(pair)
    assert asked.body is not None
    expected = asked.send(server).body
    for pieces in cuts(asked.body, len(pair.binary_header())) if len(asked.body) > 1000 else [[asked.body]]:
        assert send_raw(server, chunked_bytes("POST", "/infer", asked.headers, pieces)).body == expected


@pytest.mark.adversarial("binary.header-length")
def test_two_lengths(server: Server, pair: HonestRequest) -> None:
    body, fields = body_of(pair)
    line = f"Inference-Header-Content-Length: {fields['Inference-Header-Content-Length']}\r\n".encode()
    message = request_bytes("POST", "/infer", fields, body)
    assert message.count(line) == 1
    contract.check_error(send_raw(server, message.replace(line, line + line)), 400, "INVALID_ENCODING")


@pytest.mark.adversarial("binary.media-type")
@pytest.mark.parametrize("media", [
    "application/octet-stream; charset=utf-8", "application/octet-stream;", "application/binary", "octet-stream",
    "application/octet-stream, application/json", "multipart/form-data; boundary=x",
])
def test_other_media_types(server: Server, pair: HonestRequest, good: GoodRequest, media: str) -> None:
    body, fields = body_of(pair)
    row = Row("media type", 415, "UNSUPPORTED_MEDIA_TYPE", lambda _: Ask(b""))
    check_refused(server, good, Ask(body, fields | {"Content-Type": media}), row)
    check_refused(server, good, Ask(body, fields | {"Content-Encoding": "gzip"}), row)


def test_names_of_header_fields_and_media_types_have_no_case(server: Server, pair: HonestRequest, good: GoodRequest) -> None:
    body, fields = body_of(pair)
    named = {"content-type": "Application/Octet-Stream", "INFERENCE-HEADER-CONTENT-LENGTH": list(fields.values())[1]}
    check_answer(good, ask(server, "POST", "/infer", body, named | {"Prefer": "wait=60"}))


def test_plain_requests_have_no_binary_form(server: Server) -> None:
    body = b'{"model_id":"pair_v1","version":"1.0.0","inputs":[[1,2]]}'
    contract.check_error(ask(server, "POST", "/infer/plain", body, binary_body(len(body))), 415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.adversarial("binary.breaks-off")
def test_a_body_that_breaks_off_leaves_nothing(server: Server, pair: HonestRequest) -> None:
    body, fields = body_of(pair)
    jobs = server.job_count()
    message = request_bytes("POST", "/infer", fields, body)
    for left_out in (1, len(pair.payloads[1]), len(pair.payloads[1]) + 1, len(body) - 10):
        with Connection(server) as connection:
            connection.send(message[:-left_out])
            connection.send_end()
            contract.check_error(connection.read_reply(), 400, "MALFORMED_JSON")
    assert server.job_count() == jobs


@pytest.mark.adversarial("binary.secret-key")
@pytest.mark.parametrize("place", [0, 1])
def test_a_secret_key_stays_nowhere(
    start_server: StartServer, pair_models: pathlib.Path, pair: HonestRequest, place: int
) -> None:
    server = start_server("--log-level", "debug", registry=pair_models)
    key = SealPython(PAIR["encryption_parameters"]).keys.secret_key().to_string()
    payloads = list(pair.payloads)
    payloads[place] = key
    reply = ask(server, "POST", "/infer", *body_of(pair, payloads))
    contract.check_error(reply, 400, "INVALID_CIPHERTEXT", {"input": str(place)})
    memory = server.writable_memory()
    server.kill()
    stored = b"".join(path.read_bytes() for path in [server.log, *(each for each in server.data.rglob("*") if each.is_file())])
    places = (88, 200, 1000, 20_000, len(key) - 1000, len(key) - 64)
    assert len(memory) > 1 << 20
    assert not [at for at in places if key[at : at + 16] in memory or key[at : at + 48] in stored]


# --- Idempotency keys ------------------------------------------------------------------------------------------------------


def test_the_form_and_the_new_members_belong_to_the_body(server: Server, pair: HonestRequest) -> None:
    def keyed(key: str, **changes: Any) -> Reply:
        return submit(server, pair, {"Idempotency-Key": key}, **changes)

    first = keyed("binary-1")
    assert first.status == 202
    for same in ({}, {"result_format": "seal"}, {"api_version": "1.1"}):
        assert keyed("binary-1", **same).body == first.body
    contract.check_error(keyed("binary-1", evaluation_key_id=KEY_ID), 409, "IDEMPOTENCY_CONFLICT")
    contract.check_error(post(server, "/infer", pair.body, Idempotency_Key="binary-1"), 409, "IDEMPOTENCY_CONFLICT")
    with_key = keyed("binary-2", evaluation_key_id=KEY_ID)
    assert keyed("binary-2", evaluation_key_id=KEY_ID).body == with_key.body
    contract.check_error(keyed("binary-2"), 409, "IDEMPOTENCY_CONFLICT")
    contract.check_error(keyed("binary-2", evaluation_key_id="5f" * 32), 409, "IDEMPOTENCY_CONFLICT")


# --- Much --------------------------------------------------------------------------------------------------------------------


@pytest.mark.adversarial("binary.memory")
def test_bodies_that_wait_for_their_end_take_bounded_memory(start_server: StartServer, pair: HonestRequest) -> None:
    """As with JSON: over the budget the later ones are 503, and all of it comes back."""
    server = start_server("--memory-budget", str(1 << 20))
    body, fields = body_of(pair)
    before = server.memory()
    server.reset_peak_memory()
    connections = [Connection(server) for _ in range(40)]
    for connection in connections:
        connection.send(request_bytes("POST", "/infer", fields, body)[:-1])
    wait_until(server.has_read_everything, "everything has arrived")
    assert server.peak_memory() - before < 40 << 20
    for connection in connections:
        connection.send(body[-1:])
    replies = [connection.read_reply() for connection in connections]
    assert {reply.status for reply in replies} <= {202, 503}
    assert any(reply.status == 503 for reply in replies)
    for connection in connections:
        connection.close()
    assert submit(server, pair).status == 202
