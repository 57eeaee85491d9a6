"""The running server keeps what openapi.yaml promises: a walk over all routes, each reply held against the document."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable
from typing import Any

import pytest

from support import contract
from support.access import ApiKey, write_key_file
from support.honest import HonestRequest
from support.http import JSON_BODY, Connection, Reply, ask, binary_body, get, hold_connection, post, request_bytes, send_raw
from support.models import PAIR_ROWS
from support.seal_bytes import read_ciphertext, scale_bytes, write_ciphertext
from support.server import Server, wait_until

GET_ROUTES = ["/health", "/ready", "/models", "/keys", "/openapi.json"]
UNKNOWN_JOB = "/jobs/00000000000000000000000000000000"
UNKNOWN_KEY = "/keys/" + "0" * 64
OPERATIONS = [*(("GET", target) for target in [*GET_ROUTES, UNKNOWN_JOB]), ("DELETE", UNKNOWN_JOB), ("POST", "/infer"),
              ("POST", "/infer/plain"), ("POST", "/keys"), ("DELETE", UNKNOWN_KEY)]
PLAIN = b'{"model_id":"pair_v1","version":"1.0.0","inputs":[[1,2],[3.5,-0.25]]}'


@dataclasses.dataclass(frozen=True)
class Step:
    """A request, and the status that it has to get."""

    status: int
    method: str
    target: str
    headers: dict[str, str] = dataclasses.field(default_factory=dict)
    body: bytes | None = None
    raw: bytes | None = None  # sent instead
    listed: str = ""  # the method of the operation that describes the reply, where it is another one

    def __str__(self) -> str:
        return f"{self.method} {self.target[:40]} {self.status}"

    @property
    def described_by(self) -> str:
        return self.listed or self.method

    def ask(self, server: Server) -> Reply:
        data = self.raw or request_bytes(self.method, self.target, self.headers, self.body)
        return send_raw(server, data, to_head=self.method == "HEAD")


def transport_faults(method: str, target: str) -> list[Step]:
    """What any route answers to a message that is no good HTTP."""
    line = f"{method} {target} HTTP/1.1\r\n".encode()
    return [
        Step(400, method, target, raw=line + b"no colon here\r\n\r\n"),
        Step(431, method, target, {"X-Long": "x" * 65536}),
        Step(405, "PATCH", target, listed=method),
    ]


def body_faults(target: str, unknown_model: bytes, readable: bool = False) -> list[Step]:
    return [
        Step(400, "POST", target, JSON_BODY, b"{"),
        Step(400, "POST", target, JSON_BODY, b"{}"),
        Step(400, "POST", target, JSON_BODY | {"X-Tenant-ID": "no good"}, b"{}"),
        Step(404, "POST", target, JSON_BODY, unknown_model),
        Step(411, "POST", target, JSON_BODY),
        Step(413, "POST", target, JSON_BODY | {"Content-Length": str(10**12)}),
        Step(415, "POST", target, {"Content-Type": "text/plain"}, b"{}"),
        *([] if readable else [Step(405, "GET", target, listed="POST")]),
    ]


STEPS = [
    *(Step(200, method, target) for target in GET_ROUTES for method in ("GET", "HEAD")),
    *(step for target in GET_ROUTES for step in transport_faults("GET", target)),
    Step(200, "GET", "/models?api_version=1.0"),
    Step(200, "GET", "/models?api_version=1.0.0&unknown=parameter"),
    *(Step(200, "GET", f"{target}?api_version=1.1") for target in ("/models", "/keys")),
    Step(200, "GET", "/keys?api_version=1.1.0&seal_minor=3"),
    Step(304, "GET", "/models?api_version=1.1", {"If-None-Match": "*"}),
    Step(400, "GET", "/models?api_version=2"),
    Step(400, "GET", "/models?api_version=1.1&api_version=1.1"),
    Step(304, "GET", "/models", {"If-None-Match": "*"}),
    Step(200, "GET", "/models", {"If-None-Match": '"something else"'}),
    *(Step(200, "GET", f"/keys?seal_minor={minor}") for minor in range(5)),
    Step(400, "GET", "/keys?seal_minor=5"),
    Step(400, "GET", "/keys?seal_minor=1&seal_minor=1"),
    Step(400, "GET", "/keys?api_version=0.9"),
    *transport_faults("POST", "/keys"),
    *body_faults("/keys", b'{"model_id":"x","version":"1.0.0"}', readable=True),
    *(step for method in ("HEAD", "DELETE") for step in transport_faults(method, UNKNOWN_KEY)),
    *(Step(404, method, target) for method in ("HEAD", "DELETE") for target in (UNKNOWN_KEY, "/keys/" + "0" * 10_000)),
    *(Step(400, method, UNKNOWN_KEY, {"X-Tenant-ID": ""}) for method in ("HEAD", "DELETE")),
    Step(200, "GET", "/openapi.json", {"If-None-Match": "*"}),  # the document knows conditional requests of /models only
    *transport_faults("POST", "/infer"),
    *body_faults("/infer", b'{"model_id":"x","version":"1.0.0","inputs":[{"encoding":"hex","payload":"00"}]}'),
    *transport_faults("POST", "/infer/plain"),
    *body_faults("/infer/plain", PLAIN.replace(b"pair_v1", b"x")),
    Step(200, "POST", "/infer/plain", JSON_BODY, PLAIN),
    Step(200, "POST", "/infer/plain", JSON_BODY, PLAIN.replace(b"{", b'{"api_version":"1.1",', 1)),
    *transport_faults("GET", UNKNOWN_JOB),
    Step(404, "GET", UNKNOWN_JOB),
    Step(404, "HEAD", UNKNOWN_JOB),
    Step(404, "GET", "/jobs/" + "0" * 10_000),
    Step(400, "GET", UNKNOWN_JOB, {"X-Tenant-ID": ""}),
    *transport_faults("DELETE", UNKNOWN_JOB),
    Step(404, "DELETE", UNKNOWN_JOB),
    Step(404, "DELETE", "/jobs/" + "0" * 10_000),
    Step(400, "DELETE", UNKNOWN_JOB, {"X-Tenant-ID": ""}),
]


@pytest.mark.parametrize("step", STEPS, ids=str)
def test_replies_are_documented(server: Server, step: Step) -> None:
    reply = step.ask(server)
    assert reply.status == step.status, reply.body[:500]
    contract.check_reply(step.described_by, step.target, reply)


@pytest.mark.parametrize("target", [*GET_ROUTES, UNKNOWN_JOB])
def test_head_is_get_without_a_body(server: Server, target: str) -> None:
    replies = [Step(0, method, target).ask(server) for method in ("GET", "HEAD")]
    fields = [[field for field in reply.fields if field[0] != "X-Request-ID"] for reply in replies]
    assert replies[0].status == replies[1].status
    assert fields[0] == fields[1]
    assert replies[0].body and not replies[1].body


def test_a_job_from_start_to_end(server: Server, pair: HonestRequest) -> None:
    accepted = post(server, "/infer", pair.body)
    contract.check_reply("POST", "/infer", accepted)
    assert accepted.status == 202
    location = accepted.header("Location")
    assert location == f"/jobs/{accepted.json()['job_id']}"
    for headers in ({}, {"Prefer": "wait=60"}, {}):
        reply = get(server, location, **headers)
        assert reply.status == 200
        contract.check_reply("GET", location, reply)
    pair.check_job(reply.json())

    reply = post(server, "/infer", pair.body, Prefer="wait=60")
    assert reply.status == 200
    contract.check_reply("POST", "/infer", reply)


def test_a_binary_job_from_start_to_end(server: Server, pair: HonestRequest) -> None:
    header = pair.binary_header()
    body, fields = header + b"".join(pair.payloads), binary_body(len(header))
    accepted = ask(server, "POST", "/infer", body, fields)
    contract.check_reply("POST", "/infer", accepted)
    target = accepted.header("Location") or ""
    for reply in (get(server, target, Prefer="wait=60"), ask(server, "HEAD", target)):
        assert reply.status == 200
        contract.check_reply("HEAD" if not reply.body else "GET", target, reply)
    reply = ask(server, "POST", "/infer", body, fields | {"Prefer": "wait=60"})
    assert reply.status == 200
    contract.check_reply("POST", "/infer", reply)


def test_an_erased_job(server: Server, pair: HonestRequest) -> None:
    target = post(server, "/infer", pair.body).header("Location") or ""
    for method, status in (("DELETE", 204), ("GET", 410), ("DELETE", 204)):
        reply = ask(server, method, target)
        assert reply.status == status
        contract.check_reply(method, target, reply)


def test_a_failed_job(server: Server, pair: HonestRequest) -> None:
    body = pair.body_with(pair.payloads[0], pair.payloads[0])  # equal inputs cancel out in this model
    reply = post(server, "/infer", body, Prefer="wait=60")
    assert reply.status == 200
    contract.check_reply("POST", "/infer", reply)
    contract.check_failed_job(reply.json(), "INVALID_CIPHERTEXT")
    target = f"/jobs/{reply.json()['job_id']}"
    contract.check_reply("GET", target, get(server, target))


def test_incompatible_ciphertexts(server: Server, pair: HonestRequest) -> None:
    other_scale = write_ciphertext(read_ciphertext(pair.payloads[0]).but(scale=scale_bytes(2.0**31)))
    reply = post(server, "/infer", pair.body_with(other_scale))
    assert reply.status == 409
    contract.check_reply("POST", "/infer", reply)


def test_an_expired_job(start_server: Callable[..., Server], pair: HonestRequest) -> None:
    server = start_server("--result-ttl", "0.001", "--tombstone-ttl", "3600")
    reply = post(server, "/infer", pair.body)
    assert reply.status == 202
    target = f"/jobs/{reply.json()['job_id']}"
    wait_until(lambda: get(server, target).status == 410, "the result expires")
    contract.check_reply("GET", target, get(server, target))


@pytest.mark.parametrize(("method", "target"), OPERATIONS)
def test_a_slow_request(slow_server: Server, method: str, target: str) -> None:
    with Connection(slow_server) as connection:
        connection.send(f"{method} {target} HTTP/1.1\r\nHost: x\r\n".encode())
        reply = connection.read_reply()
    assert reply.status == 408
    contract.check_reply(method, target, reply)


@pytest.fixture(scope="module")
def slow_server(models: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    server = Server(models, tmp_path_factory.mktemp("slow"), "--header-timeout", "0.1", "--enable-plain").wait_ready()
    yield server
    server.kill()


@pytest.mark.parametrize(("method", "target"), OPERATIONS)
def test_a_server_with_too_many_connections(full_server: Server, method: str, target: str) -> None:
    reply = send_raw(full_server, request_bytes(method, target, JSON_BODY, b"{}" if method == "POST" else None))
    assert reply.status == 503
    contract.check_reply(method, target, reply)


@pytest.fixture(scope="module")
def full_server(models: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Its one connection is taken."""
    server = Server(models, tmp_path_factory.mktemp("full"), "--max-connections", "1", "--enable-plain").wait_ready()
    with hold_connection(server):
        yield server
    server.kill()


TENANTS_ROUTES = [("POST", "/keys"), ("DELETE", UNKNOWN_KEY), ("GET", "/models"), ("GET", "/keys"), ("GET", UNKNOWN_JOB), ("DELETE", UNKNOWN_JOB), ("POST", "/infer"),
                  ("POST", "/infer/plain")]


@pytest.fixture
def guarded_server(pair_models: Any, tmp_path: pathlib.Path) -> Any:
    """Demands API keys; the only one is a tenant's who is over his rate after one request."""
    key = ApiKey.make()
    file = write_key_file(tmp_path / "keys.json", {"clinic-7": key})
    server = Server(
        pair_models, tmp_path, "--enable-plain", "--api-keys", str(file), "--tenant-requests-per-second", "0.001",
        "--tenant-burst", "1", headers=key.header,
    ).wait_ready()
    yield server
    server.kill()


@pytest.mark.parametrize(("method", "target"), TENANTS_ROUTES)
def test_a_tenant_that_may_not(guarded_server: Server, method: str, target: str) -> None:
    headers, body = (JSON_BODY, b"{}") if method == "POST" else ({}, None)
    for more, status in (({"X-Tenant-ID": "clinic-8"}, 403), ({"Authorization": "Bearer x"}, 401)):
        data = request_bytes(method, target, guarded_server.headers | headers | more, body)
        with Connection(guarded_server) as connection:
            connection.send(data)
            reply = connection.read_reply()
        assert reply.status == status
        contract.check_reply(method, target, reply)
    replies = [ask(guarded_server, method, target, body, headers) for _ in range(2)]
    assert replies[-1].status == 429
    contract.check_reply(method, target, replies[-1])


def test_every_documented_status_has_been_walked() -> None:
    """But for 500, which needs a fault of the server and what tests/e2e/test_tenants.py asks."""
    walked: dict[str, set[int]] = {}
    for step in STEPS:
        operation = contract.operation_of(step.described_by, step.target)
        walked.setdefault(operation["operationId"], set()).add(step.status)
    in_keys = {"storeKeys": {200, 201, 409}, "headKeys": {200, 410}, "eraseKeys": {204}}  # tests/e2e/test_evaluation_keys.py
    in_tests = in_keys | {"submitInference": {200, 202, 409, 410}, "getJob": {200, 410}, "eraseJob": {204}}
    for item in contract.openapi()["paths"].values():
        for method, operation in item.items():
            name = operation["operationId"]
            missing = {int(status) for status in operation["responses"]} - walked[name] - in_tests.get(name, set())
            assert missing <= {401, 403, 408, 429, 500, 503} , name


FAULTLESS = {"getHealth", "getReady", "listModels", "listKeys", "getContract", "inferPlain"}  # touch nothing that can fail
NOT_PROVOKED = {(name, 500) for name in FAULTLESS}
# What every route has in common is provoked on others; on those of evaluation keys it may be or not.
SHARED_WITH_OTHERS = {
    *(("headKeys", status) for status in (401, 403, 408, 429, 500, 503)), ("storeKeys", 500), ("eraseKeys", 500),
}


def test_every_documented_response_has_been_provoked() -> None:
    """Of the whole suite, by the replies that were checked and by the logs of all servers; and no other has occurred."""
    occurred = set(contract.answered)
    for log in filter(pathlib.Path.exists, Server.logs):  # but for those that were moved, and are there under another name
        occurred |= contract.logged_responses(log.read_text(encoding="utf-8", errors="replace"))
    assert not occurred - contract.documented_responses()
    assert contract.documented_responses() - occurred - SHARED_WITH_OTHERS == NOT_PROVOKED


def test_openapi_json_is_the_document(server: Server) -> None:
    served = get(server, "/openapi.json").json()
    assert contract.flat_openapi(served) == contract.openapi()


def test_openapi_json_is_self_contained(server: Server) -> None:
    def references(node: Any) -> list[str]:
        if isinstance(node, list):
            return [found for item in node for found in references(item)]
        if not isinstance(node, dict):
            return []
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [found for value in node.values() for found in references(value)]

    served = get(server, "/openapi.json").json()
    found = references(served)
    assert found and all(reference.startswith("#/components/") for reference in found)
    for reference in found:
        contract.pointed_at(served, reference[1:])


def test_plain_answers_are_those_in_clear(server: Server, pair: HonestRequest) -> None:
    rows = [[1, 2], [3.5, -0.25], *PAIR_ROWS]
    body = PLAIN.replace(b"[[1,2],[3.5,-0.25]]", str(rows).encode())
    reply = post(server, "/infer/plain", body)
    contract.check_reply("POST", "/infer/plain", reply)
    weights, bias = pair.model["parameters"]["weights"], pair.model["parameters"]["bias"]
    expected = [0.5 + 0.25 * (weights[0] * a + weights[1] * b + bias) for a, b in rows]
    assert reply.json()["outputs"] == pytest.approx(expected, abs=1e-12)
