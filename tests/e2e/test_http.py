"""The transport: HTTP/1.1 as bytes on a socket, well-formed and not."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from support import contract
from support.adversarial import marked
from support.honest import GoodRequest, HonestRequest, to_body
from support.http import (
    JSON_BODY,
    Connection,
    ConnectionEnded,
    Reply,
    ask,
    chunked_bytes,
    get,
    hold_connection,
    post,
    request_bytes,
    send_raw,
)
from support.server import Server, attempts, wait_until

HEALTH = request_bytes("GET", "/health")
UNKNOWN_JOB = "/jobs/" + "0" * 32
GET_ROUTES = ["/health", "/ready", "/models", "/keys", "/openapi.json"]

StartServer = Callable[..., Server]


def check_closed(connection: Connection) -> None:
    assert connection.is_ended(), "the connection stays open"


# --- Connections -----------------------------------------------------------------------------------------------------------


def test_a_connection_serves_many_requests(server: Server, pair: HonestRequest, good: GoodRequest) -> None:
    with Connection(server) as connection:
        for _ in range(3):
            connection.send(HEALTH)
            assert connection.read_reply().json() == {"status": "ok"}
            connection.send(request_bytes("POST", "/infer", JSON_BODY | {"Prefer": "wait=60"}, pair.body))
            good.check_job(connection.read_reply().json())
            connection.send(request_bytes("POST", "/infer", JSON_BODY, b"{"))
            contract.check_error(connection.read_reply(), 400, "MALFORMED_JSON")
            connection.send(request_bytes("HEAD", "/models"))
            assert connection.read_reply(to_head=True).status == 200


@pytest.mark.adversarial("transport.pipelining")
def test_pipelined_requests_are_answered_in_order(server: Server, pair: HonestRequest, good: GoodRequest) -> None:
    infer = request_bytes("POST", "/infer", JSON_BODY | {"Prefer": "wait=60", "X-Request-ID": "one"}, pair.body)
    with Connection(server) as connection:
        connection.send(
            request_bytes("GET", "/health", {"X-Request-ID": "zero"}) + infer
            + request_bytes("GET", UNKNOWN_JOB, {"X-Request-ID": "two"})
            + request_bytes("POST", "/infer", JSON_BODY | {"X-Request-ID": "three"}, b"{}")
            + request_bytes("GET", "/models", {"X-Request-ID": "four"})
        )
        replies = [connection.read_reply() for _ in range(5)]
    assert [reply.header("X-Request-ID") for reply in replies] == ["zero", "one", "two", "three", "four"]
    assert [reply.status for reply in replies] == [200, 200, 404, 400, 200]
    good.check_job(replies[1].json())


@pytest.mark.adversarial("transport.pipelining")
def test_a_thousand_pipelined_requests(server: Server) -> None:
    with Connection(server) as connection:
        connection.send(HEALTH * 1000)
        assert {connection.read_reply().status for _ in range(1000)} == {200}


@pytest.mark.parametrize("value", ["close", "Close", "keep-alive, close"])
def test_connection_close_is_obeyed(server: Server, value: str) -> None:
    with Connection(server) as connection:
        connection.send(request_bytes("GET", "/health", {"Connection": value}) + HEALTH)
        reply = connection.read_reply()
        assert reply.status == 200
        assert reply.header("Connection") == "close"
        check_closed(connection)


def test_http_1_0_is_closed_unless_kept_alive(server: Server) -> None:
    with Connection(server) as connection:
        connection.send(b"GET /health HTTP/1.0\r\n\r\n")
        assert connection.read_reply().status == 200
        check_closed(connection)


@pytest.mark.adversarial("transport.half-closed")
def test_the_reply_arrives_though_the_sender_has_ended(server: Server, pair: HonestRequest, good: GoodRequest) -> None:
    with Connection(server) as connection:
        connection.send(request_bytes("POST", "/infer", JSON_BODY | {"Prefer": "wait=60"}, pair.body))
        connection.send_end()
        good.check_job(connection.read_reply().json())
        check_closed(connection)


@pytest.mark.adversarial("transport.gone-client")
def test_a_client_that_goes_away_leaves_nothing(server: Server, pair: HonestRequest, good: GoodRequest) -> None:
    before = server.job_count()
    data = request_bytes("POST", "/infer", JSON_BODY, pair.body)
    for length in (1, 20, 200, len(data) // 2, len(data) - 1):
        with Connection(server) as connection:
            connection.send(data[:length])
    good.check(server)
    assert server.job_count() == before + 1


def test_idle_connections_are_closed(start_server: StartServer) -> None:
    server = start_server("--idle-timeout", "0.1")
    with Connection(server) as silent, Connection(server) as served:
        served.send(HEALTH)
        assert served.read_reply().status == 200
        check_closed(served)
        check_closed(silent)


@pytest.mark.adversarial("resources.connections")
def test_too_many_connections(start_server: StartServer, good: GoodRequest) -> None:
    server = start_server("--max-connections", "2")
    with hold_connection(server) as first, hold_connection(server) as second:
        with Connection(server) as third:
            third.send(HEALTH)
            contract.check_error(third.read_reply(), 503, "OVERLOADED")
            check_closed(third)
        for held in (first, second):
            held.send(HEALTH)
            assert held.read_reply().status == 200
    hold_connection(server).close()
    good_again(server, good)


def good_again(server: Server, good: GoodRequest) -> None:
    """As good.check(), for a server that may still be counting a connection that is gone."""
    for _ in attempts("the server has room"):
        reply = good.send(server)
        if reply.status != 503:
            break
        assert reply.code == "OVERLOADED"
    good.check_job(reply.json())


@pytest.mark.adversarial("resources.file-descriptors")
def test_no_file_descriptors_left(start_server: StartServer, good: GoodRequest) -> None:
    """Some connections are served, the others are told that there is no room; nothing breaks."""
    server = start_server()
    good.check(server)
    wait_until(lambda: not server.connections(), "earlier connections are gone")
    server.limit_open_files(len(server.open_files()) + 3)
    statuses = set()
    with ExitStack() as stack:
        connections = [stack.enter_context(Connection(server)) for _ in range(20)]
        for connection in connections:
            connection.send(HEALTH)
        for connection in connections:
            reply = connection.read_reply()
            statuses.add(reply.status)
            if reply.status != 200:
                contract.check_error(reply, 503, "OVERLOADED")
        assert statuses == {200, 503}
        server.limit_open_files(1000)
        good.check(server)  # though the server found no descriptor before anybody came for it
    assert server.log_text().count("accept_failed") < 30
    wait_until(lambda: not server.connections(), "its connections are gone")
    good.check(server)


# --- Bodies ----------------------------------------------------------------------------------------------------------------


def test_100_continue_is_sent_before_the_body(server: Server, pair: HonestRequest, good: GoodRequest) -> None:
    head = {**JSON_BODY, "Prefer": "wait=60", "Expect": "100-continue", "Content-Length": str(len(pair.body))}
    with Connection(server) as connection:
        connection.send(request_bytes("POST", "/infer", head))
        assert connection.read_reply().status == 100
        connection.send(pair.body)
        good.check_job(connection.read_reply().json())
        connection.send(HEALTH)
        assert connection.read_reply().status == 200


def test_100_continue_with_a_chunked_body(server: Server, pair: HonestRequest, good: GoodRequest) -> None:
    message = chunked_bytes("POST", "/infer", JSON_BODY | {"Expect": "100-Continue", "Prefer": "wait=60"}, [pair.body])
    head, _, chunks = message.partition(b"\r\n\r\n")
    with Connection(server) as connection:
        connection.send(head + b"\r\n\r\n")
        assert connection.read_reply().status == 100
        connection.send(chunks)
        good.check_job(connection.read_reply().json())


@pytest.mark.adversarial("transport.no-100-continue")
@pytest.mark.parametrize(("headers", "target", "status", "code"), [
    (JSON_BODY | {"Content-Length": str(10**12)}, "/infer", 413, "PAYLOAD_TOO_LARGE"),
    ({"Content-Length": "100"}, "/infer", 415, "UNSUPPORTED_MEDIA_TYPE"),
    (JSON_BODY | {"Content-Length": "100", "X-Tenant-ID": "a b"}, "/infer", 400, "SCHEMA_VIOLATION"),
    (JSON_BODY | {"Content-Length": "100"}, "/nothing", 404, "NOT_FOUND"),
    (JSON_BODY | {"Content-Length": "100"}, "/models", 405, "METHOD_NOT_ALLOWED"),
    (JSON_BODY | {"Content-Length": str(10**12)}, "/infer/plain", 413, "PAYLOAD_TOO_LARGE"),
])
def test_no_100_continue_when_the_body_is_not_wanted(
    server: Server, good: GoodRequest, headers: dict[str, str], target: str, status: int, code: str
) -> None:
    with Connection(server) as connection:
        connection.send(request_bytes("POST", target, headers | {"Expect": "100-continue"}))
        contract.check_error(connection.read_reply(), status, code)
        connection.send_end()
        check_closed(connection)
    good.check(server)


@pytest.mark.adversarial("transport.body-too-large")
def test_an_oversized_body_is_refused_before_it_is_read(server: Server, good: GoodRequest) -> None:
    for announced in (10**9, 2**63 - 1, 2**64 - 1):
        with Connection(server) as connection:
            connection.send(request_bytes("POST", "/infer", JSON_BODY | {"Content-Length": str(announced)}))
            contract.check_error(connection.read_reply(), 413, "PAYLOAD_TOO_LARGE")
            connection.send_end()
            check_closed(connection)
    good.check(server)


@pytest.mark.adversarial("transport.body-too-large")
def test_an_oversized_chunked_body_is_refused_when_it_is_too_long(server: Server, good: GoodRequest) -> None:
    with Connection(server) as connection:
        connection.send(chunked_bytes("POST", "/infer", JSON_BODY, [b" " * (1 << 20)] * 64))
        contract.check_error(connection.read_reply(), 413, "PAYLOAD_TOO_LARGE")
    good.check(server)


def test_the_client_sees_the_refusal_though_it_is_still_sending(server: Server, good: GoodRequest) -> None:
    with Connection(server) as connection:
        connection.send(request_bytes("POST", "/infer", {}, b" " * (8 << 20)))
        contract.check_error(connection.read_reply(), 415, "UNSUPPORTED_MEDIA_TYPE")
    good.check(server)


@pytest.mark.adversarial("transport.smuggled-request")
@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
@pytest.mark.parametrize(("method", "target"), [
    ("GET", "/health"), ("GET", UNKNOWN_JOB), ("PUT", "/models"), ("GET", "/infer"), ("POST", "/nothing"), ("DELETE", "/"),
])
def test_a_body_that_nobody_reads_is_no_request(server: Server, method: str, target: str, chunked: bool) -> None:
    smuggled = request_bytes("GET", "/models")
    message = chunked_bytes(method, target, {}, [smuggled]) if chunked else request_bytes(method, target, {}, smuggled)
    with Connection(server) as connection:
        connection.send(message + HEALTH)
        reply = connection.read_reply()
        assert b"api_version" not in reply.body
        if not connection.is_ended():
            assert connection.read_reply().json() == {"status": "ok"}


SIZES = [1, 2, 3, 5, 7, 11, 13, 1, 17, 31, 61, 127, 251, 1, 509, 1021, 2039, 4093, 8191, 16381, 32749, 65521, 1]


def odd_pieces(data: bytes) -> list[bytes]:
    pieces, at, number = [], 0, 0
    while at < len(data):
        size = SIZES[number % len(SIZES)]
        pieces.append(data[at : at + size])
        at, number = at + size, number + 1
    return pieces


def test_a_chunked_body_of_odd_pieces_is_taken(server: Server, pair: HonestRequest, good: GoodRequest) -> None:
    message = chunked_bytes("POST", "/infer", JSON_BODY | {"Prefer": "wait=60"}, odd_pieces(pair.body))
    good.check_job(send_raw(server, message).json())


def test_a_body_sent_in_odd_pieces_is_taken(server: Server, pair: HonestRequest, good: GoodRequest) -> None:
    data = request_bytes("POST", "/infer", JSON_BODY | {"Prefer": "wait=60"}, pair.body)
    with Connection(server) as connection:
        for piece in odd_pieces(data):
            connection.send(piece)
        good.check_job(connection.read_reply().json())


def test_chunk_extensions_and_trailers_are_ignored(server: Server, pair: HonestRequest, good: GoodRequest) -> None:
    head = request_bytes("POST", "/infer", JSON_BODY | {"Transfer-Encoding": "chunked", "Prefer": "wait=60"})
    body = b"1;name=value\r\n{\r\n%X;a;b=\"c\"\r\n%b\r\n0\r\nX-Trailer: x\r\n\r\n" % (len(pair.body) - 1, pair.body[1:])
    with Connection(server) as connection:
        connection.send(head + body + HEALTH)
        good.check_job(connection.read_reply().json())
        assert connection.read_reply().json() == {"status": "ok"}


SMALL = {"model_id": "pair_v1", "version": "1.0.0", "inputs": [{"encoding": "hex", "payload": "5ea1"}] * 2}
VERDICTS = {
    "truncated": to_body(SMALL)[:-1],
    "duplicate member": to_body(SMALL).replace(b"{", b'{"version":"1.0.0",', 1),
    "lone surrogate": to_body(SMALL).replace(b"pair", b"\\ud83dair"),
    "invalid UTF-8": to_body(SMALL).replace(b"pair", b"\xf0\x9f\x98air"),
    "escaped, and unknown": to_body(SMALL).replace(b"pair", "\\ud83d\\ude00\u20ac".encode()),
    "schema": to_body({**SMALL, "batch_size": 0.5}),
    "odd hex": to_body(SMALL).replace(b"5ea1", b"5ea"),
    "no hex": to_body(SMALL).replace(b"5ea1", b"5eg1"),
    "bad base64": to_body(SMALL).replace(b"hex", b"base64").replace(b"5ea1", b"QUJDREE=="),
    "no ciphertext": to_body(SMALL),
    "trailing": to_body(SMALL) + b" x",
}


@pytest.mark.adversarial("envelope.chunking")
@pytest.mark.parametrize("name", VERDICTS)
def test_where_a_body_is_cut_never_changes_the_verdict(server: Server, good: GoodRequest, name: str) -> None:
    body = VERDICTS[name]

    def verdict(reply: Reply) -> tuple[int, bytes]:
        return reply.status, reply.body

    expected = verdict(post(server, "/infer", body))
    assert expected[0] in (400, 404)
    with Connection(server) as connection:
        for cut in range(1, len(body)):
            connection.send(chunked_bytes("POST", "/infer", JSON_BODY, [body[:cut], body[cut:]]))
            assert verdict(connection.read_reply()) == expected, cut
        connection.send(chunked_bytes("POST", "/infer", JSON_BODY, [body[at : at + 1] for at in range(len(body))]))
        assert verdict(connection.read_reply()) == expected
    good.check(server)


# --- Malformed messages ----------------------------------------------------------------------------------------------------

POST_HEAD = b"POST /infer HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


def framed(fields: bytes, body: bytes = b"") -> bytes:
    return POST_HEAD + fields + b"\r\n" + body


def chunks(data: bytes) -> bytes:
    return framed(b"Transfer-Encoding: chunked\r\n", data)


CHUNKED_BODY = b"2\r\n{}\r\n0\r\n\r\n"
MALFORMED = {
    "Content-Length before Transfer-Encoding": framed(
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"),
    "Transfer-Encoding before Content-Length": framed(
        b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", b"0\r\n\r\n"),
    "Content-Length and Transfer-Encoding apart": framed(
        b"Content-Length: 5\r\nX: y\r\ntransfer-encoding: Chunked\r\n", b"0\r\n\r\n"),
    **{f"Content-Length {value!r}": framed(b"Content-Length: " + value + b"\r\n", b"{}") for value in (
        b"-1", b"+2", b"5x", b"x", b"", b"5,6", b"2 2", b"0x2", b"2.0", b"18446744073709551616", b"1" * 40)},
    "two lengths that differ": framed(b"Content-Length: 2\r\nContent-Length: 3\r\n", b"{}"),
    # A body whose end nobody can tell: taken for the next request, it would be one that a proxy has never seen.
    **{f"Transfer-Encoding {value!r}": framed(b"Transfer-Encoding: " + value + b"\r\n", CHUNKED_BODY) for value in (
        b"gzip", b"identity", b"chunked, gzip", b"chunked, chunked", b"xchunked", b"gzip, chunked")},
    "Transfer-Encoding where no body belongs": b"GET /health HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n",
    "bare LF after the request line": b"GET /health HTTP/1.1\nHost: x\r\n\r\n",
    "bare LF after a field": b"GET /health HTTP/1.1\r\nHost: x\nX: y\r\n\r\n",
    "bare LF at the end": b"GET /health HTTP/1.1\r\nHost: x\r\n\n",
    "bare CR in a value": b"GET /health HTTP/1.1\r\nHost: x\ry\r\n\r\n",
    "NUL in a value": b"GET /health HTTP/1.1\r\nHost: x\0y\r\n\r\n",
    "control character in a value": b"GET /health HTTP/1.1\r\nHost: x\x01y\r\n\r\n",
    "folded line": b"GET /health HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\r\n",
    "folded line with a tab": b"GET /health HTTP/1.1\r\nHost: x\r\nX: a\r\n\tb\r\n\r\n",
    "folded first line": b"GET /health HTTP/1.1\r\n Host: x\r\n\r\n",
    "space before the colon": b"GET /health HTTP/1.1\r\nHost : x\r\n\r\n",
    "space in a field's name": b"GET /health HTTP/1.1\r\nHost: x\r\nX Y: z\r\n\r\n",
    "no field name": b"GET /health HTTP/1.1\r\nHost: x\r\n: z\r\n\r\n",
    "no colon": b"GET /health HTTP/1.1\r\nHost: x\r\nnonsense\r\n\r\n",
    "field name that is no token": b"GET /health HTTP/1.1\r\nHost: x\r\nX\xe9: z\r\n\r\n",
    "two spaces in the request line": b"GET  /health HTTP/1.1\r\nHost: x\r\n\r\n",
    "no version": b"GET /health\r\nHost: x\r\n\r\n",
    "version in lower case": b"GET /health http/1.1\r\nHost: x\r\n\r\n",
    "HTTP/2.0": b"GET /health HTTP/2.0\r\nHost: x\r\n\r\n",
    "HTTP/1.10": b"GET /health HTTP/1.10\r\nHost: x\r\n\r\n",
    "method that is no token": b"G(T /health HTTP/1.1\r\nHost: x\r\n\r\n",
    "target with a space": b"GET /hea lth HTTP/1.1\r\nHost: x\r\n\r\n",
    "target with a control character": b"GET /health\x01 HTTP/1.1\r\nHost: x\r\n\r\n",
    "target that is no path": b"GET health HTTP/1.1\r\nHost: x\r\n\r\n",
    "target of another scheme": b"GET file:///models HTTP/1.1\r\nHost: x\r\n\r\n",
    "target with an empty authority": b"GET http:///models HTTP/1.1\r\nHost: x\r\n\r\n",
    "target without an authority": b"GET http:models HTTP/1.1\r\nHost: x\r\n\r\n",
    "target with a bad escape": b"GET /jobs/%zz HTTP/1.1\r\nHost: x\r\n\r\n",
    "no Host": b"GET /health HTTP/1.1\r\n\r\n",
    "two Hosts": b"GET /health HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
    "Host that is none": b"GET /health HTTP/1.1\r\nHost: x y\r\n\r\n",
    "TLS": bytes.fromhex("16030100a5010000a10303") + bytes(100),
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "chunk size that overflows": chunks(b"10000000000000002\r\n{}\r\n0\r\n\r\n"),
    "chunk size of 2^64": chunks(b"1" + b"0" * 16 + b"\r\n{}\r\n0\r\n\r\n"),
    "chunk size of a hundred digits": chunks(b"0" * 99 + b"g\r\n{}\r\n0\r\n\r\n"),
    "chunk size negative": chunks(b"-2\r\n{}\r\n0\r\n\r\n"),
    "chunk size with 0x": chunks(b"0x2\r\n{}\r\n0\r\n\r\n"),
    "chunk size not hex": chunks(b"2g\r\n{}\r\n0\r\n\r\n"),
    "chunk size empty": chunks(b"\r\n{}\r\n0\r\n\r\n"),
    "chunk longer than its size": chunks(b"1\r\n{}\r\n0\r\n\r\n"),
    "chunk ended by LF": chunks(b"2\n{}\r\n0\r\n\r\n"),
    "chunk data ended by LF": chunks(b"2\r\n{}\n0\r\n\r\n"),
    # A proxy that takes LF for the end of the line would see another chunk, and a request behind it.
    **{f"chunk extension with {value!r} in quotes": chunks(b'2;x="' + value + b'"\r\n{}\r\n0\r\n\r\n') for value in (
        b"\n", b"\\\n", b"\r", b"\r\n", b"\0", b"\x01", b"\x7f")},
}


MALFORMED_CASES = {
    "transport.two-lengths": ["Content-Length before *", "Transfer-Encoding before *", "Content-Length and *", "two lengths *"],
    "transport.bad-length": ["Content-Length b*"],
    "transport.transfer-encoding": ["Transfer-Encoding b*", "Transfer-Encoding where *"],
    "transport.bare-lf": ["bare *", "chunk ended by LF", "chunk data ended by LF", "chunk extension *"],
    "transport.obs-fold": ["folded *"],
    "transport.space-before-colon": ["space before the colon", "space in a field's name", "no field name", "no colon"],
    "transport.control-characters": ["NUL in a value", "control character *", "field name that is no token", "target with a control *"],
    "transport.request-line": ["two spaces *", "no version", "version in *", "HTTP/*", "method that *", "target *", "TLS",
                               "the preface of HTTP/2"],
    "transport.host": ["no Host", "two Hosts", "Host that *"],
    "transport.chunk-size": ["chunk size *", "chunk longer than its size"],
}


@pytest.mark.parametrize("name", marked(MALFORMED, MALFORMED_CASES))
def test_malformed_messages_are_refused_and_the_connection_closed(server: Server, good: GoodRequest, name: str) -> None:
    with Connection(server) as connection:
        connection.send(MALFORMED[name] + HEALTH)  # which nobody may take for a request
        contract.check_error(connection.read_reply(), 400, "MALFORMED_JSON")
        connection.send_end()
        check_closed(connection)
    good.check(server)


@pytest.mark.adversarial("transport.chunk-extensions")
def test_a_flood_of_chunk_extensions_is_refused(server: Server, good: GoodRequest) -> None:
    server.reset_peak_memory()
    before = server.memory()
    with Connection(server) as connection:
        connection.send(chunks(b"2" + b";x=y" * (4 << 20)))
        reply = connection.read_reply()
        assert reply.status in (400, 413, 431)
        contract.check_error(reply, reply.status, reply.code)
    assert server.peak_memory() - before < 4 << 20
    good.check(server)


@pytest.mark.adversarial("transport.headers-too-large")
@pytest.mark.parametrize("headers", [
    pytest.param({"X-Long": "x" * 65536}, id="one long field"),
    pytest.param({f"X-{number}": "x" * 100 for number in range(650)}, id="many fields"),
    pytest.param({"X" * 65536: "x"}, id="a long name"),
])
def test_too_long_headers(server: Server, good: GoodRequest, headers: dict[str, str]) -> None:
    with Connection(server) as connection:
        connection.send(request_bytes("GET", "/health", headers))
        contract.check_error(connection.read_reply(), 431, "HEADERS_TOO_LARGE")
        connection.send_end()
        check_closed(connection)
    good.check(server)


@pytest.mark.adversarial("transport.headers-too-large")
def test_a_too_long_target(server: Server, good: GoodRequest) -> None:
    contract.check_error(get(server, "/" + "x" * 65536), 431, "HEADERS_TOO_LARGE")
    good.check(server)


def test_the_limit_of_headers_is_the_operators(start_server: StartServer) -> None:
    server = start_server("--max-header-bytes", "1024")
    assert get(server, "/health", X="x" * 900).status == 200
    contract.check_error(get(server, "/health", X="x" * 1024), 431, "HEADERS_TOO_LARGE")


# --- Time ------------------------------------------------------------------------------------------------------------------


@pytest.mark.adversarial("transport.slow-headers")
@pytest.mark.parametrize("sent", [b"G", b"GET /health HTTP/1.1\r\n", HEALTH[:-2]])
def test_slow_headers(start_server: StartServer, good: GoodRequest, sent: bytes) -> None:
    server = start_server("--header-timeout", "0.2")
    with Connection(server) as connection:
        connection.send(sent)
        contract.check_error(connection.read_reply(), 408, "REQUEST_TIMEOUT")
        connection.send_end()
        check_closed(connection)
    good.check(server)


@pytest.mark.adversarial("transport.slow-headers")
def test_headers_that_trickle_in(start_server: StartServer, good: GoodRequest) -> None:
    server = start_server("--header-timeout", "0.2")
    with Connection(server) as connection:
        connection.send(b"GET /health HTTP/1.1\r\n")
        while not connection.wait_for_data(0.02):
            connection.send(b"X: y\r\n")
        contract.check_error(connection.read_reply(), 408, "REQUEST_TIMEOUT")
        connection.send_end()
        check_closed(connection)
    good.check(server)


@pytest.mark.adversarial("transport.slow-body")
@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
@pytest.mark.parametrize("share", [0.0, 0.5])
def test_slow_body(start_server: StartServer, pair: HonestRequest, good: GoodRequest, chunked: bool, share: float) -> None:
    server = start_server("--body-timeout", "0.2")
    before = server.job_count()
    make = chunked_bytes if chunked else request_bytes
    data = make("POST", "/infer", JSON_BODY, [pair.body] if chunked else pair.body)  # type: ignore[operator]
    head = data.index(b"\r\n\r\n") + 4
    with Connection(server) as connection:
        connection.send(data[: head + int(share * len(pair.body))])
        contract.check_error(connection.read_reply(), 408, "REQUEST_TIMEOUT")
        connection.send_end()
        check_closed(connection)
    assert server.job_count() == before
    good.check(server)


@pytest.mark.adversarial("transport.slow-body")
def test_a_body_that_trickles_in(start_server: StartServer, good: GoodRequest) -> None:
    """Progress all the time, and yet too slow on the whole."""
    server = start_server("--body-timeout", "10", "--request-timeout", "0.3")
    with Connection(server) as connection:
        connection.send(request_bytes("POST", "/infer", JSON_BODY | {"Content-Length": "100000"}))
        while not connection.wait_for_data(0.02):
            connection.send(b" ")
        contract.check_error(connection.read_reply(), 408, "REQUEST_TIMEOUT")
    good.check(server)


@pytest.mark.adversarial("transport.slow-reader")
def test_a_reader_that_stops_reading(start_server: StartServer, good: GoodRequest) -> None:
    """A hundred megabytes of replies that nobody takes: the server gives up, and holds little of them."""
    server = start_server("--write-timeout", "0.2")
    good.check(server)
    wait_until(lambda: not server.connections(), "earlier connections are gone")
    server.reset_peak_memory()
    before = server.memory()
    with Connection(server, receive_buffer=4096) as connection:
        connection.send(request_bytes("GET", "/openapi.json") * 2000)
        wait_until(lambda: server.connections() == 1, "the connection is served")
        wait_until(lambda: not server.connections(), "the server gives up")
        with pytest.raises(ConnectionEnded):
            while True:
                assert connection.read_reply().status == 200
    assert server.peak_memory() - before < 4 << 20
    good.check(server)


# --- Methods, routes, names ------------------------------------------------------------------------------------------------


@pytest.mark.adversarial("transport.wrong-method")
@pytest.mark.parametrize(("method", "target"), [
    *((method, target) for target in [*GET_ROUTES, UNKNOWN_JOB]
      for method in ("POST", "PUT", "PATCH", "OPTIONS", "TRACE", "get", "delete", "BREW")
      if (method, target) != ("POST", "/keys")),
    *(("DELETE", target) for target in GET_ROUTES),
])
def test_methods_of_what_can_be_read(server: Server, method: str, target: str) -> None:
    reply = ask(server, method, target)
    contract.check_error(reply, 405, "METHOD_NOT_ALLOWED")
    assert allowed(reply) == {"GET", "HEAD"} | {UNKNOWN_JOB: {"DELETE"}, "/keys": {"POST"}}.get(target, set())


@pytest.mark.adversarial("transport.wrong-method")
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "OPTIONS", "head"])
def test_methods_of_evaluation_keys(server: Server, method: str) -> None:
    reply = ask(server, method, "/keys/" + "0" * 64)
    contract.check_error(reply, 405, "METHOD_NOT_ALLOWED")
    assert allowed(reply) == {"HEAD", "DELETE"}


@pytest.mark.adversarial("transport.wrong-method")
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "post"])
@pytest.mark.parametrize("target", ["/infer", "/infer/plain"])
def test_methods_of_what_can_be_sent(server: Server, method: str, target: str) -> None:
    reply = ask(server, method, target)
    assert allowed(reply) == {"POST"}
    if method == "HEAD":
        assert (reply.status, reply.body) == (405, b"")
    else:
        contract.check_error(reply, 405, "METHOD_NOT_ALLOWED")


def allowed(reply: Reply) -> set[str]:
    return set((reply.header("Allow") or "").replace(" ", "").split(","))


@pytest.mark.adversarial("transport.unknown-resource")
@pytest.mark.parametrize("target", [
    "/", "//", "/x", "/healthz", "/health/", "//health", "/health//", "/Health", "/HEALTH", "/health%00", "/health%2F",
    "/models/", "/models/pair_v1", "/keys/a/b", "/jobs", "/infer/", "/infer/plain/", "/infer//plain", "/infer%2Fplain",
    "/jobs/../health", "/../health", "/..%2f..%2fetc%2fpasswd", "/../../etc/passwd", "/health/..", "/jobs/a/b",
    "/./models", "/./health", "/health/.", "/%2e/health", "/./infer/plain", "http://x/./models",
    "/jobs/../../etc/passwd", "/openapi.yaml", "/docs", "/metrics", "/favicon.ico", "/%F0%9F%98%80", "/" + "x" * 10_000,
])
def test_unknown_resources(server: Server, good: GoodRequest, target: str) -> None:
    for method in ("GET", "POST", "DELETE"):
        contract.check_error(ask(server, method, target), 404, "NOT_FOUND")
    good.check(server)


UNKNOWN_IDS = [
    "", "x", "0" * 31, "0" * 33, "g" * 32, "A" * 32, "0" * 10_000, "..", "..%2F..%2Fetc%2Fpasswd", "%00", "0" * 32 + "%00",
    "%2e%2e", "*", "%27%20OR%201=1--", "5f0c2a9b-e4d1-473f-8a66-90d3c7b21e84", "0" * 32 + "%20", "+" * 32, "%F0%9F%98%80",
]


@pytest.mark.adversarial("jobs.hostile-id", "jobs.erase-hostile-id")
@pytest.mark.parametrize("job_id", UNKNOWN_IDS, ids=lambda job_id: job_id[:40] or "empty")
def test_unknown_jobs(server: Server, good: GoodRequest, job_id: str) -> None:
    reply = get(server, f"/jobs/{job_id}")
    contract.check_error(reply, 404, "UNKNOWN_JOB")
    assert reply.body == get(server, UNKNOWN_JOB).body
    erased = ask(server, "DELETE", f"/jobs/{job_id}")
    contract.check_error(erased, 404, "UNKNOWN_JOB")
    assert erased.body == reply.body
    good.check(server)


def test_escapes_in_a_path_are_undone(server: Server, pair: HonestRequest) -> None:
    job_id = post(server, "/infer", pair.body).json()["job_id"]
    assert get(server, "/he%61lth").json() == {"status": "ok"}
    assert get(server, f"/%6Aobs/%{ord(job_id[0]):02x}{job_id[1:]}").json()["job_id"] == job_id


# A proxy and the server could take different ones of two.
TWICE = ["api_version=9&api_version=1.0", "api_version=1.0&api_version=9", "api_version=1.1&api_version=1.0",
         "api_version=1.1&api_version=1.1", "api_version&x=1&api%5Fversion=1.1", "api_version=1.1&&api_version"]


def test_query_parameters(server: Server) -> None:
    plain = get(server, "/models").body
    for query in ("api_version=1.0", "api_version=1.0.0", "api%5Fversion=1%2E0", "x=y", "", "x&x=1"):
        reply = get(server, f"/models?{query}")
        assert (reply.status, reply.body) == (200, plain), query
    longer = get(server, "/models?api_version=1.1").body
    for query in ("api_version=1.1.0", "api_version=1%2E1"):
        reply = get(server, f"/models?{query}")
        assert (reply.status, reply.body) == (200, longer), query
    for query in ("api_version=1.2", "api_version=", "api_version", "api_version=1.0.0%00", *TWICE):
        contract.check_error(get(server, f"/models?{query}"), 400, "UNSUPPORTED_API_VERSION")
        contract.check_error(get(server, f"/keys?{query}"), 400, "UNSUPPORTED_API_VERSION")
    assert get(server, "/health?api_version=9").status == 200


def test_entity_tags(server: Server) -> None:
    reply = get(server, "/models")
    tag = reply.header("ETag")
    assert tag and re.fullmatch(r'"[!#-~]+"', tag)
    assert get(server, "/models").header("ETag") == tag
    assert get(server, "/models?api_version=1.0").header("ETag") == tag
    for known in (tag, "*", f'"x", {tag}', f'"x",{tag},"y"', f"W/{tag}"):
        for method in ("GET", "HEAD"):
            unchanged = ask(server, method, "/models", headers={"If-None-Match": known})
            assert (unchanged.status, unchanged.body, unchanged.header("ETag")) == (304, b"", tag), known
    for other in ('"x"', tag[1:-1], f'"{tag[1:-1]}x"', f'"x{tag[1:-1]}"', '""', "", "x*"):
        changed = get(server, "/models", If_None_Match=other)
        assert (changed.status, changed.body) == (200, reply.body), other
    contract.check_error(get(server, "/models?api_version=9", If_None_Match="*"), 400, "UNSUPPORTED_API_VERSION")
    longer = get(server, "/models?api_version=1.1", If_None_Match=tag)
    assert longer.status == 200 and longer.header("ETag") not in (None, tag)
    assert get(server, "/models?api_version=1.1", If_None_Match=longer.header("ETag") or "").status == 304


def test_304_leaves_the_connection_usable(server: Server) -> None:
    with Connection(server) as connection:
        for _ in range(2):
            connection.send(request_bytes("GET", "/models", {"If-None-Match": "*"}) + HEALTH)
            assert connection.read_reply().status == 304
            assert connection.read_reply().json() == {"status": "ok"}


@pytest.mark.parametrize("name", ["x", "a.b_c-D9", "7d1f3c0e9a5b4826b1d0c4e2f6a89375", "x" * 128])
def test_a_sane_request_id_is_echoed(server: Server, name: str) -> None:
    for target in ("/health", "/models", "/nothing", UNKNOWN_JOB):
        assert get(server, target, X_Request_ID=name).header("X-Request-ID") == name
    assert post(server, "/infer", b"{", X_Request_ID=name).header("X-Request-ID") == name
    assert ask(server, "DELETE", "/health", headers={"X-Request-ID": name}).header("X-Request-ID") == name
    assert f'"{name}"' in server.log_text()


@pytest.mark.parametrize("name", ["", " ", "a b", "x" * 129, "a,b", "<script>", '"', "caf\xe9", "a\tb"])
def test_another_request_id_is_replaced(server: Server, name: str) -> None:
    made = [ask(server, "GET", "/health", headers={"X-Request-ID": name}).header("X-Request-ID") for _ in range(2)]
    assert made[0] != made[1]
    assert all(re.fullmatch(r"[0-9a-f]{32}", each or "") for each in made)


def test_malformed_messages_have_request_ids_too(server: Server) -> None:
    for name in ("no colon", "TLS", "Content-Length b'5x'"):
        assert re.fullmatch(r"[0-9a-f]{32}", send_raw(server, MALFORMED[name]).header("X-Request-ID") or "")


# --- Tenants ---------------------------------------------------------------------------------------------------------------


@pytest.mark.adversarial("tenants.foreign-job")
def test_a_job_is_there_for_its_tenant_only(server: Server, pair: HonestRequest, good: GoodRequest) -> None:
    made = post(server, "/infer", pair.body, X_Tenant_ID="clinic-7", Prefer="wait=60")
    job_id = made.json()["job_id"]
    good.check_job(made.json())
    own = get(server, f"/jobs/{job_id}", X_Tenant_ID="clinic-7")
    assert (own.status, own.body) == (200, made.body)
    unknown = get(server, UNKNOWN_JOB)
    for headers in ({}, {"X_Tenant_ID": "clinic-8"}, {"X_Tenant_ID": "default"}, {"X_Tenant_ID": "Clinic-7"},
                    {"X_Tenant_ID": "clinic-70"}, {"X_Tenant_ID": "clinic-8", "Prefer": "wait=60"}):
        reply = get(server, f"/jobs/{job_id}", **headers)
        contract.check_error(reply, 404, "UNKNOWN_JOB")
        assert reply.body == unknown.body
        without_id = [field for field in reply.fields if field[0] != "X-Request-ID"]
        assert without_id == [field for field in unknown.fields if field[0] != "X-Request-ID"]


def test_no_tenant_is_the_default_tenant(server: Server, pair: HonestRequest) -> None:
    job_id = post(server, "/infer", pair.body, Prefer="wait=60").json()["job_id"]
    assert get(server, f"/jobs/{job_id}", X_Tenant_ID="default").body == get(server, f"/jobs/{job_id}").body
    job_id = post(server, "/infer", pair.body, X_Tenant_ID="default").json()["job_id"]
    assert get(server, f"/jobs/{job_id}").status == 200


@pytest.mark.adversarial("tenants.bad-name")
@pytest.mark.parametrize("tenant", ["", "a b", "x" * 129, "caf\xe9", "a,b", "../x"])
def test_bad_tenants(server: Server, pair: HonestRequest, tenant: str) -> None:
    job_id = post(server, "/infer", pair.body).json()["job_id"]
    bad = {"pointer": "X-Tenant-ID", "rule": "pattern"}
    for target in (UNKNOWN_JOB, f"/jobs/{job_id}", "/jobs/x"):
        reply = ask(server, "GET", target, headers={"X-Tenant-ID": tenant})
        contract.check_error(reply, 400, "SCHEMA_VIOLATION", bad)
    for target in GET_ROUTES:  # where it means nothing
        assert ask(server, "GET", target, headers={"X-Tenant-ID": tenant}).status == 200


@pytest.mark.adversarial("tenants.bad-name")
def test_two_tenants_in_one_request(server: Server) -> None:
    lines = f"GET {UNKNOWN_JOB} HTTP/1.1\r\nHost: x\r\nX-Tenant-ID: a\r\nX-Tenant-ID: b\r\n\r\n"
    contract.check_error(send_raw(server, lines.encode()), 400, "SCHEMA_VIOLATION", {"pointer": "X-Tenant-ID"})
