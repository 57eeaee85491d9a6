"""API keys and idempotency keys in front of a server, right and wrong ones. The server itself gets to see neither."""

from __future__ import annotations

import re
from typing import Any

from broken_proxy import Answer, Behaviour, Request, error

KEYS = {"first-key-0123456789": "first", "second-key-0123456789": "second"}
PROTECTED = re.compile(r"POST /(infer|keys)|(GET|HEAD) /(models|keys)(\?.*)?|(GET|HEAD|DELETE) /(jobs|keys)/.*")
IDEMPOTENCY_KEY = re.compile(r"[!-~]{1,255}")


class ApiKeys(Behaviour):
    """Each key stands for one tenant."""

    def __init__(
        self, *, challenge: bool = True, take_any: bool = False, take_names: bool = False, models: bool = True
    ) -> None:
        self.challenge, self.take_any, self.take_names, self.models = challenge, take_any, take_names, models

    def request(self, request: Request) -> Answer | None:
        scheme, _, key = request.headers.pop("authorization", "").partition(" ")
        if not PROTECTED.fullmatch(f"{request.method} {request.target}") or (
            not self.models and "/models" in request.target
        ):
            return None
        tenant = KEYS.get(key) if scheme == "Bearer" else None
        if self.take_any:
            tenant = tenant or request.headers.get("x-tenant-id", "anybody")
        if tenant is None:
            return error(401, "UNAUTHENTICATED", **({"WWW_Authenticate": "Bearer"} if self.challenge else {}))
        if not self.take_names and request.headers.get("x-tenant-id", tenant) != tenant:
            return error(403, "FORBIDDEN")
        request.headers.setdefault("x-tenant-id", tenant)
        return None


class IdempotencyKeys(Behaviour):
    def __init__(
        self, *, forgetful: bool = False, conflicts: bool = True, tenants: bool = True, eager: bool = False
    ) -> None:
        self.forgetful, self.conflicts, self.tenants, self.eager = forgetful, conflicts, tenants, eager
        self.known: dict[tuple[str, str], tuple[Any, Answer]] = {}
        self.count = 0

    @staticmethod
    def _meaning(request: Request) -> Any:
        document = request.json()
        return {"batch_size": 1, **document} if isinstance(document, dict) else document

    def request(self, request: Request) -> Answer | None:
        key = request.headers.pop("idempotency-key", None)
        if key is None or not request.is_infer:
            return None
        if not IDEMPOTENCY_KEY.fullmatch(key):
            answer = error(400, "SCHEMA_VIOLATION")
            answer.set_json(
                {"error": answer.json()["error"] | {"details": {"pointer": "Idempotency-Key", "rule": "pattern"}}}
            )
            return answer
        name = (request.headers.get("x-tenant-id", "default") if self.tenants else "", key)
        request.notes["key"] = name
        if name not in self.known:
            return None
        self.count += 1
        meaning, answer = self.known[name]
        same = not self.conflicts or meaning == self._meaning(request)
        if self.eager and not same:
            return error(409, "IDEMPOTENCY_CONFLICT")
        return answer if same and not (self.forgetful and self.count % 2) else None

    def answer(self, request: Request, answer: Answer) -> None:
        """A conflict is told of what the server would have taken."""
        name = request.notes.get("key")
        if name and answer.status == 202:
            if name in self.known and self.known[name][0] != self._meaning(request):
                conflict = error(409, "IDEMPOTENCY_CONFLICT")
                answer.status, answer.headers, answer.body = conflict.status, conflict.headers, conflict.body
            self.known.setdefault(
                name, (self._meaning(request), Answer(answer.status, dict(answer.headers), answer.body))
            )
