"""The checker of histories, held against histories made by hand: it takes the good ones and names what is wrong."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from reliability.history import Get, History, Post, Stored, violations

ANSWERS = {"red": "RED", "blue": "BLUE"}


def post(begin: float, job_id: str = "", digest: str = "red", **more: Any) -> Post:
    status = 202 if job_id else None
    return Post(begin, begin + 1, **{"tenant": "t", "digest": digest, "status": status, "job_id": job_id, **more})


def get(begin: float, job_id: str = "j", state: str = "completed", **more: Any) -> Get:
    done = {"digest": "red", "answer": "RED"} if state == "completed" else {}
    fields = {"tenant": "t", "job_id": job_id, "status": 200, "state": state, "body": state, **done, **more}
    return Get(begin, begin + 1, **fields)


def stored(job_id: str = "j", **more: Any) -> Stored:
    return Stored(job_id, **{"tenant": "t", "key": None, "digest": "red", "state": "completed", **more})


def one_job(*gets: Get, **changes: Any) -> History:
    return History([post(0, "j")], list(gets) or [get(2)], [stored(**changes)])


GOOD = {
    "nothing": History(),
    "a job": one_job(get(2, state="queued"), get(4, state="running"), get(6), get(8)),
    "a refused request": History([post(0, digest="", status=400), post(2, status=503), post(4, status=429)]),
    "overlapping views in either order": one_job(
        dataclasses.replace(get(2), end=9), dataclasses.replace(get(3, state="queued"), end=10), get(12)
    ),
    "a lost reply that was no job": History([post(0)]),
    "a lost reply that was a job": History([post(0)], [], [stored()]),
    "a lost bad request": History([post(0, digest="")]),
    "a lost reply, then found by its key": History(
        [post(0, key="k"), post(2, "j", key="k"), post(4, "j", key="k", status=200)], [get(6)], [stored(key="k")]
    ),
    "a conflict": History(
        [post(0, "j", key="k"), post(2, digest="blue", key="k", status=409, code="IDEMPOTENCY_CONFLICT")],
        [get(4)], [stored(key="k")],
    ),
    "a conflict with a job whose reply was lost": History(
        [post(0, key="k"), post(2, digest="blue", key="k", status=409, code="IDEMPOTENCY_CONFLICT")],
        [], [stored(key="k")],
    ),
    "one key of two tenants": History(
        [post(0, "j", key="k"), post(0, "i", "blue", key="k", tenant="u")],
        [get(2), get(2, "i", tenant="u", digest="blue", answer="BLUE")],
        [stored(key="k"), stored("i", key="k", tenant="u", digest="blue")],
    ),
    "another tenant sees nothing": one_job(get(2), get(4, tenant="u", status=404, state="")),
    "not yet there": one_job(Get(0, 1, "t", "j", 404), get(2)),
    "a poisonous job that failed": History(
        [post(0, "j", tenant="poison")], [get(2, tenant="poison", state="failed")],
        [stored(tenant="poison", state="failed", has_result=False)],
    ),
}


@pytest.mark.parametrize("name", GOOD)
def test_good_histories(name: str) -> None:
    assert violations(GOOD[name], ANSWERS, may_fail=["poison"]) == []


BAD = {
    "an accepted job is not in the database": History([post(0, "j")], [get(2)], []),
    "an accepted job was never seen to be final": one_job(get(2, state="queued")),
    "an accepted job was gone": one_job(get(2), get(4, status=404, state="")),
    "a final job has changed": one_job(get(2), get(4, body="another")),
    "completed, then failed": one_job(get(2), get(4, state="failed")),
    "an accepted job has failed": one_job(get(2, state="failed"), state="failed", has_result=False),
    "a job answers another request": one_job(get(2, digest="blue", answer="BLUE")),
    "a wrong answer": one_job(get(2, answer="BLUE")),
    "a job went back: running, and then queued": one_job(get(2, state="running"), get(4, state="queued"), get(6)),
    "a job went back: completed, and then running": one_job(get(2), get(4, state="running")),
    "a job that nobody asked for": History([], [], [stored()]),
    "more jobs than lost replies": History([post(0)], [], [stored("i"), stored("j")]),
    "a refused request left a job": History([post(0, status=503)], [], [stored()]),
    "a lost request of another tenant": History([post(0, tenant="u")], [], [stored()]),
    "a lost request for something else": History([post(0, digest="blue")], [], [stored()]),
    "a lost request with another key": History([post(0, key="k")], [], [stored(key="l")]),
    "a second job under a key": History(
        [post(0, key="k"), post(2, key="k")], [], [stored("i", key="k"), stored("j", key="k")]
    ),
    "was given 2 jobs": History(
        [post(0, "i", key="k"), post(2, "j", key="k")], [get(4, "i"), get(4)],
        [stored("i", key="k"), stored("j", key="k")],
    ),
    "was accepted with different requests": History(
        [post(0, "j", key="k"), post(2, "j", "blue", key="k")], [get(4)], [stored(key="k")]
    ),
    "a repetition was called a conflict": History(
        [post(0, "j", key="k"), post(2, key="k", status=409, code="IDEMPOTENCY_CONFLICT")], [get(4)], [stored(key="k")]
    ),
    "a conflict with nothing": History([post(2, key="k", status=409, code="IDEMPOTENCY_CONFLICT")]),
    "two requests were given one job": History([post(0, "j"), post(2, "j")], [get(4)], [stored()]),
    "a job is stored as another one": one_job(get(2), tenant="u"),
    "a job is stored twice": History([post(0, "j")], [get(2)], [stored(), stored()]),
    "a job is not final in the end": one_job(get(2), state="running", has_inputs=True, has_result=False),
    "inputs or results are not what": one_job(get(2), has_inputs=True),
    "a completed job without its result": one_job(get(2), has_result=False),
    "was shown to another tenant": one_job(get(2), get(4, tenant="u")),
    "a job that nobody was told of": History([], [get(2)], []),
    "a good request was refused": History([post(0, status=400, code="INVALID_CIPHERTEXT")]),
    "a fault of the server": History([post(0, status=500, code="INTERNAL")]),
    "a bad request was answered with 202": History([post(0, "j", "")], [get(2)], [stored()]),
    "without a job": History([post(0, status=202)]),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_histories(name: str) -> None:
    found = violations(BAD[name], ANSWERS)
    assert found
    texts = {"completed, then failed": "has changed", "more jobs than lost replies": "nobody asked for",
             "a refused request left a job": "or that was refused", "a fault of the server": "was refused",
             "a completed job without its result": "inputs or results"}
    wanted = texts.get(name, "nobody asked for" if name.startswith("a lost request") else name)
    assert any(wanted in text for text in found), found
