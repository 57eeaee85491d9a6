"""Wall clocks that jump: times in a job do not run backwards, and no result is lost to a clock that was wrong."""

from __future__ import annotations

import pathlib
import subprocess
from collections.abc import Callable

import pytest

from reliability.faults import Faults
from support.honest import GoodRequest, HonestRequest
from support.http import get, post
from support.server import Server, attempts

StartServer = Callable[..., Server]

DAY = 24 * 3600 * 1000
TIMES = ["created_at", "started_at", "finished_at"]


def final(server: Server, job_id: str) -> bytes:
    reply = get(server, f"/jobs/{job_id}", Prefer="wait=60")
    assert reply.status == 200, reply.body[:200]
    return reply.body


def check_times(server: Server, job_id: str) -> None:
    job = get(server, f"/jobs/{job_id}").json()
    assert [job[name] for name in TIMES] == sorted(job[name] for name in TIMES)


@pytest.mark.parametrize("jump", [DAY, -DAY, 400 * DAY])
def test_the_clock_jumps_and_is_put_right(
    start_server: StartServer, pair_models: pathlib.Path, tmp_path: pathlib.Path, faults: Faults, pair: HonestRequest,
    good: GoodRequest, jump: int,
) -> None:
    server = start_server(registry=pair_models, home=tmp_path / "one", env=faults.env)
    good.check(server)
    before = [post(server, "/infer", pair.body).json()["job_id"] for _ in range(3)]
    bodies = {job_id: final(server, job_id) for job_id in before}

    # Jobs that see the jump between their beginning and their end.
    lock = server.lock_database()
    faults.set(clock_offset_ms=jump)
    lock.close()
    during = [post(server, "/infer", pair.body).json()["job_id"] for _ in range(3)]
    bodies |= {job_id: final(server, job_id) for job_id in during}
    with pytest.raises(subprocess.TimeoutExpired):  # it lives on, and looks for expired jobs once a second
        server.process.wait(2.5)

    faults.set(clock_offset_ms=0)
    after = [post(server, "/infer", pair.body).json()["job_id"] for _ in range(3)]
    bodies |= {job_id: final(server, job_id) for job_id in after}
    for job_id, body in bodies.items():
        assert get(server, f"/jobs/{job_id}").body == body
        check_times(server, job_id)
        good.check_job(get(server, f"/jobs/{job_id}").json())


def test_a_job_that_waits_while_the_clock_is_set_back(
    start_server: StartServer, pair_models: pathlib.Path, tmp_path: pathlib.Path, faults: Faults, pair: HonestRequest,
    good: GoodRequest,
) -> None:
    """It was accepted tomorrow, so to say: by a server whose clock was ahead, and is finished by one whose is right."""
    faults.set(clock_offset_ms=DAY)
    jobs: list[str] = []
    for _ in attempts("it dies before all jobs are done"):
        server = start_server("--workers", "1", "--store-first", registry=pair_models, home=tmp_path / "one", env=faults.env)
        jobs += [post(server, "/infer", pair.body).json()["job_id"] for _ in range(20)]
        server.kill()
        if server.unfinished_jobs():
            break
    faults.set(clock_offset_ms=0)
    server = start_server(registry=pair_models, home=tmp_path / "one", env=faults.env)
    for job_id in jobs:
        final(server, job_id)
        check_times(server, job_id)
        good.check_job(get(server, f"/jobs/{job_id}").json())
