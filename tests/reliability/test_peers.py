"""Peers that are slow, silent, half-closed or deaf, all at once: they are let go, and nobody else is."""

from __future__ import annotations

import errno
import pathlib
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress

from reliability.clients import Question, Recorder, answers, at_work, count_of, crowd, look_back
from reliability.faults import Faults
from reliability.history import violations
from support.access import Certificate
from support.honest import HonestRequest
from support.http import JSON_BODY, Connection, get, post, request_bytes
from support.server import PATIENCE, Server, wait_until

StartServer = Callable[..., Server]

EACH = 25
TIMES = ["--header-timeout", "1", "--body-timeout", "1", "--request-timeout", "3", "--write-timeout", "1"]
TIMES += ["--idle-timeout", "1"]


def test_all_bad_peers_at_once(
    start_server: StartServer, pair_models: pathlib.Path, tmp_path: pathlib.Path, questions: list[Question]
) -> None:
    server = start_server(*TIMES, registry=pair_models, home=tmp_path / "one")
    recorder = Recorder(server)
    job_id = post(server, "/infer", questions[0].body, Prefer="wait=60").json()["job_id"]
    recorder.history.posts.clear()
    message = request_bytes("POST", "/infer", JSON_BODY, questions[0].body)
    result = request_bytes("GET", f"/jobs/{job_id}")
    with ExitStack() as stack:

        def peers(data: bytes, **more: int) -> list[Connection]:
            made = [stack.enter_context(Connection(server, **more)) for _ in range(EACH)]
            for connection in made:
                connection.send(data)
            return made

        with at_work(crowd(recorder, questions, 4)):
            peers(b"")
            peers(message[:40])  # and no more of its headers
            peers(message[: len(message) // 2])  # gone without a word, as behind a cable that was pulled
            peers(result * 40, receive_buffer=4096)  # never reads
            for connection in peers(message[: len(message) // 3]):
                connection.send_end()
            slow = peers(message[:1000])
            accepted = count_of(recorder, 200, 202)
            byte = 1000

            def drip() -> bool:
                """A byte at a time for as long as the server bears it."""
                nonlocal byte
                for connection in slow:
                    connection.send(message[byte : byte + 1])
                byte += 1
                return all(connection.wait_for_data(0) for connection in slow)

            wait_until(drip, "the slow ones are told that they are")
            wait_until(lambda: count_of(recorder, 200, 202) >= accepted + 50, "others are served")
        wait_until(lambda: not server.connections(), "all are let go, though none of them has closed")
    wait_until(lambda: server.unfinished_jobs() == 0, "all jobs are final")
    look_back(recorder, server)
    recorder.history.stored = [job for job in recorder.history.stored if job.job_id != job_id]
    assert violations(recorder.history, answers(questions)) == []


def test_waits_of_peers_that_are_gone_hold_no_connection(
    start_server: StartServer, tmp_path: pathlib.Path, faults: Faults, honest: Callable[[str], HonestRequest]
) -> None:
    """Though the job does not become final: its result cannot be written."""
    server = start_server("--store-first", home=tmp_path / "one", env=faults.env)
    job_id = post(server, "/infer", honest("logistic_v1").body).json()["job_id"]
    faults.fail_disk(errno.ENOSPC)
    message = request_bytes("GET", f"/jobs/{job_id}", {"Prefer": "wait=60"})
    for end in ("reset", "close", "half-close"):
        with Connection(server) as connection:
            connection.send(message)
            wait_until(server.has_read_everything, "the request has arrived")
            if end == "reset":
                connection.reset()
            if end == "half-close":
                connection.send_end()
                assert connection.read_reply().json()["status"] == "running"
        wait_until(lambda: not server.connections(), "its connection is over")
    assert server.unfinished_jobs() == 1
    faults.mend_disk()
    assert get(server, f"/jobs/{job_id}", Prefer="wait=60").json()["status"] == "completed"


def burst(server: Server, first: bytes, byte: bytes, deadline: float) -> socket.socket:
    """Sends `first`, then single bytes around the deadline in seconds, then nothing more."""
    peer = socket.create_connection(("127.0.0.1", server.port), PATIENCE)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    began = time.monotonic()
    peer.sendall(first)
    time.sleep(deadline - 0.02)
    with suppress(OSError):
        for _ in range(14_000):  # less than the limit of a header
            peer.send(byte)
            if time.monotonic() > began + deadline + 0.02:
                break
    return peer


def are_let_go(server: Server, first: bytes, byte: bytes, deadline: float) -> None:
    """A deadline that passes while bytes arrive holds all the same, though the peers keep their ends open."""
    with ExitStack() as stack, ThreadPoolExecutor(4) as pool:
        for peer in pool.map(lambda _: burst(server, first, byte, deadline), range(48)):
            stack.enter_context(peer)
        wait_until(lambda: not server.connections(), "all are let go")


def test_a_header_that_arrives_around_its_deadline(start_server: StartServer, pair_models: pathlib.Path) -> None:
    server = start_server("--header-timeout", "0.3", registry=pair_models)
    are_let_go(server, b"GET /health HTTP/1.1\r\nHost: x\r\nX: ", b"a", 0.3)


def test_a_body_that_arrives_around_its_deadline(start_server: StartServer, pair_models: pathlib.Path) -> None:
    server = start_server("--request-timeout", "0.5", registry=pair_models)
    head = request_bytes("POST", "/infer", JSON_BODY | {"Transfer-Encoding": "chunked"})
    are_let_go(server, head + b"1;", b"a", 0.5)  # the extension of a chunk


def test_half_a_tls_record_around_the_deadline(
    start_server: StartServer, pair_models: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    certificate = Certificate.self_signed(tmp_path)
    server = start_server(
        *certificate.flags, "--header-timeout", "0.3", registry=pair_models, tls=certificate.trusting()
    )
    are_let_go(server, bytes([22, 3, 1, 0x3F, 0xFF, 1, 0, 0x3F, 0xFB]), b"\3", 0.3)


def test_a_flood_behind_a_refused_request(start_server: StartServer, pair_models: pathlib.Path) -> None:
    """What is thrown away so that the refusal is read has a bound of five seconds, however it arrives."""
    server = start_server(registry=pair_models)
    refused = request_bytes("POST", "/nothing", {"Content-Length": str(10**12)})

    def flood(_: int) -> socket.socket:
        peer = socket.create_connection(("127.0.0.1", server.port), PATIENCE)
        peer.sendall(refused)
        while peer.recv(4096):
            pass
        began = time.monotonic()
        time.sleep(4.98)
        peer.settimeout(1)
        with suppress(OSError):
            while time.monotonic() < began + 5.03:
                peer.send(bytes(65536))
        return peer

    with ExitStack() as stack, ThreadPoolExecutor(8) as pool:
        for peer in pool.map(flood, range(8)):
            stack.enter_context(peer)
        wait_until(lambda: not server.connections(), "all are let go")
