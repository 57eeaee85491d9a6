"""Honest requests: encrypted once, sent often, their answers checked by decryption once and by bytes ever after."""

from __future__ import annotations

import base64
import dataclasses
import functools
import hashlib
import json
from typing import Any

from support import contract
from support.he import SealPython
from support.http import Reply, post
from support.models import Model, Row, clear_answer, columns
from support.server import Server


def hex_input(data: bytes) -> dict[str, str]:
    return {"encoding": "hex", "payload": data.hex()}


def base64_input(data: bytes) -> dict[str, str]:
    return {"encoding": "base64", "payload": base64.b64encode(data).decode()}


def to_body(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def digest_of(payloads: list[bytes]) -> str:
    return "sha256:" + hashlib.sha256(b"".join(payloads)).hexdigest()


@dataclasses.dataclass(frozen=True)
class HonestRequest:
    model: Model
    rows: list[Row]
    session: SealPython
    payloads: list[bytes]

    @classmethod
    def make(cls, model: Model, rows: list[Row], session: SealPython | None = None) -> HonestRequest:
        session = session or SealPython(model["encryption_parameters"])
        return cls(model, rows, session, [session.encrypt(column) for column in columns(rows)])

    def document(self, **changes: Any) -> dict[str, Any]:
        """The request's body; a member that is changed to None is left out."""
        document = {
            "model_id": self.model["model_id"],
            "version": self.model["version"],
            "batch_size": len(self.rows),
            "inputs": [hex_input(payload) for payload in self.payloads],
            **changes,
        }
        return {name: value for name, value in document.items() if value is not None}

    @functools.cached_property
    def body(self) -> bytes:
        return to_body(self.document())

    def binary_header(self, **changes: Any) -> bytes:
        """The JSON header of the binary form."""
        return to_body(self.document(**{"inputs": [{"binary_data_size": len(each)} for each in self.payloads], **changes}))

    def body_with(self, *payloads: bytes) -> bytes:
        """With these as the first inputs."""
        return to_body(self.document(inputs=[hex_input(each) for each in [*payloads, *self.payloads[len(payloads) :]]]))

    def check_result(self, result: Any, binary: bytes | None = None) -> bytes:
        """The answer is right: diagnostics, digest, and every row within the bound. Gives the ciphertext.

        `binary`: the bytes behind a job in the binary form.
        """
        assert (result["model_id"], result["version"]) == (self.model["model_id"], self.model["version"])
        batch_size = len(self.rows)
        assert result["diagnostics"] == {
            "requested_batch_size": batch_size, "processed_batch_size": batch_size, "batch_truncated": False,
        }
        assert result["request_digest"] == digest_of(self.payloads)
        if binary is None:
            payload = bytes.fromhex(result["payload"])
            assert payload.hex() == result["payload"]
        else:
            payload = binary
            assert (result["encoding"], result["binary_data_size"]) == ("binary", len(payload)) and "payload" not in result
        answers = self.session.decrypt(payload)[:batch_size]
        for row, answer in zip(self.rows, answers, strict=True):
            assert abs(answer - clear_answer(self.model, row)) <= result["error_bound"]
        return payload

    def check_job(self, job: Any) -> bytes:
        assert not contract.violations("job", job)
        assert job["status"] == "completed", job
        return self.check_result(job["result"])


class GoodRequest:
    """Asks a server for a right answer. The evaluation is deterministic: only the first answer need be decrypted."""

    def __init__(self, request: HonestRequest) -> None:
        self.request = request
        self._answer: bytes | None = None

    def send(self, server: Server) -> Reply:
        return post(server, "/infer", self.request.body, Prefer="wait=60")

    def check(self, server: Server) -> None:
        """The server is well: it answers, and rightly."""
        reply = self.send(server)
        assert reply.status == 200, reply.body[:500]
        self.check_job(reply.json())

    def check_job(self, job: Any) -> None:
        if self._answer is None:
            self._answer = self.request.check_job(job)
        assert job["status"] == "completed", job
        assert job["result"]["payload"] == self._answer.hex()
        assert job["result"]["request_digest"] == digest_of(self.request.payloads)
