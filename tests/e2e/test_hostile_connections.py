"""Connections that misbehave: half-closed, reset, overfilled."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from support import contract
from support.honest import GoodRequest, HonestRequest
from support.http import JSON_BODY, Connection, ConnectionEnded, Reply, get, post, request_bytes
from support.rows import MEMORY
from support.server import Server, wait_until

StartServer = Callable[..., Server]

HEALTH = request_bytes("GET", "/health")


def is_free(server: Server) -> bool:
    return not server.connections()


# --- Half-closed -----------------------------------------------------------------------------------------------------------


def last_words(connection: Connection) -> Reply | None:
    """What the server has to say before it closes, if anything."""
    try:
        reply = connection.read_reply()
    except ConnectionEnded:
        return None
    assert connection.is_ended()
    return reply


@pytest.mark.adversarial("transport.half-closed")
@pytest.mark.parametrize("part", ["nothing", "a method", "a request line", "headers", "a head", "half a body", "all but a byte"])
def test_the_sender_ends_too_early(server: Server, pair: HonestRequest, part: str) -> None:
    message = request_bytes("POST", "/infer", JSON_BODY, pair.body)
    head = message.index(b"\r\n\r\n") + 4
    length = {
        "nothing": 0, "a method": 2, "a request line": message.index(b"\r\n") + 2, "headers": head - 3, "a head": head,
        "half a body": len(message) // 2, "all but a byte": len(message) - 1,
    }[part]
    jobs = server.job_count()
    with ExitStack() as stack:
        connections = [stack.enter_context(Connection(server)) for _ in range(10)]
        for connection in connections:
            connection.send(message[:length])
            connection.send_end()
        for connection in connections:  # which the client leaves open
            reply = last_words(connection)
            if reply:
                contract.check_error(reply, 400, "MALFORMED_JSON")
    wait_until(lambda: is_free(server), "the connections are let go")
    assert server.job_count() == jobs


@pytest.mark.adversarial("transport.half-closed")
def test_pipelined_requests_of_a_sender_that_has_ended(server: Server) -> None:
    with Connection(server) as connection:
        connection.send(HEALTH * 50 + HEALTH[:-3])
        connection.send_end()
        assert [connection.read_reply().status for _ in range(50)] == [200] * 50
        reply = last_words(connection)
        if reply:
            contract.check_error(reply, 400, "MALFORMED_JSON")


# --- Reset -----------------------------------------------------------------------------------------------------------------


@pytest.mark.adversarial("transport.reset-while-waiting")
def test_resets_while_the_server_waits_for_the_disk(start_server: StartServer, pair: HonestRequest) -> None:
    """The requests are complete, so their jobs are made and done, though nobody will hear of them."""
    server = start_server()
    message = request_bytes("POST", "/infer", JSON_BODY | {"Prefer": "wait=60"}, pair.body)
    lock = server.lock_database()
    connections = [Connection(server) for _ in range(12)]
    for connection in connections:
        connection.send(message)
    wait_until(server.has_read_everything, "the requests are read")
    for connection in connections:
        connection.reset()
    lock.close()
    wait_until(lambda: is_free(server), "the connections are let go")
    wait_until(lambda: server.unfinished_jobs() == 0, "the jobs are done")
    assert server.query("SELECT count(*) FROM jobs WHERE state != 2") == 0
    assert server.job_count() <= len(connections)


@pytest.mark.adversarial("transport.reset-while-waiting")
def test_resets_of_long_polls(start_server: StartServer, pair: HonestRequest, good: GoodRequest) -> None:
    server = start_server("--workers", "1")
    jobs = [post(server, "/infer", pair.body).json()["job_id"] for _ in range(20)]
    waiting = [Connection(server) for _ in range(100)]
    for number, connection in enumerate(waiting):
        connection.send(request_bytes("GET", f"/jobs/{jobs[-1 - number % 5]}", {"Prefer": "wait=60"}))
    for connection in waiting:
        connection.reset()
    for job_id in jobs:
        good.check_job(get(server, f"/jobs/{job_id}", Prefer="wait=60").json())
    wait_until(lambda: is_free(server), "the connections are let go")


@pytest.mark.adversarial("transport.reset-while-sending")
def test_resets_within_bodies(start_server: StartServer, pair: HonestRequest, good: GoodRequest) -> None:
    server = start_server()
    good.check(server)
    message = request_bytes("POST", "/infer", JSON_BODY, pair.body)
    jobs, files = server.job_count(), server.data_files()
    wait_until(lambda: is_free(server), "earlier connections are gone")
    server.reset_peak_memory()
    memory = server.memory()
    for number in range(200):
        connection = Connection(server)
        connection.send(message[: 1 + number * (len(message) - 2) // 200])
        connection.reset()
    wait_until(lambda: is_free(server), "the connections are let go")
    assert (server.job_count(), server.data_files()) == (jobs, files)
    assert server.peak_memory() - memory < 200 * 300_000, "more than so many connections take, all at once"


# --- Overfilled ------------------------------------------------------------------------------------------------------------


@pytest.mark.adversarial("transport.pipelined-large-bodies")
def test_large_bodies_one_behind_the_other(start_server: StartServer, pair: HonestRequest, good: GoodRequest) -> None:
    server = start_server()
    good.check(server)
    wait_until(lambda: is_free(server), "earlier connections are gone")
    bodies = [pair.body, pair.body[:-1] + b"!", pair.body.replace(b'"batch_size":3', b'"batch_size":0'), pair.body]
    message = b"".join(request_bytes("POST", "/infer", JSON_BODY, body) for body in bodies)
    server.reset_peak_memory()
    memory = server.memory()
    with Connection(server) as connection:
        sender = threading.Thread(target=connection.send, args=(message * 12,))
        sender.start()
        sender.join()
        replies = [connection.read_reply() for _ in range(12 * len(bodies))]
    assert server.peak_memory() - memory < 2 * MEMORY
    for reply, status in zip(replies, [202, 400, 400, 202] * 12, strict=True):
        assert reply.status == status, reply.body
    assert {reply.code for reply in replies[1::4]} == {"MALFORMED_JSON"}
    assert {reply.code for reply in replies[2::4]} == {"SCHEMA_VIOLATION"}
    for reply in replies:
        if reply.status == 202:
            good.check_job(get(server, f"/jobs/{reply.json()['job_id']}", Prefer="wait=60").json())
