"""Wrong results, jobs and tenants."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from broken_proxy import Answer, Behaviour, Request, error, on_answer
from defect import defect, in_answers, in_requests, small_primes
from features import ApiKeys, IdempotencyKeys

from einfer_conformance.seal_bytes import Ciphertext, join, read_ciphertext, write_ciphertext

MINORS = " ".join(f"versions.minor-{minor}" for minor in range(4))

# --- Results ----------------------------------------------------------------------------------------------------------


def in_results(name: str, only: str, fails: str) -> Callable[[Callable[[dict[str, Any]], None]], None]:
    """`change` gets the result of every completed job."""

    def register(change: Callable[[dict[str, Any]], None]) -> None:
        def run(_: Request, answer: Answer) -> None:
            if answer.status == 200 and b'"result"' in answer.body:
                document = answer.json()
                change(document["result"])
                answer.set_json(document)

        defect(name, only, fails, on_answer(run))

    return register


def in_payloads(name: str, only: str, fails: str) -> Callable[[Callable[[Ciphertext], bytes]], None]:
    """`change` makes the result's bytes of its ciphertext."""

    def register(change: Callable[[Ciphertext], bytes]) -> None:
        def run(result: dict[str, Any]) -> None:
            if result["encoding"] == "hex":
                result["payload"] = change(read_ciphertext(bytes.fromhex(result["payload"]))).hex()

        in_results(name, only, fails)(run)

    return register


@in_payloads("the reply's minor is always 4", "versions", MINORS)
def _(ciphertext: Ciphertext) -> bytes:
    return write_ciphertext(ciphertext.in_minor(4))


@in_payloads("the reply's nested minor is always 4", "versions", MINORS)
def _(ciphertext: Ciphertext) -> bytes:
    return join(ciphertext.in_minor(4).write(), ciphertext.words_header.minor)


@in_payloads("a word of the result is wrong", "accuracy.one-row accuracy.base64 jobs.result-form", "accuracy.one-row")
def _(ciphertext: Ciphertext) -> bytes:
    return write_ciphertext(ciphertext.with_word(1, 12345))


def shifted(ciphertext: Ciphertext, amount: float) -> bytes:
    """Every slot is off by this: a constant has the same words everywhere."""
    (scale,) = struct.unpack("<d", ciphertext.scale)
    primes = small_primes()
    count = ciphertext.degree * ciphertext.primes
    words = list(struct.unpack(f"<{ciphertext.word_count}Q", ciphertext.words))
    for place in range(count):
        words[place] = (words[place] + round(amount * scale)) % primes[place // ciphertext.degree]
    return write_ciphertext(ciphertext.but(words=struct.pack(f"<{len(words)}Q", *words)))


@in_payloads("answers are off by 0.001", "accuracy.several-rows jobs.result-form", "accuracy.several-rows")
def _(ciphertext: Ciphertext) -> bytes:
    return shifted(ciphertext, 0.001)


@in_results(
    "answers are off by 0.1, and the error bound says so", "accuracy.several-rows jobs", "accuracy.several-rows"
)
def _(result: dict[str, Any]) -> None:
    if result["encoding"] == "hex":
        result["payload"] = shifted(read_ciphertext(bytes.fromhex(result["payload"])), 0.1).hex()
    result["error_bound"] = 0.2


@in_payloads("a word of the result is not below its prime", "jobs accuracy.base64", "jobs.result-form")
def _(ciphertext: Ciphertext) -> bytes:
    (word,) = struct.unpack_from("<Q", ciphertext.words)
    return write_ciphertext(ciphertext.with_word(0, word + small_primes()[0]))


@in_results("request_digest is over something else", "jobs", "jobs.digest")
def _(result: dict[str, Any]) -> None:
    result["request_digest"] = "sha256:" + "0" * 64


@in_results("hex is upper-case", "jobs replies", "jobs.hex")
def _(result: dict[str, Any]) -> None:
    if result["encoding"] == "hex":
        result["payload"] = result["payload"].upper()


@in_results("the reply is always in hex", "jobs", "jobs.encoding")
def _(result: dict[str, Any]) -> None:
    result["encoding"] = "hex"


@in_results("diagnostics count one row more", "jobs", "jobs.diagnostics")
def _(result: dict[str, Any]) -> None:
    result["diagnostics"]["processed_batch_size"] += 1


# --- Jobs and tenants -------------------------------------------------------------------------------------------------


@in_answers("202 without Location", "jobs", "jobs.location")
def _(_: Request, answer: Answer) -> None:
    answer.headers.pop("Location", None)


@in_answers("Location names another job", "jobs", "jobs.location")
def _(_: Request, answer: Answer) -> None:
    if "Location" in answer.headers:
        answer.headers["Location"] = "/jobs/" + "0" * 32


class GoesBackwards(Behaviour):
    """Every third poll without waiting shows a final job as one that is running."""

    count = 0

    def answer(self, request: Request, answer: Answer) -> None:
        if request.job and answer.status == 200 and "prefer" not in request.headers and b'"result"' in answer.body:
            self.count += 1
            if self.count % 3 == 0:
                names = ("job_id", "created_at", "started_at")
                answer.set_json({name: answer.json()[name] for name in names} | {"status": "running"})


defect("a final job runs again", "jobs", "jobs.monotonic jobs.immutable", GoesBackwards)


class Changes(Behaviour):
    count = 0

    def answer(self, request: Request, answer: Answer) -> None:
        if request.job and answer.status == 200 and b'"result"' in answer.body:
            self.count += 1
            answer.set_json(answer.json() | {"finished_at": f"2999-01-01T00:00:00.{self.count % 1000:03}Z"})


defect("a final job changes", "jobs replies", "jobs.immutable", Changes)


class OneJob(Behaviour):
    """The same body is the same job, though nobody asked for that."""

    def __init__(self) -> None:
        self.known: dict[bytes, Answer] = {}

    def request(self, request: Request) -> Answer | None:
        return self.known.get(request.body or b"") if request.is_infer else None

    def answer(self, request: Request, answer: Answer) -> None:
        if answer.status == 202:
            self.known[request.body or b""] = answer


defect("requests with the same body share a job", "jobs", "jobs.id", OneJob)


class Leaks(Behaviour):
    """Whoever knows a job's id gets the job."""

    def __init__(self) -> None:
        self.owners: dict[str, str | None] = {}

    def request(self, request: Request) -> None:
        if request.job in self.owners:
            owner = self.owners[request.job]
            request.headers.pop("x-tenant-id", None)
            if owner:
                request.headers["x-tenant-id"] = owner

    def answer(self, request: Request, answer: Answer) -> None:
        if answer.status == 202:
            self.owners[answer.json()["job_id"]] = request.headers.get("x-tenant-id")


defect("another tenant's job is shown", "tenants", "tenants.isolation tenants.default tenants.names", Leaks)


class Tells(Leaks):
    """Another tenant's job is hidden, but the error tells that there is one."""

    def request(self, request: Request) -> Answer | None:
        stranger = request.job in self.owners and self.owners[request.job] != request.headers.get("x-tenant-id")
        return error(404, "UNKNOWN_JOB") if stranger and self.owners[request.job] else None


defect("another tenant's job is told from none", "tenants", "tenants.isolation", Tells)


@in_requests("tenants' names are lower-cased", "tenants", "tenants.names")
def _(request: Request) -> None:
    if "x-tenant-id" in request.headers:
        request.headers["x-tenant-id"] = request.headers["x-tenant-id"].lower()


@in_requests(
    "a bad tenant's name is cut to a good one", "errors order", "errors.tenant order.tenant-json order.tenant-job"
)
def _(request: Request) -> None:
    name = request.headers.get("x-tenant-id")
    if name:
        good = "".join(char for char in name if char.isascii() and (char.isalnum() or char in "._-"))
        request.headers["x-tenant-id"] = good[:128] or "default"


# --- Optional features ------------------------------------------------------------------------------------------------


defect(
    "an idempotency key works every other time",
    "idempotency",
    "idempotency.same",
    lambda: IdempotencyKeys(forgetful=True),
)
defect(
    "an idempotency key is taken for another request",
    "idempotency",
    "idempotency.conflict idempotency.order",
    lambda: IdempotencyKeys(conflicts=False),
)
defect(
    "an idempotency key is looked up before the request is checked",
    "idempotency",
    "idempotency.order",
    lambda: IdempotencyKeys(eager=True),
)
defect(
    "idempotency keys of two tenants meet", "idempotency", "idempotency.tenants", lambda: IdempotencyKeys(tenants=False)
)
defect(
    "any API key is taken",
    "auth",
    "auth.missing auth.wrong auth.everywhere auth.order",
    lambda: ApiKeys(take_any=True),
    api_keys=True,
)
defect(
    "401 without WWW-Authenticate", "auth", "auth.missing auth.wrong", lambda: ApiKeys(challenge=False), api_keys=True
)
defect("models need no API key", "auth", "auth.everywhere", lambda: ApiKeys(models=False), api_keys=True)
defect("X-Tenant-ID wins over the API key", "auth", "auth.forbidden", lambda: ApiKeys(take_names=True), api_keys=True)
