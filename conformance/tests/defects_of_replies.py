"""Replies and endpoints that are not as the contract says."""

from __future__ import annotations

from broken_proxy import Answer, Behaviour, Request, error
from defect import defect, in_answers, in_requests

# --- Replies ----------------------------------------------------------------------------------------------------------


@in_answers("no X-Request-ID", "endpoints replies", "replies.request-id replies.request-id-echo")
def _(_: Request, answer: Answer) -> None:
    answer.headers.pop("X-Request-ID")


@in_answers("X-Request-ID is always the server's", "errors.not-found replies", "replies.request-id-echo")
def _(_: Request, answer: Answer) -> None:
    answer.headers["X-Request-ID"] = "mine"


@in_answers("an error without code", "errors.not-found replies", "errors.not-found replies.error-schema")
def _(_: Request, answer: Answer) -> None:
    if answer.status == 404 and answer.body:
        answer.set_json({"error": {"message": "No."}})


@in_answers("an error with a member more", "errors.not-found replies", "replies.error-schema")
def _(_: Request, answer: Answer) -> None:
    if answer.status == 404 and answer.body:
        answer.set_json({**answer.json(), "trace": []})


@in_answers(
    "an error in HTML",
    "errors.not-found replies",
    "errors.not-found replies.content-type replies.json replies.error-schema",
)
def _(_: Request, answer: Answer) -> None:
    if answer.status == 404 and answer.body:
        answer.headers["Content-Type"], answer.body = "text/html", b"<h1>Not Found</h1>"


@in_answers("text/plain in the place of application/json", "endpoints.health replies", "replies.content-type")
def _(_: Request, answer: Answer) -> None:
    answer.headers["Content-Type"] = "text/plain"


@in_requests("503 without Retry-After", "endpoints.ready replies", "endpoints.ready replies.retry-after")
def _(request: Request) -> Answer | None:
    return error(503, "OVERLOADED") if request.target == "/ready" else None


@in_answers("Retry-After on what will fail again", "errors.unknown-job replies", "replies.retry-after")
def _(_: Request, answer: Answer) -> None:
    if answer.status == 404:
        answer.headers["Retry-After"] = "1"


@in_answers(
    "405 without Allow",
    "methods.models-post methods.infer-get errors.not-found replies",
    "methods.models-post methods.infer-get replies.allow",
)
def _(_: Request, answer: Answer) -> None:
    answer.headers.pop("Allow", None)


@in_answers("Allow lists too little", "methods.models-post methods.infer-get replies", "methods.models-post")
def _(_: Request, answer: Answer) -> None:
    if answer.headers.get("Allow", "").startswith("GET"):
        answer.headers["Allow"] = "GET"


@in_answers("an error repeats what was sent", "errors.unknown-model replies", "replies.no-echo")
def _(request: Request, answer: Answer) -> None:
    if answer.status >= 400 and request.is_infer:
        answer.set_json(
            {"error": answer.json()["error"] | {"message": "Cannot take 5ea1100401000000710004000000000000"}}
        )


@in_answers("a code with another status", "errors.unknown-model replies", "errors.unknown-model replies.error-status")
def _(request: Request, answer: Answer) -> None:
    if request.is_infer and answer.status == 404:
        answer.status = 400


@in_answers("an error code of its own", "errors.unknown-model replies", "errors.unknown-model replies.error-schema")
def _(_: Request, answer: Answer) -> None:
    answer.body = answer.body.replace(b"UNKNOWN_MODEL", b"NO_SUCH_MODEL")


# --- Endpoints --------------------------------------------------------------------------------------------------------


@in_answers("health is 201", "endpoints.health replies", "endpoints.health replies.status")
def _(request: Request, answer: Answer) -> None:
    if request.target == "/health":
        answer.status = 201


@in_answers("a member more in /models", "endpoints.models errors.not-found replies", "endpoints.models replies.schema")
def _(request: Request, answer: Answer) -> None:
    if request.target == "/models" and answer.status == 200 and answer.body:
        document = answer.json()
        document["models"][0]["input_bounds"] = [4, 4]
        answer.set_json(document)


class ChangingTag(Behaviour):
    count = 0

    def answer(self, request: Request, answer: Answer) -> None:
        if "ETag" in answer.headers:
            self.count += 1
            answer.headers["ETag"] = f'"{self.count}"'


defect("the ETag changes", "endpoints", "endpoints.etag", ChangingTag)


@in_answers("304 for any If-None-Match", "endpoints", "endpoints.if-none-match")
def _(request: Request, answer: Answer) -> None:
    if "if-none-match" in request.headers:
        answer.status, answer.body = 304, b""


@in_answers("HEAD is not served", "endpoints", "endpoints.head")
def _(request: Request, answer: Answer) -> None:
    if request.method == "HEAD":
        answer.status = 404


@in_requests("/keys is of SEAL 4.4 by default", "endpoints", "endpoints.keys-parameters")
def _(request: Request) -> None:
    if request.target.startswith("/keys") and "seal_minor" not in request.target:
        request.target += ("&" if "?" in request.target else "?") + "seal_minor=4"


@in_answers(
    "/keys has its first two primes swapped",
    "endpoints",
    "endpoints.keys-primes endpoints.keys-parameters endpoints.keys-parms-ids",
)
def _(request: Request, answer: Answer) -> None:
    if request.target.startswith("/keys") and answer.status == 200 and answer.body:
        document = answer.json()
        primes = document["models"][0]["coeff_modulus"]
        primes[:2] = primes[1::-1]
        answer.set_json(document)


@in_answers("parms_ids with their words swapped", "endpoints", "endpoints.keys-parms-ids")
def _(request: Request, answer: Answer) -> None:
    if request.target.startswith("/keys") and answer.status == 200 and answer.body:
        document = answer.json()
        ids = document["models"][0]["parms_ids"]
        ids["key"] = ids["key"][16:] + ids["key"][:16]
        answer.set_json(document)


@in_requests("an unknown query parameter is refused", "endpoints", "endpoints.unknown-parameters")
def _(request: Request) -> Answer | None:
    query = request.target.partition("?")[2]
    return error(400, "MALFORMED_JSON") if query.startswith("x") else None


@in_answers("200 in the place of 202", "endpoints.infer replies", "endpoints.infer replies.schema")
def _(_: Request, answer: Answer) -> None:
    if answer.status == 202:
        answer.status = 200
