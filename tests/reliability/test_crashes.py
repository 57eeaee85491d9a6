"""Clients, and a server that is killed again and again: nothing that was promised is broken."""

from __future__ import annotations

import pathlib
import random
from collections.abc import Iterator

import pytest

from reliability.clients import Address, Question, Recorder, answers, at_work, count_of, crowd, look_back
from reliability.faults import SEND, SYNC, WRITE, Faults
from reliability.history import violations
from reliability.mortal import MortalServer

FLAGS = ["--max-attempts", "100", "--max-queued-jobs", "64"]  # so that a job fails only if something is wrong


class Life:
    """How long a server lives: for a time, the shortest too short to start in, or up to a chosen system call."""

    def __init__(self, chance: random.Random) -> None:
        self.seconds = chance.choice([chance.uniform(0, 0.15), chance.uniform(0.1, 0.8)])
        self.kinds = 0
        if chance.random() < 0.6:
            self.kinds = chance.choice([SYNC, WRITE, SEND, SYNC | WRITE | SEND])
            self.calls = int(10 ** chance.uniform(0, 2))
            self.late = chance.random() < 0.5
            self.seconds = 3.0  # at the latest


def live_and_die(
    models: pathlib.Path, home: pathlib.Path, faults: Faults, address: Address, lives: Iterator[Life]
) -> None:
    for life in lives:
        faults.clear()
        if life.kinds:
            faults.kill_at(life.calls, life.kinds, late=life.late)
        server = MortalServer(models, home, *FLAGS, life=life.seconds, env=faults.env)
        address.port = server.port
        server.check_death()
        address.port = 0
        server.kill()


def run_history(
    models: pathlib.Path, home: pathlib.Path, faults: Faults, questions: list[Question], kills: int, seed: int
) -> None:
    chance = random.Random(seed)
    address = Address()
    recorder = Recorder(address)
    with at_work(crowd(recorder, questions, seed=seed)):
        live_and_die(models, home, faults, address, (Life(chance) for _ in range(kills)))
    assert count_of(recorder, 202) and count_of(recorder, None), "nothing was accepted, or nothing was lost"
    for _ in range(3):  # and two deaths more change nothing
        server = MortalServer(models, home, *FLAGS)
        try:
            look_back(recorder, server)
        finally:
            server.kill()
    assert violations(recorder.history, answers(questions)) == []
    print(f"seed {seed}: {kills} kills, {len(recorder.history.posts)} requests, {count_of(recorder, None)} lost, "
          f"{len(recorder.history.stored)} jobs, {len(recorder.history.gets)} looks")


@pytest.mark.adversarial("crash.history")
def test_twenty_deaths(
    pair_models: pathlib.Path, tmp_path: pathlib.Path, faults: Faults, questions: list[Question]
) -> None:
    run_history(pair_models, tmp_path / "one", faults, questions, kills=20, seed=1)


@pytest.mark.long
@pytest.mark.adversarial("crash.history")
@pytest.mark.parametrize("seed", range(2, 14))
def test_hundreds_of_deaths(
    pair_models: pathlib.Path, tmp_path: pathlib.Path, faults: Faults, questions: list[Question], seed: int
) -> None:
    run_history(pair_models, tmp_path / "one", faults, questions, kills=30, seed=seed)
