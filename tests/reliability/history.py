"""Histories of what clients asked and were told while servers died, and what is wrong with them.

A history is made of operations: what was sent, when, and what came back, if anything did. In the end a census of the
job database is added. violations() knows nothing about servers and sockets: it is held against histories made by hand.

Times are any numbers that grow. An operation whose end comes before the beginning of another one was seen before it;
operations that overlap may have happened in either order.
"""

from __future__ import annotations

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

ORDER = {"queued": 0, "running": 1, "completed": 2, "failed": 2}
FINAL = ("completed", "failed")


@dataclasses.dataclass(frozen=True)
class Post:
    """A request for inference. Without a status its reply was lost: it may or may not be a job."""

    begin: float
    end: float
    tenant: str
    digest: str  # of the request; empty for one that has to be refused
    key: str | None = None  # its idempotency key
    status: int | None = None
    code: str = ""
    job_id: str = ""


@dataclasses.dataclass(frozen=True)
class Get:
    """A job asked for, and answered."""

    begin: float
    end: float
    tenant: str
    job_id: str
    status: int
    state: str = ""
    body: str = ""  # a digest of the whole reply, byte by byte
    digest: str = ""  # the request's, as a completed job names it
    answer: str = ""  # a digest of a completed job's ciphertext


@dataclasses.dataclass(frozen=True)
class Stored:
    """A job in the database at the end."""

    job_id: str
    tenant: str
    key: str | None
    digest: str
    state: str
    has_inputs: bool = False
    has_result: bool = True


@dataclasses.dataclass
class History:
    posts: list[Post] = dataclasses.field(default_factory=list)
    gets: list[Get] = dataclasses.field(default_factory=list)
    stored: list[Stored] = dataclasses.field(default_factory=list)


def violations(history: History, answers: dict[str, str], may_fail: Iterable[str] = ()) -> list[str]:
    """What a server that keeps its promises cannot have done.

    `answers` has the right answer to each request, by digest; jobs of the tenants in `may_fail` may end as failed.
    """
    return [
        *_of_replies(history.posts),
        *_of_job_ids(history.posts),
        *_of_keys(history),
        *_of_jobs(history, answers, set(may_fail)),
        *_of_census(history, set(may_fail)),
    ]


def accepted(post: Post) -> bool:
    return post.status in (200, 202)


def _of_replies(posts: list[Post]) -> Iterator[str]:
    """Each request is answered as it deserves, the state of the server aside."""
    for post in posts:
        if post.status in (None, 429, 503):
            continue
        if not post.digest:
            if not 400 <= post.status < 500:
                yield f"a bad request was answered with {post.status}: {post}"
        elif post.status == 409:
            if post.key is None or post.code != "IDEMPOTENCY_CONFLICT":
                yield f"a good request was refused: {post}"
        elif not accepted(post):
            yield f"a good request was refused: {post}"
        elif not post.job_id:
            yield f"a request was accepted without a job: {post}"


def _of_job_ids(posts: list[Post]) -> Iterator[str]:
    """A job id is given once, but for repetitions under the same key."""
    owners: dict[str, tuple[str, str | None]] = {}
    for post in filter(accepted, posts):
        owner = (post.tenant, post.key)
        if post.job_id in owners and (post.key is None or owners[post.job_id] != owner):
            yield f"two requests were given one job: {owners[post.job_id]} and {post}"
        owners.setdefault(post.job_id, owner)


def _of_keys(history: History) -> Iterator[str]:
    """One idempotency key, one job for ever, and of one request."""
    by_key: dict[tuple[str, str], list[Post]] = defaultdict(list)
    for post in history.posts:
        if post.key is not None:
            by_key[post.tenant, post.key].append(post)
    stored = {(job.tenant, job.key): job.digest for job in history.stored if job.key is not None}
    for owner, posts in by_key.items():
        given = {post.job_id for post in posts if accepted(post)}
        if len(given) > 1:
            yield f"the key {owner} was given {len(given)} jobs: {sorted(given)}"
        digests = {post.digest for post in posts if accepted(post)} | ({stored[owner]} if owner in stored else set())
        if len(digests) > 1:
            yield f"the key {owner} was accepted with different requests"
        for post in posts:
            if post.code == "IDEMPOTENCY_CONFLICT" and post.digest in digests:
                yield f"a repetition was called a conflict: {post}"
            if post.code == "IDEMPOTENCY_CONFLICT" and not digests:
                yield f"a conflict with nothing: {post}"


def _of_jobs(history: History, answers: dict[str, str], may_fail: set[str]) -> Iterator[str]:
    posts = {post.job_id: post for post in reversed(history.posts) if accepted(post)}
    gets: dict[str, list[Get]] = defaultdict(list)
    for get in history.gets:
        gets[get.job_id].append(get)
    for job_id, post in posts.items():
        yield from _of_one_job(post, gets[job_id], answers, may_fail)
    for job_id in gets.keys() - posts.keys():
        for get in gets[job_id]:
            if get.status == 200:
                yield f"a job that nobody was told of: {get}"


def _of_one_job(post: Post, gets: list[Get], answers: dict[str, str], may_fail: set[str]) -> Iterator[str]:
    own = []
    for get in gets:
        if get.tenant != post.tenant:
            if get.status not in (404, 503):
                yield f"a job of {post.tenant} was shown to another tenant: {get}"
        elif get.status == 200:
            own.append(get)
        elif get.begin > post.end and get.status != 503:
            yield f"an accepted job was gone: {get}"

    finals = [get for get in own if get.state in FINAL]
    if not finals:
        yield f"an accepted job was never seen to be final: {post}"
    if len({get.body for get in finals}) > 1:
        yield f"a final job has changed: {sorted({get.body for get in finals})} of {post}"
    for get in finals[:1]:
        if get.state == "failed" and post.tenant not in may_fail:
            yield f"an accepted job has failed: {get}"
        if get.state == "completed" and get.digest != post.digest:
            yield f"a job answers another request: {get} for {post}"
        if get.state == "completed" and get.answer != answers.get(get.digest):
            yield f"a wrong answer: {get}"
    yield from _of_order(own)


def _of_order(gets: list[Get]) -> Iterator[str]:
    """States only go forward, as far as the operations did not overlap."""
    beginnings = sorted(gets, key=lambda get: get.begin)
    ends = iter(sorted(gets, key=lambda get: get.end))
    following = next(ends, None)
    reached: Get | None = None
    for get in beginnings:
        while following is not None and following.end < get.begin:
            if reached is None or ORDER[following.state] > ORDER[reached.state]:
                reached = following
            following = next(ends, None)
        if reached is not None and ORDER[get.state] < ORDER[reached.state]:
            yield f"a job went back: {reached.state}, and then {get.state}: {get}"


def _of_census(history: History, may_fail: set[str]) -> Iterator[str]:
    """The jobs in the database are those that were accepted, and at most those whose replies were lost."""
    stored = {job.job_id: job for job in history.stored}
    if len(stored) != len(history.stored):
        yield "a job is stored twice"
    told = {}
    for post in filter(accepted, history.posts):
        told[post.job_id] = post
        job = stored.get(post.job_id)
        if job is None:
            yield f"an accepted job is not in the database: {post}"
        elif (job.tenant, job.key, job.digest) != (post.tenant, post.key, post.digest):
            yield f"a job is stored as another one: {job} for {post}"

    unanswered = [post for post in history.posts if post.status is None and post.digest]
    lost = Counter((post.tenant, post.key, post.digest) for post in unanswered)
    keys: set[tuple[str, str]] = set()
    for job in history.stored:
        if job.job_id not in told:
            origin = (job.tenant, job.key, job.digest)
            if not lost[origin]:
                yield f"a job that nobody asked for, or that was refused: {job}"
            lost[origin] -= 1
        if job.key is not None:
            if (job.tenant, job.key) in keys:
                yield f"a second job under a key: {job}"
            keys.add((job.tenant, job.key))
        if job.state not in FINAL:
            yield f"a job is not final in the end: {job}"
        elif job.state == "failed" and job.tenant not in may_fail:
            yield f"a job has failed: {job}"
        if job.has_inputs or job.has_result != (job.state == "completed"):
            yield f"a job's inputs or results are not what its state says: {job}"
