"""What the checks share: the server, its models, honest requests, and the record of everything that was sent."""

from __future__ import annotations

import base64
import dataclasses
import functools
import hashlib
import json
import random
import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any

from einfer_conformance.contract import Contract
from einfer_conformance.crypto import Client, Model, Row, clear_answer
from einfer_conformance.http import BadReply, Connection, Endpoint, Exchange, message
from einfer_conformance.registry import NotOffered, Violation
from einfer_conformance.seal_bytes import ZSTD, Ciphertext, read_ciphertext, write_ciphertext

JSON_BODY = {"Content-Type": "application/json"}
NO_JOB = "/jobs/" + "0" * 32
PATIENCE = 5  # times that "try again later" is obeyed
LONGEST_PAUSE = 10.0
SEVERAL = 3  # rows of an ordinary batch

Headers = Mapping[str, str]
Inputs = list[dict[str, str]]


@dataclasses.dataclass(frozen=True)
class Options:
    url: str
    api_key: str | None = None
    second_api_key: str | None = None
    tenants: bool = True  # whether X-Tenant-ID separates
    timeout: float = 20.0
    insecure: bool = False
    ca_file: str | None = None
    input_bound: float = 1.0


def hex_input(data: bytes) -> dict[str, str]:
    return {"encoding": "hex", "payload": data.hex()}


def base64_input(data: bytes) -> dict[str, str]:
    return {"encoding": "base64", "payload": base64.b64encode(data).decode()}


def to_body(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


@dataclasses.dataclass(frozen=True)
class Honest:
    """A right request: rows, encrypted for a model."""

    model: Model
    client: Client
    rows: list[Row]
    payloads: list[bytes]

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

    def digest(self) -> str:
        return "sha256:" + hashlib.sha256(b"".join(self.payloads)).hexdigest()

    def clear(self) -> list[float]:
        return [clear_answer(self.model, row) for row in self.rows]


class Context:
    def __init__(self, options: Options, contract: Contract) -> None:
        self.options = options
        self.contract = contract
        self.endpoint = Endpoint(
            options.url, timeout=options.timeout, insecure=options.insecure, ca_file=options.ca_file
        )
        self.exchanges: list[Exchange] = []  # well-formed messages; what the checks of every reply look at
        self.heeds_idempotency: bool | None = None  # not known before it is tried
        self.sampled = False  # whether there is a reply of each kind among them
        self._random = random.Random(20260302)
        tenant = f"conformance-{secrets.token_hex(4)}"
        self.me: Headers = {}
        self.other: Headers | None = None
        if options.api_key:
            self.me = {"Authorization": f"Bearer {options.api_key}"}
            self.other = {"Authorization": f"Bearer {options.second_api_key}"} if options.second_api_key else None
        elif options.tenants:
            self.me, self.other = {"X-Tenant-ID": tenant}, {"X-Tenant-ID": tenant + "-b"}

    # --- Messages -----------------------------------------------------------------------------------------------------

    def ask(
        self,
        method: str,
        target: str,
        body: bytes | None = None,
        headers: Headers | None = None,
        *,
        who: Headers | None = None,
    ) -> Exchange:
        """One request on a connection of its own, as this tenant or as `who`."""
        fields = dict(self.me if who is None else who) | dict(headers or {})
        return self.send(
            message(method, self.endpoint.prefix + target, self.endpoint.host, fields, body), method, target
        )

    def send(self, sent: bytes, method: str, target: str) -> Exchange:
        """A well-formed message as it stands, on a connection of its own. "Try again later" is obeyed."""
        for _ in range(PATIENCE):
            exchange = self._send_once(sent, method, target)
            self.exchanges.append(exchange)
            reply = exchange.reply
            pause = reply.header("Retry-After") if reply and reply.status in (429, 503) else None
            if not pause or not pause.isdigit():
                break
            time.sleep(min(float(pause), LONGEST_PAUSE))
        return exchange

    def _send_once(self, sent: bytes, method: str, target: str) -> Exchange:
        try:
            with self.connect() as connection:
                connection.send(sent)
                return Exchange(method, target, sent, connection.read(method))
        except (BadReply, OSError) as fault:
            return Exchange(method, target, sent, None, str(fault) or type(fault).__name__)

    def connect(self) -> Connection:
        return self.endpoint.connect()

    def get(self, target: str, headers: Headers | None = None, *, who: Headers | None = None) -> Exchange:
        return self.ask("GET", target, headers=headers, who=who)

    def post(
        self, document: Any, headers: Headers | None = None, *, target: str = "/infer", who: Headers | None = None
    ) -> Exchange:
        """A JSON body: bytes as they are, anything else serialized."""
        body = document if isinstance(document, bytes) else to_body(document)
        return self.ask("POST", target, body, JSON_BODY | dict(headers or {}), who=who)

    # --- Expectations -------------------------------------------------------------------------------------------------

    def expect(self, holds: bool, what: str, exchange: Exchange | None = None) -> None:
        if not holds:
            raise Violation(what, exchange)

    def expect_status(self, exchange: Exchange, *statuses: int) -> Any:
        """The body of a reply that must have one of these statuses."""
        if exchange.reply is None:
            raise Violation(f"no reply: {exchange.failure}", exchange)
        wanted = " or ".join(str(status) for status in statuses)
        got = f"{exchange.reply.status} {exchange.reply.code or ''}".strip()
        self.expect(exchange.reply.status in statuses, f"{wanted} expected, got {got}", exchange)
        return exchange.reply.json() if exchange.reply.body else None

    def expect_error(self, exchange: Exchange, code: str, pointer: str | None = None) -> None:
        """Refused with this code and its status; `pointer` is what details must say."""
        if exchange.reply is None:
            raise Violation(f"no reply: {exchange.failure}", exchange)
        status = self.contract.codes[code].status
        got = f"{exchange.reply.status} {exchange.reply.code or '(no code)'}"
        self.expect(got == f"{status} {code}", f"{status} {code} expected, got {got}", exchange)
        if pointer is not None:
            said = exchange.reply.json()["error"].get("details", {}).get("pointer")
            self.expect(said == pointer, f"details.pointer must be {pointer!r}, is {said!r}", exchange)

    def expect_schema(self, exchange: Exchange, schema: str) -> Any:
        document = exchange.answer.json()
        for fault in self.contract.violations(schema, document):
            raise Violation(fault, exchange)
        return document

    # --- Models and requests ------------------------------------------------------------------------------------------

    @functools.cached_property
    def models(self) -> list[Model]:
        exchange = self.get("/models")
        self.expect_status(exchange, 200)
        models = self.expect_schema(exchange, "models")["models"]
        if not models:
            raise NotOffered("GET /models lists no model")
        return models

    @functools.cached_property
    def model(self) -> Model:
        """The one whose requests are the shortest."""

        def weight(model: Model) -> int:
            parameters = model["encryption_parameters"]
            primes = len(parameters["coeff_modulus_bits"]) - 1
            return parameters["poly_modulus_degree"] * primes * model["inference"]["input_dimension"]

        return min(self.models, key=weight)

    @functools.cached_property
    def client(self) -> Client:
        return self.client_for(self.model)

    @functools.lru_cache(maxsize=64)  # noqa: B019 - lives as long as the run
    def _client(self, key: str) -> Client:
        return Client(json.loads(key))

    def client_for(self, model: Model) -> Client:
        return self._client(json.dumps(model, sort_keys=True))

    def random_rows(self, model: Model, count: int) -> list[Row]:
        bound = self.options.input_bound
        return [
            [self._random.uniform(-bound, bound) for _ in range(model["inference"]["input_dimension"])]
            for _ in range(count)
        ]

    def make_honest(self, model: Model, count: int, convert: Callable[[Client, bytes], bytes] | None = None) -> Honest:
        """`count` random rows, encrypted; each ciphertext is passed through `convert`."""
        client, rows = self.client_for(model), self.random_rows(model, count)
        payloads = [client.encrypt([row[feature] for row in rows]) for feature in range(len(rows[0]))]
        return Honest(model, client, rows, [convert(client, each) for each in payloads] if convert else payloads)

    @functools.cached_property
    def honest(self) -> Honest:
        """For the lightest model; sent again and again."""
        return self.make_honest(self.model, min(SEVERAL, self.model["constraints"]["max_batch_size"]))

    @property
    def ciphertext(self) -> Ciphertext:
        """The first ciphertext of the honest request, to be spoilt."""
        return read_ciphertext(self.honest.payloads[0])

    def small(self, **changes: Any) -> dict[str, Any]:
        """A request that is right but for its payloads, which are too short for a ciphertext."""
        inputs = [hex_input(b"\x5e\xa1")] * self.model["inference"]["input_dimension"]
        return self.honest.document(**({"inputs": inputs} | changes))

    @functools.cached_property
    def fillers(self) -> Inputs:
        """Valid inputs in the place of those that a check is not about: short ones, if the server takes them."""
        full = self.ciphertext
        empty = full.but(words=bytes(len(full.words)))
        for prime in range(full.primes):
            empty = empty.with_word(empty.row(1, prime).start // 8, 1)
        short = [hex_input(write_ciphertext(empty, ZSTD))] * len(self.honest.payloads)
        honest = [hex_input(payload) for payload in self.honest.payloads]
        reply = self.post(self.honest.document(inputs=[honest[0], *short[1:]])).reply
        return short if reply and reply.status == 202 else honest

    def with_inputs(self, *first: dict[str, str]) -> dict[str, Any]:
        """A request with these as the first inputs, and valid ones behind them."""
        count = len(self.honest.payloads)
        return self.honest.document(inputs=[*first, *self.fillers[len(first) :]][:count])

    def stranger(self) -> Headers:
        """Another tenant."""
        if self.other is None:
            raise NotOffered(
                "no second tenant: give --second-api-key" if self.options.api_key else "no X-Tenant-ID is sent"
            )
        return self.other

    def need_free_tenants(self) -> None:
        """X-Tenant-ID may name any tenant: nobody but the client says who it is."""
        if self.options.api_key or not self.options.tenants:
            raise NotOffered("tenants are not named by X-Tenant-ID alone")

    def need_inputs(self, count: int) -> None:
        if len(self.honest.payloads) < count:
            raise NotOffered(f"no model has {count} inputs")

    # --- Jobs ---------------------------------------------------------------------------------------------------------

    def submit(self, document: Any, headers: Headers | None = None, *, who: Headers | None = None) -> str:
        """The id of the accepted job."""
        exchange = self.post(document, headers, who=who)
        accepted = self.expect_status(exchange, 202)
        try:
            return accepted["job_id"]
        except (KeyError, TypeError) as fault:
            raise Violation("202 without job_id", exchange) from fault

    def final(self, job_id: str, *, who: Headers | None = None) -> tuple[Any, Exchange]:
        """The job when it is final, as the last reply shows it."""
        deadline = time.monotonic() + max(self.options.timeout, 1.0)
        wait = {"Prefer": f"wait={max(1, int(self.options.timeout / 2))}"}
        while True:
            exchange = self.get(f"/jobs/{job_id}", wait, who=who)
            job = self.expect_status(exchange, 200)
            self.expect(isinstance(job, dict), "the job is no object", exchange)
            if job.get("status") in ("completed", "failed"):
                return job, exchange
            self.expect(time.monotonic() < deadline, "the job does not become final in time", exchange)
            time.sleep(0.05)

    @functools.cached_property
    def answered(self) -> tuple[Any, Exchange]:
        """The result of the honest request, for checks that look at different sides of it."""
        return self.result(self.honest.document())

    def result(self, document: Any) -> tuple[Any, Exchange]:
        """The result of a request that must complete."""
        job, exchange = self.final(self.submit(document))
        self.expect(job["status"] == "completed", f"the job must complete, is {job['status']}", exchange)
        return self.expect_schema(exchange, "job")["result"], exchange

    def payload_of(self, result: Any, exchange: Exchange) -> bytes:
        """The decoded ciphertext of a result."""
        try:
            if result["encoding"] == "base64":
                return base64.b64decode(result["payload"], validate=True)
            return bytes.fromhex(result["payload"])
        except ValueError as fault:
            raise Violation(f"payload is not {result['encoding']}", exchange) from fault
