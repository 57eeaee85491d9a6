"""Disks that are full or fail while clients work: requests are refused, nothing accepted is lost, and it recovers."""

from __future__ import annotations

import errno
import pathlib
from collections.abc import Callable

import pytest

from reliability.clients import Question, Recorder, answers, at_work, count_of, crowd, look_back
from reliability.faults import SYNC, WRITE, Faults
from reliability.history import violations
from support.http import get
from support.server import Server, wait_until

StartServer = Callable[..., Server]

FAULTS = {
    "full": (errno.ENOSPC, SYNC | WRITE), "failing": (errno.EIO, SYNC | WRITE), "never synced": (errno.EIO, SYNC),
    "over quota": (errno.EDQUOT, SYNC | WRITE),
}


@pytest.mark.adversarial("resources.disk-full")
@pytest.mark.parametrize("fault", FAULTS)
def test_a_disk_that_fails_under_load(
    start_server: StartServer, pair_models: pathlib.Path, tmp_path: pathlib.Path, faults: Faults,
    questions: list[Question], fault: str,
) -> None:
    server = start_server(registry=pair_models, home=tmp_path / "one", env=faults.env)
    recorder = Recorder(server)
    with at_work(crowd(recorder, questions)):
        for _ in range(3):
            accepted, refused = count_of(recorder, 200, 202), count_of(recorder, 503)
            wait_until(lambda: count_of(recorder, 200, 202) >= accepted + 10, "jobs are accepted")  # noqa: B023
            faults.fail_disk(*FAULTS[fault])
            wait_until(lambda: count_of(recorder, 503) >= refused + 10, "requests are refused")  # noqa: B023
            assert get(server, "/health").status == 200
            faults.mend_disk()
    assert faults.get("disk_failures")
    look_back(recorder, server)
    assert violations(recorder.history, answers(questions)) == []


@pytest.mark.adversarial("resources.disk-full")
def test_a_limit_on_file_sizes(
    start_server: StartServer, pair_models: pathlib.Path, tmp_path: pathlib.Path, questions: list[Question]
) -> None:
    """As `ulimit -f` has it: the system sends a signal that ends a process that did not expect it."""
    server = start_server(registry=pair_models, home=tmp_path / "one")
    recorder = Recorder(server)
    with at_work(crowd(recorder, questions)):
        wait_until(lambda: count_of(recorder, 200, 202) >= 10, "jobs are accepted")
        refused = count_of(recorder, 503)
        server.limit_file_size(4096)
        wait_until(lambda: count_of(recorder, 503) >= refused + 10, "requests are refused")
        assert get(server, "/health").status == 200
        server.limit_file_size(-1)
        accepted = count_of(recorder, 200, 202)
        wait_until(lambda: count_of(recorder, 200, 202) >= accepted + 10, "jobs are accepted again")
    look_back(recorder, server)
    assert violations(recorder.history, answers(questions)) == []


@pytest.mark.adversarial("resources.disk-full")
@pytest.mark.parametrize("fault", FAULTS)
def test_a_kill_while_the_disk_fails(
    start_server: StartServer, pair_models: pathlib.Path, tmp_path: pathlib.Path, faults: Faults,
    questions: list[Question], fault: str,
) -> None:
    """What was refused is no job afterwards either, and what was accepted is one."""
    server = start_server(registry=pair_models, home=tmp_path / "one", env=faults.env)
    recorder = Recorder(server)
    with at_work(crowd(recorder, questions)):
        wait_until(lambda: count_of(recorder, 200, 202) >= 20, "jobs are accepted")
        faults.fail_disk(*FAULTS[fault])
        wait_until(lambda: count_of(recorder, 503) >= 10, "requests are refused")
        server.kill()
        wait_until(lambda: count_of(recorder, None) >= 5, "the server is gone")
    look_back(recorder, start_server(registry=pair_models, home=tmp_path / "one"))
    if fault == "never synced":
        # What was written and not synced may be on disk for all that, so that a 503 is no more than a lost reply here.
        recorder.forget_refusals()
    assert violations(recorder.history, answers(questions)) == []
