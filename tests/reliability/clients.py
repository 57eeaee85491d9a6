"""Clients that ask, ask again and write down what they saw, whatever happens to the server meanwhile."""

from __future__ import annotations

import dataclasses
import hashlib
import random
import sqlite3
import ssl
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from typing import Any, ClassVar, Protocol

from reliability.history import Get, History, Post, Stored
from support.honest import HonestRequest, digest_of
from support.http import ConnectionEnded, Reply, get, post
from support.server import PATIENCE, Server, wait_until

GONE = (ConnectionEnded, ConnectionRefusedError, ConnectionResetError, BrokenPipeError, ssl.SSLError)
STATES = ["queued", "running", "completed", "failed", "expired"]  # as the job table numbers them


class Address:
    """Where the server is now; port 0, which nobody listens on, while it is not."""

    port = 0
    headers: ClassVar[dict[str, str]] = {}
    tls = None


@dataclasses.dataclass(frozen=True)
class Question:
    body: bytes
    digest: str
    answer: str  # a digest of the result's ciphertext


def question(server: Server, request: HonestRequest) -> Question:
    """With the right answer: what a server gives that nobody disturbs, checked by decryption."""
    reply = post(server, "/infer", request.body, Prefer="wait=60")
    assert reply.status == 200, reply.body
    return Question(request.body, digest_of(request.payloads), hash_of(request.check_job(reply.json())))


def hash_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def answers(questions: list[Question]) -> dict[str, str]:
    return {question.digest: question.answer for question in questions}


def rows_of(server: Server, sql: str) -> list[tuple[Any, ...]]:
    """Out of the job database, which the server may be using."""
    file = f"file:{server.data / 'jobs.sqlite3'}?mode=ro"
    with closing(sqlite3.connect(file, uri=True, timeout=PATIENCE)) as database:
        return database.execute(sql).fetchall()


class Recorder:
    """Asks a server and keeps the history. For any number of threads."""

    def __init__(self, address: Address | Server) -> None:
        self.address = address
        self.history = History()

    def post(self, body: bytes, digest: str, tenant: str, key: str | None = None, wait: int = 0) -> Post:
        headers = {"X-Tenant-ID": tenant}
        headers |= {"Idempotency-Key": key} if key else {}
        headers |= {"Prefer": f"wait={wait}"} if wait else {}
        begin = time.monotonic()
        made = Post(begin, begin, tenant, digest, key)
        try:
            reply = post(self.address, "/infer", body, **headers)  # type: ignore[arg-type]
        except GONE:
            made = dataclasses.replace(made, end=time.monotonic())
        else:
            made = dataclasses.replace(
                made, end=time.monotonic(), status=reply.status, code=reply.code if reply.status >= 400 else "",
                job_id=reply.json().get("job_id", ""),
            )
            if reply.status == 200:
                self._note_job(made.begin, tenant, made.job_id, reply)
        self.history.posts.append(made)
        return made

    def get(self, job_id: str, tenant: str, wait: int = 0) -> str:
        """The job's state; empty if it cannot be seen."""
        headers = {"X-Tenant-ID": tenant} | ({"Prefer": f"wait={wait}"} if wait else {})
        begin = time.monotonic()
        try:
            reply = get(self.address, f"/jobs/{job_id}", **headers)  # type: ignore[arg-type]
        except GONE:
            return ""
        return self._note_job(begin, tenant, job_id, reply)

    def _note_job(self, begin: float, tenant: str, job_id: str, reply: Reply) -> str:
        end = time.monotonic()
        if reply.status != 200:
            self.history.gets.append(Get(begin, end, tenant, job_id, reply.status))
            return ""
        job = reply.json()
        assert job["job_id"] == job_id
        digest, answer = "", ""
        if job["status"] == "completed":
            digest, answer = job["result"]["request_digest"], hash_of(bytes.fromhex(job["result"]["payload"]))
        seen = Get(begin, end, tenant, job_id, 200, job["status"], hash_of(reply.body), digest, answer)
        self.history.gets.append(seen)
        return job["status"]

    def take_census(self, server: Server) -> None:
        rows = rows_of(
            server,
            "SELECT id, tenant, idempotency_key, request_digest, state, seq IN (SELECT job FROM job_inputs),"
            " seq IN (SELECT job FROM job_results) FROM jobs ORDER BY seq",
        )
        self.history.stored = [
            Stored(job_id, tenant, key, f"sha256:{digest}", STATES[state], bool(inputs), bool(result))
            for job_id, tenant, key, digest, state, inputs, result in rows
        ]

    def forget_refusals(self) -> None:
        """As if the 500s and 503s had never arrived: what they say was refused may be a job."""
        self.history.posts = [
            dataclasses.replace(post, status=None, code="") if post.status in (500, 503) else post
            for post in self.history.posts
        ]
        self.history.gets = [get for get in self.history.gets if get.status != 500]

    def look_at_all(self) -> None:
        """Every accepted job once more, when it is final."""
        for job_id, tenant in {(post.job_id, post.tenant) for post in self.history.posts if post.job_id}:
            while self.get(job_id, tenant, wait=10) in ("queued", "running"):
                pass


class Client:
    """One customer of a tenant, of chance ways."""

    def __init__(self, recorder: Recorder, questions: list[Question], tenant: str, seed: int) -> None:
        self.recorder = recorder
        self.questions = questions
        self.tenant = tenant
        self.chance = random.Random(seed)
        self.jobs: list[str] = []
        self.unanswered: list[tuple[Question, str]] = []  # requests with a key whose reply was lost
        self.known: list[tuple[Question, str]] = []  # with a key, accepted

    def act(self) -> bool:
        """One request. False if nobody is there."""
        acts = {self.ask: 6, self.ask_again: 4, self.look: 8, self.look_elsewhere: 1, self.contradict: 1, self.blunder: 1}
        (act,) = self.chance.choices(list(acts), list(acts.values()))
        return act()

    def ask(self) -> bool:
        question = self.chance.choice(self.questions)
        key = str(uuid.UUID(int=self.chance.getrandbits(128))) if self.chance.random() < 0.5 else None
        return self._send(question, key)

    def _send(self, question: Question, key: str | None) -> bool:
        wait = self.chance.choice([0, 0, 0, 5])
        made = self.recorder.post(question.body, question.digest, self.tenant, key, wait)
        if made.job_id:
            self.jobs.append(made.job_id)
            if key is not None:
                self.known.append((question, key))
        elif key is not None:
            self.unanswered.append((question, key))
        return made.status is not None

    def ask_again(self) -> bool:
        """With the same key: what was not answered, else what was."""
        if self.unanswered:
            return self._send(*self.unanswered.pop())
        return self._send(*self.chance.choice(self.known)) if self.known else self.ask()

    def look(self) -> bool:
        recent = self.jobs[-8:] if self.chance.random() < 0.8 else self.jobs
        if not recent:
            return self.ask()
        return bool(self.recorder.get(self.chance.choice(recent), self.tenant, self.chance.choice([0, 1])))

    def look_elsewhere(self) -> bool:
        """At a job of somebody else, who is none."""
        if self.jobs:
            self.recorder.get(self.chance.choice(self.jobs), "nobody")
        return True

    def contradict(self) -> bool:
        """Another request under a key that has been used."""
        if self.known:
            question, key = self.chance.choice(self.known)
            other = self.chance.choice([each for each in self.questions if each.digest != question.digest])
            self.recorder.post(other.body, other.digest, self.tenant, key)
        return True

    def blunder(self) -> bool:
        body = self.chance.choice(self.questions).body
        bad = self.chance.choice(
            [body[:-1] + b"!", body.replace(b'"inputs"', b'"outputs"'), body[: len(body) // 2], b"{}"]
        )
        self.recorder.post(bad, "", self.tenant, self.chance.choice([None, str(self.chance.getrandbits(64))]))
        return True


class Actor(Protocol):
    """One of a crowd."""

    def act(self) -> bool:
        """False when there was nothing to do."""


@contextmanager
def at_work(actors: Iterable[Actor], rest: Callable[[Actor], float] = lambda _: 0) -> Iterator[None]:
    """Each has a thread of its own, which is patient while the server is away. `rest`: seconds between two acts."""
    end = threading.Event()
    failures: list[BaseException] = []

    def run(actor: Actor) -> None:
        try:
            while not end.is_set():
                end.wait(rest(actor) if actor.act() else 0.01)
        except BaseException as failure:  # noqa: BLE001, raised again below
            failures.append(failure)

    threads = [threading.Thread(target=run, args=(actor,)) for actor in actors]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        end.set()
        for thread in threads:
            thread.join()
    if failures:
        raise failures[0]


TENANTS = ["default", "clinic-1", "clinic-2"]


def crowd(recorder: Recorder, questions: list[Question], count: int = 9, seed: int = 0) -> list[Client]:
    chance = random.Random(seed)
    tenants = [TENANTS[number % len(TENANTS)] for number in range(count)]
    return [Client(recorder, questions, tenant, chance.getrandbits(32)) for tenant in tenants]


def look_back(recorder: Recorder, server: Server) -> None:
    """Waits for all jobs to be final, and writes down what became of them."""
    server.wait_ready()
    recorder.address = server
    wait_until(lambda: server.unfinished_jobs() == 0, "all jobs are final")
    recorder.look_at_all()
    recorder.take_census(server)


def count_of(recorder: Recorder, *statuses: int | None) -> int:
    return sum(post.status in statuses for post in list(recorder.history.posts))
