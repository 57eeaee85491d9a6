"""Honest and hostile traffic together, for a while: meant for a server with sanitizers, right for any."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Callable

import pytest

from reliability.clients import Question, Recorder, answers, count_of, look_back
from reliability.history import violations
from reliability.traffic import let_run, mixed_traffic
from support.honest import HonestRequest
from support.server import Server

StartServer = Callable[..., Server]

SECONDS = float(os.environ.get("EINFER_LOAD_SECONDS", "60"))
REPORTS = ["WARNING: ThreadSanitizer", "ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "runtime error:"]


@pytest.mark.long
def test_mixed_load(
    start_server: StartServer, pair_models: pathlib.Path, tmp_path: pathlib.Path, questions: list[Question],
    pair: HonestRequest,
) -> None:
    flags = ["--io-threads", "2", "--workers", "2", "--header-timeout", "2", "--body-timeout", "2"]
    flags += ["--tenant-requests-per-second", "1000", "--audit-log", str(tmp_path / "audit")]
    server = start_server(*flags, registry=pair_models, home=tmp_path / "one")
    recorder = Recorder(server)
    with mixed_traffic(server, recorder, questions, pair):
        let_run(server, SECONDS)
    assert server.process.poll() is None, f"the server has ended with {server.process.returncode}"
    look_back(recorder, server)
    # The hostile ones send good requests too, with a byte changed where it does not matter.
    known = {post.job_id for post in recorder.history.posts}
    recorder.history.stored = [job for job in recorder.history.stored if job.job_id in known or job.tenant != "default"]
    assert count_of(recorder, 202) > 10
    assert violations(recorder.history, answers(questions)) == []
    assert server.stop() == 0
    log = server.log_text()
    assert not [report for report in REPORTS if report in log], log[-5000:]
    print(f"{len(recorder.history.posts)} requests, {len(recorder.history.stored)} jobs in {SECONDS:.0f} s")
