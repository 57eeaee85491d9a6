"""Jobs: from acceptance to expiry, through full queues, shutdowns and kills."""

from __future__ import annotations

import contextlib
import pathlib
import re
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from support import contract
from support.honest import GoodRequest, HonestRequest
from support.http import JSON_BODY, Connection, ConnectionEnded, Reply, ask, get, post, request_bytes
from support.models import PAIR, SLOW, write_registry
from support.server import Server, attempts, run_server, wait_until

StartServer = Callable[..., Server]
STATES = ["queued", "running", "completed"]
TIMES = ["created_at", "started_at", "finished_at"]


def submit(server: Server, request: HonestRequest) -> str:
    reply = post(server, "/infer", request.body)
    assert reply.status == 202, reply.body
    return reply.json()["job_id"]


def job_of(server: Server, job_id: str, **headers: str) -> Any:
    reply = get(server, f"/jobs/{job_id}", **headers)
    assert reply.status == 200, reply.body[:500]
    assert not contract.violations("job", reply.json())
    return reply.json()


def final_job(server: Server, job_id: str) -> Any:
    job = job_of(server, job_id, Prefer="wait=60")
    assert job["status"] in ("completed", "failed")
    return job


class Volley:
    """Requests on their own connections, sent but for the last byte, and then all at once."""

    def __init__(self, server: Server, bodies: list[bytes], **headers: str) -> None:
        self.connections = [Connection(server) for _ in bodies]
        for connection, body in zip(self.connections, bodies, strict=True):
            connection.send(request_bytes("POST", "/infer", JSON_BODY | headers, body)[:-1])
        self.last = [body[-1:] for body in bodies]

    def __enter__(self) -> Volley:
        return self

    def __exit__(self, *_: object) -> None:
        for connection in self.connections:
            connection.close()

    def fire(self) -> None:
        for connection, byte in zip(self.connections, self.last, strict=True):
            connection.send(byte)

    def replies(self) -> list[Reply]:
        return [connection.read_reply() for connection in self.connections]


def accepted_by(replies: list[Reply]) -> list[str]:
    assert {reply.status for reply in replies} == {202}
    return [reply.json()["job_id"] for reply in replies]


# --- From start to end -----------------------------------------------------------------------------------------------------


def test_a_job_only_moves_forward(server: Server, good: GoodRequest, pair: HonestRequest) -> None:
    reply = post(server, "/infer", pair.body)
    assert (reply.status, reply.json()["status"]) == (202, "accepted")
    job_id = reply.json()["job_id"]
    assert re.fullmatch("[0-9a-f]{32}", job_id)
    assert reply.header("Location") == f"/jobs/{job_id}"
    seen: list[Any] = []
    for _ in attempts("the job is done"):
        if seen and seen[-1]["status"] == "completed":
            break
        seen.append(job_of(server, job_id))
    states = [STATES.index(job["status"]) for job in seen]
    assert states == sorted(states)
    for job in seen:
        assert job["job_id"] == job_id
        present = [name for name in TIMES if name in job]
        assert present == TIMES[: STATES.index(job["status"]) + 1]
        assert [job[name] for name in present] == sorted(job[name] for name in present)
        assert job["created_at"] == seen[0]["created_at"]
    good.check_job(seen[-1])


def test_a_final_job_never_changes(server: Server, good: GoodRequest, pair: HonestRequest) -> None:
    completed = submit(server, pair)
    failed = post(server, "/infer", pair.body_with(pair.payloads[0], pair.payloads[0]), Prefer="wait=60").json()
    contract.check_failed_job(failed, "INVALID_CIPHERTEXT")
    final_job(server, completed)
    before = [get(server, f"/jobs/{job_id}").body for job_id in (completed, failed["job_id"])]
    good.check(server)
    for headers in ({}, {"Prefer": "wait=60"}, {"Prefer": "wait=0"}, {"X_Tenant_ID": "default"}):
        assert [get(server, f"/jobs/{job_id}", **headers).body for job_id in (completed, failed["job_id"])] == before


def test_equal_requests_are_different_jobs(server: Server, pair: HonestRequest) -> None:
    assert len({submit(server, pair) for _ in range(3)}) == 3


@pytest.mark.parametrize("prefer", [
    "wait=60", "wait=9", "WAIT=60", "wait = 60", "respond-async, wait=60", "wait=60; x=y", "wait=60, wait=1",
    "wait=99999999999999999999", "handling=lenient,wait=60",
])
def test_prefer_wait(server: Server, good: GoodRequest, pair: HonestRequest, prefer: str) -> None:
    reply = post(server, "/infer", pair.body, Prefer=prefer)
    assert reply.status == 200
    good.check_job(reply.json())
    job_id = submit(server, pair)
    good.check_job(job_of(server, job_id, Prefer=prefer))


@pytest.mark.parametrize("prefer", [
    "", "wait", "wait=", "wait=x", "wait=-1", "wait=1.5", "wait=1x", "await=60", "respond-async",
])
def test_malformed_preferences_are_ignored(server: Server, pair: HonestRequest, prefer: str) -> None:
    reply = post(server, "/infer", pair.body, Prefer=prefer)
    assert (reply.status, reply.json()["status"]) == (202, "accepted")


def test_many_wait_for_one_job(server: Server, good: GoodRequest, pair: HonestRequest) -> None:
    job_id = submit(server, pair)
    with ExitStack() as stack:
        waiting = [stack.enter_context(Connection(server)) for _ in range(20)]
        for connection in waiting:
            connection.send(request_bytes("GET", f"/jobs/{job_id}", {"Prefer": "wait=60"}))
        bodies = {connection.read_reply().body for connection in waiting}
    assert len(bodies) == 1
    good.check_job(job_of(server, job_id))


def stuck_jobs(server: Server, request: HonestRequest) -> tuple[list[str], Callable[[], None]]:
    """Jobs that cannot be finished, for the database is locked, and what unlocks it."""
    for _ in attempts("the database is locked before all jobs are done"):
        with Volley(server, [request.body] * 8) as volley:
            volley.fire()
            jobs = accepted_by(volley.replies())
        lock = server.lock_database()
        stuck = [job_id for job_id in jobs if job_of(server, job_id)["status"] in ("queued", "running")]
        if stuck:
            return stuck, lock.close
        lock.close()


def test_waiting_for_a_job_ends_with_the_cap(start_server: StartServer, good: GoodRequest, pair: HonestRequest) -> None:
    server = start_server("--workers", "1", "--store-first", "--max-wait", "1")
    jobs, unlock = stuck_jobs(server, pair)
    try:
        job = job_of(server, jobs[-1], Prefer="wait=1000000")
        assert job["status"] in ("queued", "running")
    finally:
        unlock()
    for job_id in jobs:
        wait_until(lambda: job_of(server, job_id)["status"] == "completed", "the job is done")  # noqa: B023
        good.check_job(job_of(server, job_id))


# --- Expiry ----------------------------------------------------------------------------------------------------------------


def test_results_expire_and_are_forgotten(start_server: StartServer, good: GoodRequest, pair: HonestRequest) -> None:
    server = start_server("--result-ttl", "0.5", "--tombstone-ttl", "2")
    tenant = {"X_Tenant_ID": "clinic-7"}
    bodies = [pair.body, pair.body_with(pair.payloads[0], pair.payloads[0])]  # the second one fails
    jobs = [post(server, "/infer", body, **tenant).json()["job_id"] for body in bodies]
    seen: dict[str, list[int]] = {job_id: [200] for job_id in jobs}

    def all_are_forgotten() -> bool:
        for job_id in jobs:
            reply = get(server, f"/jobs/{job_id}", **tenant, Prefer="wait=60")
            if reply.status != 200:
                contract.check_error(reply, *{410: (410, "JOB_EXPIRED"), 404: (404, "UNKNOWN_JOB")}[reply.status])
                contract.check_error(get(server, f"/jobs/{job_id}"), 404, "UNKNOWN_JOB")  # to others it never was
            if reply.status != seen[job_id][-1]:
                seen[job_id].append(reply.status)
        return all(states[-1] == 404 for states in seen.values())

    wait_until(all_are_forgotten, "the jobs are forgotten")
    assert all(states == [200, 410, 404] for states in seen.values())
    for table in ("jobs", "job_inputs", "job_results"):
        assert server.query(f"SELECT count(*) FROM {table}") == 0
    good.check(server)


def test_an_expired_job_stays_expired_after_a_restart(
    start_server: StartServer, pair: HonestRequest, tmp_path: pathlib.Path
) -> None:
    server = start_server("--result-ttl", "0.001", home=tmp_path / "one")
    job_id = submit(server, pair)
    wait_until(lambda: get(server, f"/jobs/{job_id}").status == 410, "the result expires")
    contract.check_error(get(server, f"/jobs/{job_id}"), 410, "JOB_EXPIRED")
    assert server.stop() == 0
    contract.check_error(get(start_server(home=tmp_path / "one"), f"/jobs/{job_id}"), 410, "JOB_EXPIRED")


# --- Full ------------------------------------------------------------------------------------------------------------------


@pytest.mark.adversarial("resources.queue-full")
def test_a_full_queue_refuses_and_keeps_what_it_has(
    start_server: StartServer, good: GoodRequest, pair: HonestRequest
) -> None:
    server = start_server("--max-queued-jobs", "2", "--workers", "1", "--store-first")
    lock = server.lock_database()
    with Volley(server, [pair.body] * 6) as volley:
        volley.fire()
        refused = first_to_answer(volley.connections, 4)
        for connection in refused:
            contract.check_error(connection.read_reply(), 503, "OVERLOADED")
        assert server.job_count() == 0
        lock.close()
        kept = [connection.read_reply() for connection in volley.connections if connection not in refused]
    jobs = accepted_by(kept)
    assert len(jobs) == 2
    for job_id in jobs:
        good.check_job(final_job(server, job_id))
    assert server.job_count() == 2
    good.check(server)


def first_to_answer(connections: list[Connection], count: int) -> list[Connection]:
    """Those that have an answer when so many have."""
    found: list[Connection] = []

    def answered() -> bool:
        found[:] = [connection for connection in connections if connection.wait_for_data(0)]
        return len(found) >= count

    wait_until(answered, f"{count} answers")
    assert len(found) == count
    return found


@pytest.mark.adversarial("resources.queue-full", "resources.memory-budget", serves=False)
@pytest.mark.parametrize("flags", [("--max-queued-bytes", "1000"), ("--memory-budget", "100000")], ids=" ".join)
def test_a_request_beyond_all_room_is_refused(
    start_server: StartServer, pair: HonestRequest, flags: tuple[str, str]
) -> None:
    server = start_server(*flags)
    for headers in ({}, {"Prefer": "wait=60"}):
        reply = post(server, "/infer", pair.body, **headers)
        contract.check_error(reply, 503, "OVERLOADED")
        contract.check_reply("POST", "/infer", reply)
    assert server.job_count() == 0
    # What needs no room goes on, and a wrong request hears what is wrong.
    contract.check_error(post(server, "/infer", b"{"), 400, "MALFORMED_JSON")
    for target in ("/health", "/ready", "/models", "/keys"):
        assert get(server, target).status == 200


@pytest.mark.adversarial("resources.memory-budget")
def test_the_memory_budget_is_given_back(start_server: StartServer, good: GoodRequest, pair: HonestRequest) -> None:
    """Room for the ciphertexts of one request, and not of two."""
    words = 2 * 8 * 2 * 2 * 4096
    server = start_server("--memory-budget", str(2 * words - 50_000), "--io-threads", "1")
    for _ in range(3):
        with Volley(server, [pair.body] * 2, Prefer="wait=60") as volley:
            # One has both its ciphertexts in memory, and waits for the end of its body; the other came too late.
            wait_until(server.has_read_everything, "both have arrived")
            wait_until(lambda: asked_and_refused(server, pair), "the budget is taken")
            volley.fire()
            served, refused = sorted(volley.replies(), key=lambda reply: reply.status)
            contract.check_error(refused, 503, "OVERLOADED")
            good.check_job(served.json())
        good.check(server)


def asked_and_refused(server: Server, pair: HonestRequest) -> bool:
    reply = post(server, "/infer", pair.body)
    assert reply.status in (202, 503)
    return reply.status == 503


@pytest.mark.adversarial("resources.queue-full", "resources.memory-budget")
@pytest.mark.parametrize("flags", [("--memory-budget", "2M"), ("--max-queued-jobs", "3")], ids=" ".join)
def test_a_crowd_is_served_or_told_to_wait(
    start_server: StartServer, good: GoodRequest, pair: HonestRequest, flags: tuple[str, str]
) -> None:
    server = start_server(*flags, "--workers", "1", "--store-first")
    for _ in range(3):
        with Volley(server, [pair.body] * 32) as volley:
            volley.fire()
            replies = volley.replies()
        for reply in replies:
            if reply.status != 202:
                contract.check_error(reply, 503, "OVERLOADED")
        for reply in replies:
            if reply.status == 202:
                good.check_job(final_job(server, reply.json()["job_id"]))
        assert server.unfinished_jobs() == 0
    good.check(server)


@pytest.mark.adversarial("resources.memory-budget")
def test_the_memory_budget_holds_in_any_order_of_members(start_server: StartServer, pair: HonestRequest) -> None:
    """A payload that comes before its encoding cannot be decoded yet. It takes memory all the same."""
    budget, senders = 1_000_000, 32
    server = start_server("--memory-budget", str(budget))
    payload = "5e" * 700_000  # shorter than the longest that the server takes
    body = f'{{"inputs":[{{"payload":"{payload}","encoding":"hex"}}]}}'.encode()
    before = server.memory()
    with Volley(server, [body] * senders) as volley:
        wait_until(server.has_read_everything, "the server has read it")
        assert server.memory() - before < budget + senders * 700_000  # half of what the payloads are
        volley.fire()
        for reply in volley.replies():
            assert reply.status in (400, 503)


# --- Starting --------------------------------------------------------------------------------------------------------------


def test_while_contexts_are_made(
    start_server: StartServer, good: GoodRequest, pair: HonestRequest, tmp_path: pathlib.Path
) -> None:
    server = start_server(registry=write_registry(tmp_path / "slow", PAIR, *SLOW), ready=False)
    for method, target, body in (("GET", "/ready", None), ("GET", "/keys", None), ("POST", "/infer", pair.body)):
        reply = ask(server, method, target, body, JSON_BODY if body else {})
        contract.check_error(reply, 503, "CRYPTO_CONTEXT_UNAVAILABLE")
        contract.check_reply(method, target, reply)
    assert get(server, "/health").json() == {"status": "ok"}
    assert len(get(server, "/models").json()["models"]) == 1 + len(SLOW)
    contract.check_error(get(server, "/jobs/" + "0" * 32), 404, "UNKNOWN_JOB")
    assert get(server, "/ready").status == 503, "contexts were made too fast for this test"
    server.wait_ready()
    good.check(server)
    assert len(get(server, "/keys").json()["models"]) == 1 + len(SLOW)


def test_ready_means_ready(start_server: StartServer, pair_models: pathlib.Path, pair: HonestRequest) -> None:
    """A request that comes the moment the server says so is taken. Before, it is told to wait, and nothing else."""
    for _ in range(20):
        server = start_server(registry=pair_models, ready=False)
        while get(server, "/ready").status != 200:
            reply = post(server, "/infer", b"{")
            if reply.status != 400:
                contract.check_error(reply, 503, "CRYPTO_CONTEXT_UNAVAILABLE")
        reply = post(server, "/infer", pair.body)
        assert reply.status == 202, reply.body
        server.kill()


def test_a_stop_while_contexts_are_made(start_server: StartServer, tmp_path: pathlib.Path) -> None:
    server = start_server(registry=write_registry(tmp_path / "slow", PAIR, *SLOW), ready=False)
    assert server.stop() == 0


# --- Stopping --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_the_server(start_server: StartServer, good: GoodRequest, number: signal.Signals) -> None:
    server = start_server()
    good.check(server)
    with Connection(server) as idle, Connection(server) as silent:
        idle.send(request_bytes("GET", "/health"))
        assert idle.read_reply().status == 200
        assert server.stop(number) == 0
        assert idle.is_ended() and silent.is_ended()
    with pytest.raises(ConnectionRefusedError):
        Connection(server)


@pytest.fixture
def stopping(start_server: StartServer, pair: HonestRequest) -> Iterator[tuple[Server, list[Connection]]]:
    """A server that is asked to stop while it reads a request, and connections on which a request has begun."""
    server = start_server("--shutdown-grace", "60")
    message = request_bytes("POST", "/infer", JSON_BODY, pair.body)
    with Connection(server) as busy, Connection(server) as one, Connection(server) as two:
        busy.send(message[:-1])
        for other in (one, two):
            other.send(b"GET")
        wait_until(lambda: server.connections() >= 3, "the connections are accepted")
        server.send_signal(signal.SIGTERM)
        wait_until(lambda: "stopping" in server.log_text(), "the server is stopping")
        yield server, [one, two]
        one.close()
        two.close()
        busy.send(message[-1:])
        assert busy.read_reply().status in (202, 503)
    assert server.exit_code() == 0


@pytest.mark.adversarial("crash.shutdown")
def test_requests_under_way_are_told_of_the_shutdown(stopping: tuple[Server, list[Connection]]) -> None:
    _, (ready, health) = stopping
    ready.send(b" /ready HTTP/1.1\r\nHost: x\r\n\r\n")
    reply = ready.read_reply()
    contract.check_error(reply, 503, "SHUTTING_DOWN")
    contract.check_reply("GET", "/ready", reply)
    health.send(b" /health HTTP/1.1\r\nHost: x\r\n\r\n")
    assert health.read_reply().json() == {"status": "ok"}
    assert ready.is_ended() and health.is_ended()


@pytest.mark.adversarial("crash.shutdown")
def test_new_requests_are_told_of_the_shutdown(stopping: tuple[Server, list[Connection]], pair: HonestRequest) -> None:
    """Whoever comes while the last requests are answered hears why he is not served."""
    server, _ = stopping
    for method, target, body in (("GET", "/ready", None), ("POST", "/infer", pair.body)):
        reply = ask(server, method, target, body, JSON_BODY if body else {})
        contract.check_error(reply, 503, "SHUTTING_DOWN")
        contract.check_reply(method, target, reply)


@pytest.mark.adversarial("crash.shutdown")
def test_a_request_under_way_is_answered(
    start_server: StartServer, good: GoodRequest, pair: HonestRequest, tmp_path: pathlib.Path
) -> None:
    """Its body comes after the signal, and yet it is taken: it was there before. The job is kept."""
    server = start_server("--shutdown-grace", "60", home=tmp_path / "one")
    with Volley(server, [pair.body]) as volley:
        wait_until(lambda: server.connections() >= 1, "the connection is accepted")
        assert get(server, "/health").status == 200
        server.send_signal(signal.SIGTERM)
        wait_until(lambda: "stopping" in server.log_text(), "the server is stopping")
        volley.fire()
        (reply,) = volley.replies()
        assert reply.header("Connection") == "close"
        assert server.exit_code() == 0
    if reply.status == 503:
        contract.check_error(reply, 503, "SHUTTING_DOWN")
        return
    good.check_job(final_job(start_server(home=tmp_path / "one"), accepted_by([reply])[0]))


def test_long_polls_end_with_the_server(
    start_server: StartServer, good: GoodRequest, pair: HonestRequest, tmp_path: pathlib.Path
) -> None:
    server = start_server("--workers", "1", "--store-first", "--shutdown-grace", "60", home=tmp_path / "one")
    jobs, unlock = stuck_jobs(server, pair)
    try:
        with Connection(server) as connection:
            connection.send(request_bytes("GET", f"/jobs/{jobs[-1]}", {"Prefer": "wait=60"}))
            wait_until(lambda: server.connections() >= 1, "the connection is accepted")
            server.send_signal(signal.SIGTERM)
            reply = connection.read_reply()
            assert reply.status == 200
            assert reply.json()["status"] in STATES
    finally:
        unlock()
    assert server.exit_code() == 0
    restarted = start_server(home=tmp_path / "one")
    for job_id in jobs:
        good.check_job(final_job(restarted, job_id))


def test_a_second_signal_ends_at_once(start_server: StartServer, pair: HonestRequest) -> None:
    server = start_server("--shutdown-grace", "600")
    with Volley(server, [pair.body]):
        wait_until(lambda: server.connections() >= 1, "the connection is accepted")
        assert get(server, "/health").status == 200
        server.send_signal(signal.SIGTERM)
        wait_until(lambda: "stopping" in server.log_text(), "the server is stopping")
        server.send_signal(signal.SIGTERM)
        assert server.exit_code() == 128 + signal.SIGTERM


def test_the_grace_ends(start_server: StartServer, pair: HonestRequest) -> None:
    server = start_server("--shutdown-grace", "0.1")
    with Volley(server, [pair.body]) as volley:
        wait_until(lambda: server.connections() >= 1, "the connection is accepted")
        assert server.stop() == 0
        assert volley.connections[0].is_ended()


# --- Restarts --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def batches(pair: HonestRequest) -> list[HonestRequest]:
    """Different requests, so that an answer to the wrong one is found out."""
    return [
        HonestRequest.make(PAIR, [[0.25 * number, -0.5], [1.0, 0.125 * number]], pair.session) for number in range(5)
    ]


def twenty_jobs(server: Server, batches: list[HonestRequest]) -> dict[str, HonestRequest]:
    """Accepted at once, and most of them not done yet."""
    requests = [batches[number % len(batches)] for number in range(20)]
    with Volley(server, [request.body for request in requests]) as volley:
        volley.fire()
        jobs = accepted_by(volley.replies())
    assert len(set(jobs)) == 20
    return dict(zip(jobs, requests, strict=True))


def check_jobs(server: Server, jobs: dict[str, HonestRequest]) -> None:
    for job_id, request in jobs.items():
        request.check_job(final_job(server, job_id))


def interrupted(
    start_server: StartServer, home: pathlib.Path, batches: list[HonestRequest], interrupt: Callable[[Server], None]
) -> dict[str, HonestRequest]:
    """Jobs of which some were not finished when the server was."""
    jobs: dict[str, HonestRequest] = {}
    for _ in attempts("it ends before all jobs are done"):
        server = start_server("--workers", "1", "--store-first", home=home)
        jobs |= twenty_jobs(server, batches)
        interrupt(server)
        if server.unfinished_jobs():
            return jobs


@pytest.mark.adversarial("crash.shutdown")
def test_a_stop_keeps_queued_jobs(
    start_server: StartServer, batches: list[HonestRequest], tmp_path: pathlib.Path
) -> None:
    def interrupt(server: Server) -> None:
        assert server.stop() == 0

    jobs = interrupted(start_server, tmp_path / "one", batches, interrupt)
    check_jobs(start_server(home=tmp_path / "one"), jobs)


@pytest.mark.adversarial("crash.after-202", "crash.after-result")
def test_kill_9_loses_nothing(start_server: StartServer, batches: list[HonestRequest], tmp_path: pathlib.Path) -> None:
    jobs = interrupted(start_server, tmp_path / "one", batches, Server.kill)
    server = start_server(home=tmp_path / "one")
    check_jobs(server, jobs)
    assert server.unfinished_jobs() == 0
    # Final before the kill or after it: what they say stays.
    bodies = {job_id: get(server, f"/jobs/{job_id}").body for job_id in jobs}
    server.kill()
    server = start_server(home=tmp_path / "one")
    assert {job_id: get(server, f"/jobs/{job_id}").body for job_id in jobs} == bodies


@pytest.mark.adversarial("crash.any-moment")
def test_kill_9_at_any_moment(start_server: StartServer, batches: list[HonestRequest], tmp_path: pathlib.Path) -> None:
    """Jobs come in all the time, and the server is killed while they do. Each 202 is kept, and nothing else is there."""
    accepted: dict[str, HonestRequest] = {}

    refused: list[Reply] = []

    def keep_sending(server: Server, request: HonestRequest) -> None:
        with contextlib.suppress(ConnectionEnded, ConnectionRefusedError, ConnectionResetError):
            while not refused:
                reply = post(server, "/infer", request.body)
                if reply.status == 202:
                    accepted[reply.json()["job_id"]] = request
                else:
                    refused.append(reply)

    for wanted in (3, 10, 17):
        server = start_server("--workers", "1", "--store-first", home=tmp_path / "one")
        before = len(accepted)
        senders = [threading.Thread(target=keep_sending, args=(server, request)) for request in batches]
        for sender in senders:
            sender.start()
        wait_until(lambda: len(accepted) >= before + wanted or bool(refused), "jobs are accepted")  # noqa: B023
        server.kill()
        for sender in senders:
            sender.join()
        assert not refused
    server = start_server(home=tmp_path / "one")
    check_jobs(server, accepted)
    wait_until(lambda: server.unfinished_jobs() == 0, "all jobs are final")
    # At most one job a sender was on disk without its 202 having arrived.
    assert len(accepted) <= server.job_count() <= len(accepted) + 3 * len(batches)
    assert server.query("SELECT count(*) FROM job_inputs") == 0


@pytest.mark.adversarial("crash.poison-job")
def test_a_job_that_kills_the_server_is_given_up(
    start_server: StartServer, good: GoodRequest, batches: list[HonestRequest], tmp_path: pathlib.Path
) -> None:
    """Each start is an attempt; after the last one the job is failed, and those that were never begun go on."""
    server = start_server("--workers", "1", "--store-first", home=tmp_path / "one")
    jobs, unlock = stuck_jobs(server, batches[0])
    server.kill()
    unlock()
    begun = server.query("SELECT count(*) FROM jobs WHERE state = 1")
    server = start_server("--max-attempts", "1", home=tmp_path / "one")
    for job_id in jobs:
        job = final_job(server, job_id)
        if job["status"] == "failed":
            contract.check_failed_job(job, "INTERNAL")
        else:
            batches[0].check_job(job)
    assert server.query("SELECT count(*) FROM jobs WHERE state = 3") == begun
    good.check(server)


def test_jobs_of_a_model_that_is_gone_fail(
    start_server: StartServer, good: GoodRequest, honest: Callable[[str], HonestRequest], pair_models: pathlib.Path,
    tmp_path: pathlib.Path,
) -> None:
    server = start_server("--workers", "1", "--store-first", home=tmp_path / "one")
    jobs, unlock = stuck_jobs(server, honest("logistic_v1"))
    server.kill()
    unlock()
    server = start_server(registry=pair_models, home=tmp_path / "one")
    failed = [job for job in (final_job(server, job_id) for job_id in jobs) if job["status"] == "failed"]
    assert failed
    for job in failed:
        contract.check_failed_job(job, "INTERNAL")
    good.check(server)


@pytest.mark.parametrize("changes", [
    {"poly_modulus_degree": 8192}, {"coeff_modulus_bits": [50, 30, 30, 60]}, {"coeff_modulus_bits": [60, 60]},
], ids=str)
def test_jobs_of_a_model_that_is_another_now_fail(
    start_server: StartServer, good: GoodRequest, honest: Callable[[str], HonestRequest], tmp_path: pathlib.Path,
    changes: dict[str, Any],
) -> None:
    """The operator has broken a rule, and clients hear no wrong answers for it."""
    request = honest("logistic_v1")
    server = start_server("--workers", "1", "--store-first", home=tmp_path / "one")
    jobs, unlock = stuck_jobs(server, request)
    server.kill()
    unlock()
    model = {**request.model, "encryption_parameters": {
        **request.model["encryption_parameters"], "max_multiplicative_depth": 0, **changes}}
    server = start_server(registry=write_registry(tmp_path / "models", PAIR, model), home=tmp_path / "one")
    for job_id in jobs:
        job = final_job(server, job_id)
        if job["status"] == "failed":
            contract.check_failed_job(job, "INTERNAL")
        else:
            request.check_job(job)
    good.check(server)


@pytest.mark.adversarial("crash.torn-log")
@pytest.mark.parametrize("tear", ["garbage", "half a frame", "cut"])
def test_a_torn_log_tail(
    start_server: StartServer, batches: list[HonestRequest], tmp_path: pathlib.Path, tear: str
) -> None:
    """What a crash of the machine may leave of the write-ahead log: no phantom results, and no refusal to start."""
    home = tmp_path / "one"
    jobs = interrupted(start_server, home, batches, Server.kill)
    log = home / "data" / "jobs.sqlite3-wal"
    data = log.read_bytes()
    assert data
    (home / "data" / "jobs.sqlite3-shm").unlink()
    log.write_bytes({
        "garbage": data + bytes(range(256)) * 40, "half a frame": data + data[-20_000:-7_000], "cut": data[:-5_000],
    }[tear])

    server = start_server(home=home)
    lost = 0
    for job_id, request in jobs.items():
        if get(server, f"/jobs/{job_id}").status == 404:
            lost += 1  # its bytes are gone
        else:
            request.check_job(final_job(server, job_id))
    assert lost == 0 or tear == "cut"
    assert server.query("SELECT count(*) FROM jobs WHERE state = 3") == 0
    job_id = submit(server, batches[0])
    batches[0].check_job(final_job(server, job_id))


def test_one_server_a_data_directory(start_server: StartServer, models: pathlib.Path, good: GoodRequest) -> None:
    server = start_server()
    second = run_server("--listen", "127.0.0.1:0", "--models", str(models), "--data", str(server.data))
    assert second.returncode == 1
    assert "listening" not in second.stdout
    assert "in use by another server" in second.stderr
    assert len(second.stderr.splitlines()) == 1
    good.check(server)
    server.kill()
    good.check(start_server(home=server.data.parent))


def test_the_data_directory_can_be_moved(
    start_server: StartServer, good: GoodRequest, pair: HonestRequest, tmp_path: pathlib.Path
) -> None:
    server = start_server(home=tmp_path / "one")
    job_id = submit(server, pair)
    before = get(server, f"/jobs/{job_id}", Prefer="wait=60").body
    assert server.stop() == 0
    shutil.move(tmp_path / "one", tmp_path / "two")
    server = start_server(home=tmp_path / "two")
    assert get(server, f"/jobs/{job_id}").body == before
    good.check(server)
