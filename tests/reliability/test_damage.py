"""Databases that a disk has damaged: the server starts or says why not, and no answer is ever wrong or made up."""

from __future__ import annotations

import dataclasses
import pathlib
import random
import shutil

import pytest

from reliability.clients import Question, Recorder, answers, at_work, count_of, crowd
from reliability.history import Get
from reliability.mortal import MortalServer, RefusingServer
from support.http import get
from support.server import attempts, wait_until

PAGE = 16384
FILES = ["jobs.sqlite3", "jobs.sqlite3-wal"]


@dataclasses.dataclass(frozen=True)
class Corpse:
    """What a killed server has left, and what its clients know."""

    home: pathlib.Path
    recorder: Recorder
    known: dict[str, tuple[str, str]]  # job: tenant and request


@pytest.fixture(scope="module")
def corpse(
    pair_models: pathlib.Path, questions: list[Question], tmp_path_factory: pytest.TempPathFactory
) -> Corpse:
    """With jobs of every state, in the database and in its log."""
    home = tmp_path_factory.mktemp("corpse")
    for _ in attempts("it dies before all jobs are done"):
        server = MortalServer(pair_models, home, "--workers", "1", "--store-first").wait_ready()
        recorder = Recorder(server)
        with at_work(crowd(recorder, questions)):
            wait_until(lambda: count_of(recorder, 200, 202) >= 60, "jobs are accepted")  # noqa: B023
            server.kill()
        if server.unfinished_jobs() and (home / "data" / FILES[1]).stat().st_size:
            break
        shutil.rmtree(home / "data")
    known = {post.job_id: (post.tenant, post.digest) for post in recorder.history.posts if post.job_id}
    return Corpse(home, recorder, known)


def pages(chance: random.Random, data: bytearray) -> list[int]:
    return [PAGE * chance.randrange(max(len(data) // PAGE, 1)) for _ in range(chance.choice([1, 1, 3, 10]))]


def flip(chance: random.Random, data: bytearray) -> None:
    for _ in range(chance.choice([1, 10, 1000])):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def zero(chance: random.Random, data: bytearray) -> None:
    for at in pages(chance, data):
        data[at : at + PAGE] = bytes(len(data[at : at + PAGE]))


def garbage(chance: random.Random, data: bytearray) -> None:
    for at in pages(chance, data):
        data[at : at + PAGE] = chance.randbytes(len(data[at : at + PAGE]))


def swap(chance: random.Random, data: bytearray) -> None:
    for one, two in zip(pages(chance, data), pages(chance, data), strict=False):
        if max(one, two) + PAGE <= len(data):
            data[one : one + PAGE], data[two : two + PAGE] = data[two : two + PAGE], data[one : one + PAGE]


def cut(chance: random.Random, data: bytearray) -> None:
    del data[chance.randrange(len(data)) :]


def extend(chance: random.Random, data: bytearray) -> None:
    at = chance.randrange(len(data))
    data += data[at : at + 3 * PAGE + 77]


DAMAGES = [flip, zero, garbage, swap, cut, extend]


def survive(models: pathlib.Path, home: pathlib.Path, corpse: Corpse, questions: list[Question], seed: int) -> None:
    chance = random.Random(seed)
    shutil.copytree(corpse.home / "data", home / "data")
    file, damage = home / "data" / chance.choice(FILES), chance.choice(DAMAGES)
    data = bytearray(file.read_bytes())
    damage(chance, data)
    file.write_bytes(data)
    if chance.random() < 0.8:
        (home / "data" / "jobs.sqlite3-shm").unlink(missing_ok=True)  # it does not outlive the machine

    server = RefusingServer(models, home)
    try:
        if server.port:
            server.wait_ready()
            check_answers(server, corpse, answers(questions))
            assert server.process.poll() is None, f"ended with {server.process.returncode}"
    finally:
        server.kill()


def check_answers(server: RefusingServer, corpse: Corpse, right: dict[str, str]) -> None:
    """Each job is gone, or cannot be read, or has failed, or has the right answer to its own request."""
    recorder = Recorder(server)
    for job_id, (tenant, digest) in corpse.known.items():
        reply = get(server, f"/jobs/{job_id}", X_Tenant_ID=tenant, Prefer="wait=1")
        assert reply.status in (200, 404, 410, 500, 503), reply.body[:200]
        if reply.status == 200 and recorder.get(job_id, tenant) == "completed":
            seen: Get = recorder.history.gets[-1]
            assert (seen.digest, seen.answer) == (digest, right[digest])
        assert get(server, f"/jobs/{job_id}", X_Tenant_ID="nobody").status != 200


def test_damaged_databases(
    pair_models: pathlib.Path, tmp_path: pathlib.Path, corpse: Corpse, questions: list[Question]
) -> None:
    for seed in range(10):
        survive(pair_models, tmp_path / str(seed), corpse, questions, seed)
        shutil.rmtree(tmp_path / str(seed))


@pytest.mark.long
@pytest.mark.parametrize("first", range(100, 500, 50))
def test_many_damaged_databases(
    pair_models: pathlib.Path, tmp_path: pathlib.Path, corpse: Corpse, questions: list[Question], first: int
) -> None:
    for seed in range(first, first + 50):
        survive(pair_models, tmp_path / str(seed), corpse, questions, seed)
        shutil.rmtree(tmp_path / str(seed))
