"""Hostile requests in parallel, and the end of a server in the midst of them."""

from __future__ import annotations

import contextlib
import pathlib
import threading
import zlib
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from support import contract
from support.honest import GoodRequest, HonestRequest
from support.http import JSON_BODY, Connection, ConnectionEnded, Reply, get, post, request_bytes
from support.rows import MEMORY
from support.seal_bytes import ZLIB, ZSTD, join, split, zstd_frame
from support.server import Server, wait_until

StartServer = Callable[..., Server]

GIBIBYTE = 1 << 30


def bombs(pair: HonestRequest) -> list[bytes]:
    """Bodies that are small and whose inputs claim to be much, after an honest beginning or at once."""
    beginning = split(pair.payloads[0])[1][:50_000]
    deflated = zlib.compress(beginning + bytes(64 << 20), 9)
    frames = [
        join(zstd_frame(beginning, zeros=GIBIBYTE), 4, ZSTD),
        join(zstd_frame(b"", zeros=GIBIBYTE, declare=False), 4, ZSTD),
        join(zstd_frame(beginning, zeros=GIBIBYTE, content_size=len(split(pair.payloads[0])[1])), 4, ZSTD),
        join(deflated, 4, ZLIB),
    ]
    return [pair.body_with(frame, frame) for frame in frames]


def in_parallel(count: int, act: Callable[[int], None]) -> None:
    failures: list[BaseException] = []

    def guarded(number: int) -> None:
        try:
            act(number)
        except BaseException as failure:  # noqa: BLE001, raised again below
            failures.append(failure)

    threads = [threading.Thread(target=guarded, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


@pytest.mark.adversarial("resources.parallel-bombs", "compression.bomb")
def test_bombs_in_parallel(start_server: StartServer, pair: HonestRequest, good: GoodRequest) -> None:
    server = start_server()
    good.check(server)
    wait_until(lambda: not server.connections(), "earlier connections are gone")
    bodies, jobs = bombs(pair), server.job_count()
    server.reset_peak_memory()
    memory = server.memory()
    replies: list[Reply] = []

    def act(number: int) -> None:
        if number % 8 == 7:
            good.check(server)
        else:
            replies.extend(post(server, "/infer", body) for body in bodies)

    in_parallel(32, act)
    assert server.peak_memory() - memory < 8 * MEMORY, (server.peak_memory() - memory) >> 20
    for reply in replies:
        contract.check_error(reply, 400, "INVALID_CIPHERTEXT")
    assert len(replies) == 28 * len(bodies)
    assert server.job_count() == jobs + 4


@pytest.mark.adversarial("crash.before-commit")
def test_kill_9_before_the_commit(start_server: StartServer, pair: HonestRequest, tmp_path: pathlib.Path) -> None:
    """Requests that were complete and not on disk yet: no 202, no job."""
    server = start_server(home=tmp_path / "one")
    lock = server.lock_database()
    message = request_bytes("POST", "/infer", JSON_BODY, pair.body)
    with ExitStack() as stack:
        connections = [stack.enter_context(Connection(server)) for _ in range(8)]
        for connection in connections:
            connection.send(message)
        wait_until(server.has_read_everything, "the requests are read")
        server.kill()
        lock.close()
        for connection in connections:
            with pytest.raises(ConnectionEnded):
                connection.read_reply()
    server = start_server(home=tmp_path / "one")
    assert server.job_count() == 0
    assert server.query("SELECT count(*) FROM job_inputs") == 0


@pytest.mark.adversarial("crash.shutdown-under-attack")
def test_sigterm_under_attack(
    start_server: StartServer, pair: HonestRequest, good: GoodRequest, tmp_path: pathlib.Path
) -> None:
    """It ends, though nobody lets it, and what it accepted is done afterwards."""
    server = start_server("--shutdown-grace", "0.5", "--workers", "1", "--store-first", home=tmp_path / "one")
    infer = request_bytes("POST", "/infer", JSON_BODY, pair.body)
    stop, accepted = threading.Event(), list[str]()
    bodies = [*bombs(pair), pair.body]

    def attack(number: int) -> None:
        with contextlib.suppress(ConnectionEnded, ConnectionRefusedError, ConnectionResetError):
            while not stop.is_set():
                reply = post(server, "/infer", bodies[number % len(bodies)])
                if reply.status == 202:
                    accepted.append(reply.json()["job_id"])
                else:
                    assert reply.status in (400, 503), reply.body

    with ExitStack() as stack:
        def open_one(data: bytes, **more: int) -> Connection:
            connection = stack.enter_context(Connection(server, **more))
            connection.send(data)
            return connection

        for _ in range(5):
            open_one(b"")
            open_one(infer[:30])
            open_one(infer[: len(infer) // 2])
            open_one(infer[:-1]).send_end()
            open_one(b"POST /infer HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5;")
            open_one(request_bytes("GET", "/openapi.json") * 200, receive_buffer=4096)  # and never reads

        def end_it() -> None:
            wait_until(lambda: len(accepted) >= 5, "jobs are accepted")
            assert server.stop() == 0
            stop.set()

        in_parallel(11, lambda number: end_it() if number == 10 else attack(number))

    server = start_server(home=tmp_path / "one")
    assert server.job_count() >= len(accepted) >= 5
    for job_id in accepted:
        good.check_job(get(server, f"/jobs/{job_id}", Prefer="wait=60").json())
