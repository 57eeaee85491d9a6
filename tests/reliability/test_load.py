"""Crowds: memory stays within what was configured, what does not fit is told to wait, and nothing accepted is lost."""

from __future__ import annotations

import json
import pathlib
import threading
from collections import Counter
from collections.abc import Callable

import pytest

from reliability.load import LOST, Line, infer_message, on_lines, statuses
from support.honest import GoodRequest, HonestRequest
from support.http import Reply, get, request_bytes
from support.models import Model
from support.server import Server, wait_until

StartServer = Callable[..., Server]

MIB = 1 << 20
SLACK = 48 * MIB  # of the allocator, which keeps what threads have used, and of SQLite's caches


def input_bytes(model: Model) -> int:
    """Of one request's ciphertexts at all data primes."""
    parameters = model["encryption_parameters"]
    primes = len(parameters["coeff_modulus_bits"]) - 1
    return model["inference"]["input_dimension"] * 2 * primes * parameters["poly_modulus_degree"] * 8


def memory_bound(model: Model, *, connections: int, budget: int, queued: int, workers: int = 2) -> int:
    """What docs/operations.md promises, above a server that has started: requests on their way in, jobs that wait,
    two megabytes a connection, four times a model's inputs a worker."""
    return budget + queued + 2 * MIB * connections + workers * 4 * input_bytes(model) + SLACK


def flags(connections: int, budget: int, queued: int) -> list[str]:
    limits = {"--max-connections": connections + 8, "--memory-budget": budget, "--max-queued-bytes": queued}
    return [word for name, value in limits.items() for word in (name, str(value))]


def check_accepted(server: Server, answers: list[Reply], request: HonestRequest) -> None:
    """Every 202 is a job of its own, with the right answer."""
    jobs = [json.loads(answer.body)["job_id"] for answer in answers if answer.status == 202]
    assert len(set(jobs)) == len(jobs)
    wait_until(lambda: server.unfinished_jobs() == 0, "all jobs are done")
    good = GoodRequest(request)
    for job_id in jobs:
        good.check_job(get(server, f"/jobs/{job_id}", Prefer="wait=60").json())
    assert server.query("SELECT count(*) FROM jobs WHERE state != 2") == 0


def crowd(server: Server, request: HonestRequest, clients: int, each: int) -> list[Reply]:
    """Sends so many requests on each of so many connections."""
    message = infer_message(request.body)
    answers: list[Reply] = []

    def act(line: Line, _: int) -> None:
        for _ in range(each):
            answers.extend(line.exchange(message))

    on_lines(server, clients, act)
    return answers


def check_crowd(
    server: Server, request: HonestRequest, clients: int, each: int, bound: int
) -> None:
    server.reset_peak_memory()
    before = server.memory()
    answers = crowd(server, request, clients, each)
    grown = server.peak_memory() - before
    counts = statuses(answers)
    counts[LOST] = clients * each - len(answers)
    check_accepted(server, answers, request)
    wait_until(lambda: not server.connections(), "all connections are closed")
    print(f"{clients} clients of {request.model['model_id']}, {len(request.body) / 1e6:.1f} MB a body: {dict(counts)}; "
          f"memory {before // MIB} MiB before, {server.peak_memory() // MIB} at most, {server.memory() // MIB} after; "
          f"bound {(before + bound) // MIB}")
    assert set(counts) <= {202, 503, LOST}, counts
    assert counts[LOST] <= len(answers), "most refusals are not heard"
    assert grown < bound


@pytest.mark.parametrize("clients", [64, pytest.param(1000, marks=pytest.mark.long)])
def test_a_crowd_of_small_requests(
    start_server: StartServer, pair_models: pathlib.Path, pair: HonestRequest, clients: int
) -> None:
    budget, queued = 32 * MIB, 32 * MIB
    server = start_server(*flags(clients, budget, queued), registry=pair_models)
    bound = memory_bound(pair.model, connections=clients, budget=budget, queued=queued)
    check_crowd(server, pair, clients, 8 if clients == 64 else 4, bound)


@pytest.mark.adversarial("resources.parallel-largest-bodies")
@pytest.mark.parametrize("clients", [100, pytest.param(1000, marks=pytest.mark.long)])
def test_a_crowd_of_the_largest_bodies(
    start_server: StartServer, honest: Callable[[str], HonestRequest], clients: int
) -> None:
    request = honest("logistic_v1")
    budget, queued = (64 * MIB, 64 * MIB) if clients == 100 else (1024 * MIB, 512 * MIB)
    server = start_server(*flags(clients, budget, queued))
    bound = memory_bound(request.model, connections=clients, budget=budget, queued=queued)
    check_crowd(server, request, clients, 1, bound)


# --- Tenants ----------------------------------------------------------------------------------------------------------


@pytest.mark.adversarial("resources.tenant-quota")
@pytest.mark.parametrize(
    "quota", [("--tenant-max-queued-jobs", "4"), ("--tenant-max-stored-bytes", "10000000")], ids=" ".join
)
def test_a_tenant_that_floods(
    start_server: StartServer, pair_models: pathlib.Path, pair: HonestRequest, quota: tuple[str, str]
) -> None:
    """60 connections of one tenant, and one of another: that one is never refused, and waits for its turn only."""
    server = start_server(*quota, registry=pair_models)
    good = GoodRequest(pair)
    refused: list[Reply] = []
    modest: list[Reply] = []
    end = threading.Event()

    def act(line: Line, number: int) -> None:
        if number < 60:
            flood = infer_message(pair.body, {"X-Tenant-ID": "flood"})
            while not end.is_set():
                refused.extend(line.exchange(flood))
        else:
            try:
                while len(modest) < 20 or not any(answer.status == 429 for answer in refused):
                    asked = infer_message(pair.body, {"X-Tenant-ID": "modest", "Prefer": "wait=60"})
                    modest.extend(line.exchange(asked))
            finally:
                end.set()

    on_lines(server, 61, act)
    assert statuses(modest).keys() == {200}
    for answer in modest:
        good.check_job(json.loads(answer.body))
    assert statuses(refused).keys() <= {202, 429, 503}
    assert max(turns_waited(server)) <= 8


def turns_waited(server: Server) -> list[int]:
    """For each job of the modest tenant: how many of the other's were begun while it waited."""
    waited: dict[str, int] = {}
    found = []
    for line in server.log_text().splitlines():
        event, job = [*line.split(), "", "", "", ""][2:4]
        if event == "job_accepted" and 'tenant="modest"' in line:
            waited[job] = 0
        elif event == "job_started" and 'tenant="modest"' in line:
            found.append(waited.pop(job, 0))
        elif event == "job_started":
            for name in waited:
                waited[name] += 1
    return found


@pytest.mark.adversarial("resources.million-tenants")
@pytest.mark.parametrize("tenants", [40_000, pytest.param(1_000_000, marks=pytest.mark.long)])
def test_very_many_tenants(
    start_server: StartServer, pair_models: pathlib.Path, good: GoodRequest, tenants: int
) -> None:
    """Each asks once. The memory for their rates stops growing, and an honest tenant is served all along."""
    server = start_server("--tenant-requests-per-second", "100", "--log-level", "warning", registry=pair_models)
    good.check(server)
    target = f"/jobs/{'0' * 32}"
    counts: Counter[int] = Counter()
    lines, each = 64, 200

    def ask_as(first: int, last: int) -> None:
        def act(line: Line, number: int) -> None:
            for start in range(first + number * each, last, lines * each):
                names = range(start, min(start + each, last))
                batch = b"".join(request_bytes("GET", target, {"X-Tenant-ID": f"tenant-{name}"}) for name in names)
                counts.update(statuses(line.exchange(batch, len(names))))

        on_lines(server, lines, act)

    ask_as(0, tenants // 4)
    early = server.memory()
    ask_as(tenants // 4, tenants)
    assert set(counts) <= {404, 429} and counts.total() == tenants, counts
    print(f"{tenants} tenants: {dict(counts)}; {early // MIB} MiB after a quarter, {server.memory() // MIB} after all")
    assert server.memory() - early < 16 * MIB
    good.check(server)
