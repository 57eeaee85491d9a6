"""A process that is out of memory or descriptors, or stands still, while clients work."""

from __future__ import annotations

import pathlib
import signal
from collections.abc import Callable

import pytest

from reliability.clients import TENANTS, Question, Recorder, answers, at_work, count_of, crowd, look_back
from reliability.faults import Faults
from reliability.history import violations
from support.access import Certificate
from support.server import Server, wait_until

StartServer = Callable[..., Server]


def accepts_more(recorder: Recorder, jobs: int) -> None:
    before = count_of(recorder, 200, 202)
    wait_until(lambda: count_of(recorder, 200, 202) >= before + jobs, "jobs are accepted")


def test_a_server_without_memory_for_its_contexts(
    pair_models: pathlib.Path, tmp_path: pathlib.Path, faults: Faults
) -> None:
    """It listens already when that turns out: it ends all the same, and says why."""
    faults.set(allocation_least=60_000, allocation_period=1)
    server = Server(pair_models, tmp_path / "one", env=faults.env)
    try:
        assert server.exit_code() == 1
        assert server.log_text().splitlines()[-1].startswith("einfer-server: cannot serve: there is not enough memory")
    finally:
        server.kill()


@pytest.mark.adversarial("resources.allocation-failures")
@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize(("least", "period"), [(100_000, 3), pytest.param(10_000, 5, marks=pytest.mark.long), (1000, 20)])
def test_allocations_that_fail_under_load(
    start_server: StartServer, pair_models: pathlib.Path, tmp_path: pathlib.Path, faults: Faults,
    questions: list[Question], least: int, period: int, tls: bool,
) -> None:
    """Of those of so many bytes, one in so many: the process lives, no 202 is lost, and what is answered is right.

    A job whose evaluation finds no memory may fail. A job that was accepted before the memory for its reply was lacking
    is a job, though its sender was told to wait.
    """
    certificate = Certificate.self_signed(tmp_path / "certificate") if tls else None
    server = start_server(
        *(certificate.flags if certificate else []), registry=pair_models, home=tmp_path / "one", env=faults.env,
        tls=certificate.trusting() if certificate else None,
    )
    recorder = Recorder(server)
    with at_work(crowd(recorder, questions)):
        for seed in range(3):
            accepts_more(recorder, 5)
            failures = faults.get("allocation_failures")
            faults.set(allocation_count=seed << 32, allocation_least=least, allocation_period=period)
            wait_until(lambda: faults.get("allocation_failures") >= failures + 200, "allocations fail")  # noqa: B023
            faults.set(allocation_period=0)
            assert server.process.poll() is None, "the server has ended"
        accepts_more(recorder, 5)
    look_back(recorder, server)
    recorder.forget_refusals()
    assert violations(recorder.history, answers(questions), may_fail=TENANTS) == []


@pytest.mark.parametrize(("least", "period"), [(10_000, 5), (1000, 20), (1, 300)])
def test_a_kill_after_allocations_that_failed(
    start_server: StartServer, pair_models: pathlib.Path, tmp_path: pathlib.Path, faults: Faults,
    questions: list[Question], least: int, period: int,
) -> None:
    """Whatever state they have left the process in, and if they have ended it: what was accepted is on disk.

    Allocations of a few bytes fail in the libraries' own bookkeeping too, where nobody can answer as it should be: a 500
    or a 503 is no more than a lost reply here.
    """
    server = start_server(registry=pair_models, home=tmp_path / "one", env=faults.env)
    recorder = Recorder(server)
    with at_work(crowd(recorder, questions)):
        accepts_more(recorder, 5)
        faults.set(allocation_least=least, allocation_period=period)
        wait_until(
            lambda: faults.get("allocation_failures") >= 20 or server.process.poll() is not None, "allocations fail"
        )
        server.kill()
    look_back(recorder, start_server(registry=pair_models, home=tmp_path / "one"))
    recorder.forget_refusals()
    assert violations(recorder.history, answers(questions), may_fail=TENANTS) == []


@pytest.mark.adversarial("resources.file-descriptors")
def test_descriptors_that_run_out_under_load(
    start_server: StartServer, pair_models: pathlib.Path, tmp_path: pathlib.Path, questions: list[Question]
) -> None:
    server = start_server(registry=pair_models, home=tmp_path / "one")
    recorder = Recorder(server)
    with at_work(crowd(recorder, questions, 16)):
        for _ in range(5):
            accepts_more(recorder, 10)
            used = len(server.open_files())
            server.limit_open_files(max(used - 8, 4))
            accepts_more(recorder, 5)
            server.limit_open_files(4096)
    look_back(recorder, server)
    assert violations(recorder.history, answers(questions)) == []


def test_a_server_that_stands_still(
    start_server: StartServer, pair_models: pathlib.Path, tmp_path: pathlib.Path, questions: list[Question]
) -> None:
    """It is stopped and goes on, as on a machine that was suspended; once long enough for its peers to have gone."""
    server = start_server(registry=pair_models, home=tmp_path / "one")
    recorder = Recorder(server)
    clients = crowd(recorder, questions)
    for _ in range(5):
        with at_work(clients):
            accepts_more(recorder, 10)
            server.process.send_signal(signal.SIGSTOP)
            wait_until(lambda: stands_still(server), "it stands still")
            server.process.send_signal(signal.SIGCONT)
            accepts_more(recorder, 10)
    look_back(recorder, server)
    assert violations(recorder.history, answers(questions)) == []


def stands_still(server: Server) -> bool:
    return pathlib.Path(f"/proc/{server.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] == "T"
