"""Servers that end: asked to, under load, and because of a job."""

from __future__ import annotations

import pathlib
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing

import pytest

from reliability.clients import Address, Question, Recorder, answers, at_work, count_of, crowd, look_back, rows_of
from reliability.faults import Faults
from reliability.history import violations
from reliability.mortal import MortalServer
from support import contract
from support.http import get
from support.server import Server, attempts, wait_until

StartServer = Callable[..., Server]

FAILED = 3  # as the job table numbers it


@pytest.mark.adversarial("crash.shutdown-under-load")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_under_load(
    start_server: StartServer, pair_models: pathlib.Path, tmp_path: pathlib.Path, questions: list[Question],
    number: signal.Signals,
) -> None:
    """Again and again: it ends in time with exit code 0, and in the end every 202 is completed."""
    recorder = Recorder(start_server(registry=pair_models, home=tmp_path / "one"))
    with at_work(crowd(recorder, questions)):
        for _ in range(4):
            server = recorder.address
            before = count_of(recorder, 200, 202)
            wait_until(lambda: count_of(recorder, 200, 202) >= before + 15, "jobs are accepted")  # noqa: B023
            assert server.stop(number) == 0
            recorder.address = start_server(registry=pair_models, home=tmp_path / "one")
    look_back(recorder, recorder.address)
    assert violations(recorder.history, answers(questions)) == []


@pytest.mark.adversarial("crash.poison-job")
def test_a_job_that_kills_the_server_each_time(
    pair_models: pathlib.Path, tmp_path: pathlib.Path, faults: Faults, questions: list[Question]
) -> None:
    """After three attempts it has failed. Its neighbours, before it and behind it in the queue, are completed."""
    # An idle worker evaluates before anything is stored, and says that it has begun when all is done.
    flags = ["--workers", "2", "--store-first", "--audit-log", str(tmp_path / "audit")]
    recorder = Recorder(Address())

    def start() -> MortalServer:
        return MortalServer(pair_models, tmp_path / "one", *flags, env=faults.env)

    def poison(server: Server) -> list[tuple[str, int]]:
        return rows_of(server, "SELECT id, state FROM jobs WHERE tenant = 'poison'")

    server = start()
    recorder.address.port = server.port
    with at_work(crowd(recorder, questions)):
        wait_until(lambda: count_of(recorder, 200, 202) >= 20, "jobs are accepted")
        faults.set(poison=1)
        recorder.post(questions[0].body, questions[0].digest, "poison")
        server.check_death()
        recorder.address.port = 0
    deaths = 1
    for _ in attempts("the poisonous job has failed"):
        if poison(server)[0][1] == FAILED:
            break
        server.kill()
        server = start()
        wait_until(lambda: server.process.poll() is not None or not server.unfinished_jobs(), "it dies or is done")
        if server.process.poll() is not None:
            server.check_death()
            deaths += 1
    try:
        ((job_id, _),) = poison(server)
        contract.check_failed_job(get(server, f"/jobs/{job_id}", X_Tenant_ID="poison").json(), "INTERNAL")
        look_back(recorder, server)
    finally:
        server.kill()
    assert deaths == 3
    assert violations(recorder.history, answers(questions), may_fail=["poison"]) == []


@pytest.mark.adversarial("crash.late-worker")
def test_a_late_result_is_refused(
    start_server: StartServer, pair_models: pathlib.Path, tmp_path: pathlib.Path, questions: list[Question]
) -> None:
    """While a worker stands still its job is given to another attempt: what it has to say then changes nothing."""
    recorder = Recorder(Address())
    server = start_server("--workers", "1", "--store-first", registry=pair_models, home=tmp_path / "one")
    recorder.address = server
    late: list[str] = []

    def is_overtaken() -> bool:
        server.process.send_signal(signal.SIGSTOP)
        late.extend(take_over(server))
        server.process.send_signal(signal.SIGCONT)
        return bool(late)

    with at_work(crowd(recorder, questions)):
        wait_until(lambda: count_of(recorder, 200, 202) >= 20, "jobs are accepted")
        wait_until(is_overtaken, "a job is given to another attempt while it runs")
    wait_until(lambda: server.unfinished_jobs() == len(late), "all others are done")
    assert [job_id for (job_id,) in rows_of(server, "SELECT id FROM jobs WHERE state = 1")] == late
    assert not rows_of(server, "SELECT * FROM job_results WHERE job IN (SELECT seq FROM jobs WHERE state = 1)")
    server.kill()
    look_back(recorder, start_server(registry=pair_models, home=tmp_path / "one"))
    assert violations(recorder.history, answers(questions)) == []


def take_over(server: Server) -> list[str]:
    """The jobs that run, now in their next attempt. None if the server holds the database's lock."""
    with closing(sqlite3.connect(server.data / "jobs.sqlite3", timeout=0.1)) as database:
        try:
            running = database.execute("UPDATE jobs SET attempt = attempt + 1 WHERE state = 1 RETURNING id").fetchall()
            database.commit()
        except sqlite3.OperationalError:
            return []
    return [job_id for (job_id,) in running]
