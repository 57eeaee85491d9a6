"""DELETE /jobs/{id}: whatever the job was doing, nothing of it is shown or computed any more."""

from __future__ import annotations

import json
import pathlib
import threading
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest

from support import contract
from support.access import ApiKey, write_key_file
from support.evaluation_keys import BusyRequest, with_a_network
from support.honest import GoodRequest, HonestRequest, to_body
from support.http import Connection, Reply, ask, binary_body, get, post, request_bytes
from support.models import SLOW, write_registry
from support.server import Server, attempts, wait_until

StartServer = Callable[..., Server]
UNKNOWN_JOB = "/jobs/" + "0" * 32
ONE_WORKER = ("--workers", "1", "--store-first", "--log-format", "json")


def submit(server: Server, request: HonestRequest, **headers: str) -> str:
    reply = post(server, "/infer", request.body, **headers)
    assert reply.status == 202, reply.body
    return reply.header("Location") or ""


def erase(server: Server, target: str, **headers: str) -> Reply:
    reply = ask(server, "DELETE", target, headers={name.replace("_", "-"): value for name, value in headers.items()})
    contract.check_reply("DELETE", target, reply)
    return reply


def check_erased(server: Server, target: str, **headers: str) -> None:
    for wait in ({}, {"Prefer": "wait=60"}):
        contract.check_error(get(server, target, **headers, **wait), 410, "JOB_EXPIRED")


def events(server: Server, target: str) -> list[str]:
    """What the log says of a job, in order."""
    job_id = target.removeprefix("/jobs/")
    lines = [json.loads(line) for line in server.log_text().splitlines() if job_id in line]
    return [line["event"] for line in lines if line["event"].startswith("job_")]


def is_empty(server: Server) -> bool:
    return all(server.query(f"SELECT count(*) FROM {table}") == 0 for table in ("job_inputs", "job_results"))


def erase_one_that_waits(server: Server, request: BusyRequest, stack: ExitStack) -> tuple[str, list[Connection]]:
    """Erases a job that no worker has begun, of many that take longer to evaluate than to send; and who waited for it."""
    for _ in attempts("a job is erased before a worker begins it"):
        targets = [submit(server, request) for _ in range(20)]
        connections = [stack.enter_context(Connection(server)) for _ in range(3)]
        for connection in connections:
            connection.send(request_bytes("GET", targets[-1], {"Prefer": "wait=60"}))
        assert erase(server, targets[-1]).status == 204
        if "job_started" not in events(server, targets[-1]):
            return targets[-1], connections


# --- What becomes of it ----------------------------------------------------------------------------------------------------


def test_a_completed_job(start_server: StartServer, pair: HonestRequest, good: GoodRequest) -> None:
    server = start_server()
    target = submit(server, pair)
    good.check_job(get(server, target, Prefer="wait=60").json())
    assert erase(server, target).status == 204
    check_erased(server, target)
    assert (ask(server, "HEAD", target).status, ask(server, "HEAD", target).body) == (410, b"")
    assert erase(server, target).status == 204
    assert is_empty(server)
    assert server.query("SELECT coalesce(sum(stored_bytes), 0) FROM jobs") == 0
    good.check(server)


def test_a_failed_job(server: Server, pair: HonestRequest) -> None:
    job = post(server, "/infer", pair.body_with(pair.payloads[0], pair.payloads[0]), Prefer="wait=60").json()
    contract.check_failed_job(job, "INVALID_CIPHERTEXT")
    assert erase(server, f"/jobs/{job['job_id']}").status == 204
    check_erased(server, f"/jobs/{job['job_id']}")


def test_a_binary_job(server: Server, pair: HonestRequest) -> None:
    header = pair.binary_header()
    reply = ask(server, "POST", "/infer", header + b"".join(pair.payloads), binary_body(len(header)) | {"Prefer": "wait=60"})
    target = f"/jobs/{reply.json_header()[0]['job_id']}"
    assert erase(server, target).status == 204
    check_erased(server, target)


def test_a_queued_job_is_never_evaluated(
    start_server: StartServer, models: pathlib.Path, tmp_path: pathlib.Path, good: GoodRequest
) -> None:
    server = start_server(*ONE_WORKER, registry=with_a_network(models, tmp_path / "with_a_network"))
    with ExitStack() as stack:
        target, connections = erase_one_that_waits(server, BusyRequest(server), stack)
        for connection in connections:
            contract.check_error(connection.read_reply(), 410, "JOB_EXPIRED")
    check_erased(server, target)
    wait_until(lambda: server.unfinished_jobs() == 0, "the others are done")
    good.check(server)
    assert events(server, target) == ["job_accepted", "job_erased"]
    assert server.query("SELECT count(*) FROM job_inputs") == 0


@pytest.mark.adversarial("jobs.erase-races")
def test_at_any_moment(start_server: StartServer, pair: HonestRequest) -> None:
    """Between acceptance and completion, with clients that wait: each gets the job or that it is gone, and then it is gone."""
    server = start_server("--store-first", "--log-format", "json")
    seen: set[int] = set()
    for _ in range(60):
        target = submit(server, pair)
        with Connection(server) as waiting:
            waiting.send(request_bytes("GET", target, {"Prefer": "wait=60"}))
            assert erase(server, target).status == 204
            reply = waiting.read_reply()
            contract.check_reply("GET", target, reply)
            seen.add(reply.status)
        check_erased(server, target)
        assert events(server, target).count("job_erased") == 1
    assert seen <= {200, 410}
    wait_until(lambda: is_empty(server), "nothing is left")
    assert server.query("SELECT coalesce(sum(stored_bytes), 0) FROM jobs") == 0


@pytest.mark.adversarial("jobs.erase-twice")
def test_many_at_once(start_server: StartServer, pair: HonestRequest) -> None:
    server = start_server("--log-format", "json")
    target = submit(server, pair)
    statuses: list[int] = []
    threads = [threading.Thread(target=lambda: statuses.append(erase(server, target).status)) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [204] * 12
    assert events(server, target).count("job_erased") == 1


def test_an_expired_job_and_a_forgotten_one(start_server: StartServer, pair: HonestRequest) -> None:
    server = start_server("--result-ttl", "0.3", "--tombstone-ttl", "1")
    expired, erased = submit(server, pair), submit(server, pair)
    assert erase(server, erased).status == 204
    wait_until(lambda: get(server, expired).status == 410, "it expires")
    assert erase(server, expired).status == 204
    for target in (expired, erased):
        wait_until(lambda: get(server, target).status == 404, "it is forgotten")  # noqa: B023
        contract.check_error(erase(server, target), 404, "UNKNOWN_JOB")


# --- Whose it is -----------------------------------------------------------------------------------------------------------


@pytest.mark.adversarial("jobs.erase-foreign")
def test_another_tenants_job(server: Server, pair: HonestRequest, good: GoodRequest) -> None:
    target = submit(server, pair, X_Tenant_ID="clinic-7")
    unknown = erase(server, UNKNOWN_JOB)
    for other in ({}, {"X_Tenant_ID": "clinic-8"}):
        reply = erase(server, target, **other)
        contract.check_error(reply, 404, "UNKNOWN_JOB")
        assert reply.body == unknown.body
    good.check_job(get(server, target, X_Tenant_ID="clinic-7", Prefer="wait=60").json())
    assert erase(server, target, X_Tenant_ID="clinic-7").status == 204
    contract.check_error(erase(server, target), 404, "UNKNOWN_JOB")
    check_erased(server, target, X_Tenant_ID="clinic-7")


def test_the_records(start_server: StartServer, pair_models: pathlib.Path, pair: HonestRequest, tmp_path: pathlib.Path) -> None:
    """Log and audit log say who erased what."""
    key = ApiKey.make()
    server = start_server(
        "--api-keys", str(write_key_file(tmp_path / "keys.json", {"clinic-7": key})), "--audit-log", str(tmp_path / "audit"),
        registry=pair_models, headers=key.header,
    )
    target = submit(server, pair)
    assert erase(server, target).status == 204
    lines = [json.loads(line) for line in (tmp_path / "audit").read_text(encoding="utf-8").splitlines()]
    job_id = target.removeprefix("/jobs/")
    asked = [line for line in lines if line.get("method") == "DELETE"]
    assert [(line["job_id"], line["tenant"], line["status"], line["route"]) for line in asked] == [
        (job_id, "clinic-7", 204, "/jobs/{job_id}")
    ]
    (erased,) = [line for line in lines if line["event"] == "job_erased"]
    assert (erased["job_id"], erased["tenant"], erased["model"]) == (job_id, "clinic-7", "pair_v1@1.0.0")


# --- What it was in the way of ---------------------------------------------------------------------------------------------


def test_quotas_give_back_what_it_held(start_server: StartServer, pair: HonestRequest) -> None:
    server = start_server("--tenant-max-stored-bytes", "200000")
    targets = []
    for _ in attempts("the quota is used up"):
        reply = post(server, "/infer", pair.body, Prefer="wait=60")
        if reply.status == 429:
            break
        targets.append(f"/jobs/{reply.json()['job_id']}")
    contract.check_error(post(server, "/infer", pair.body), 429, "RATE_LIMITED")
    assert erase(server, targets[0]).status == 204
    assert post(server, "/infer", pair.body, Prefer="wait=60").status == 200
    contract.check_error(post(server, "/infer", pair.body), 429, "RATE_LIMITED")


# --- Idempotency keys ------------------------------------------------------------------------------------------------------


def test_a_key_goes_on_naming_it(server: Server, pair: HonestRequest) -> None:
    target = submit(server, pair, Idempotency_Key="erased")
    assert erase(server, target).status == 204
    for headers in ({}, {"Prefer": "wait=1"}):
        again = post(server, "/infer", pair.body, Idempotency_Key="erased", **headers)
        assert (again.status, again.header("Location")) == (202, target)
    other = to_body(pair.document(batch_size=2))
    contract.check_error(post(server, "/infer", other, Idempotency_Key="erased"), 409, "IDEMPOTENCY_CONFLICT")
    check_erased(server, target)


# --- Crashes and ends ------------------------------------------------------------------------------------------------------


@pytest.mark.adversarial("jobs.erase-crash")
def test_it_is_on_disk_before_the_204(
    start_server: StartServer, honest: Callable[[str], HonestRequest], good: GoodRequest, tmp_path: pathlib.Path
) -> None:
    request, home = honest("logistic_v1"), tmp_path / "killed"
    erased: list[str] = []
    kept: list[str] = []
    for _ in range(4):
        server = start_server(*ONE_WORKER, home=home)
        targets = [submit(server, request) for _ in range(8)]
        for target in targets[::2]:
            assert erase(server, target).status == 204
        server.kill()
        erased += targets[::2]
        kept += targets[1::2]
    server = start_server(*ONE_WORKER, home=home)
    for target in erased:
        check_erased(server, target)
    for target in kept:
        job = get(server, target, Prefer="wait=60").json()
        assert job["status"] == "completed"
    for target in erased:
        assert "job_recovered" not in events(server, target)  # in none of the five processes
    good.check(server)


def test_a_server_that_is_not_ready(start_server: StartServer, slow_models: pathlib.Path) -> None:
    server = start_server(registry=slow_models, ready=False)
    reply = erase(server, UNKNOWN_JOB)
    if reply.status != 404:  # it may have become ready meanwhile
        contract.check_error(reply, 503, "CRYPTO_CONTEXT_UNAVAILABLE")


@pytest.fixture(scope="module")
def slow_models(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return write_registry(tmp_path_factory.mktemp("slow_models"), *SLOW)


def test_a_request_with_a_body(server: Server, pair: HonestRequest) -> None:
    """It means nothing, and does not become the next request."""
    target = submit(server, pair)
    with Connection(server) as connection:
        connection.send(request_bytes("DELETE", target, {}, b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"))
        assert connection.read_reply().status == 204
        assert connection.is_ended()
