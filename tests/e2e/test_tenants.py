"""Tenants: credentials, isolation, idempotency keys, rates and quotas."""

from __future__ import annotations

import concurrent.futures
import pathlib
import random
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest

from support import contract
from support.access import ApiKey, write_key_file
from support.honest import GoodRequest, HonestRequest, base64_input, to_body
from support.http import JSON_BODY, Connection, Reply, ask, get, post, request_bytes
from support.seal_bytes import read_ciphertext, write_ciphertext
from support.server import Server, run_server, wait_until

StartServer = Callable[..., Server]

UNKNOWN_JOB = "/jobs/" + "0" * 32
OPEN = ["/health", "/ready", "/openapi.json"]
UNKNOWN_KEY = "/keys/" + "0" * 64
CLOSED = [("GET", "/models"), ("GET", "/keys"), ("GET", UNKNOWN_JOB), ("DELETE", UNKNOWN_JOB), ("POST", "/infer"),
          ("POST", "/keys"), ("DELETE", UNKNOWN_KEY),
          ("POST", "/infer/plain")]
CAPACITY = 2048  # rows that a ciphertext of the small model can carry


@pytest.fixture(scope="module")
def api_keys() -> dict[str, ApiKey]:
    return {tenant: ApiKey.make() for tenant in ("alice", "bob")}


@pytest.fixture
def guarded(
    start_server: StartServer, pair_models: pathlib.Path, api_keys: dict[str, ApiKey], tmp_path: pathlib.Path
) -> Server:
    """Demands API keys; its other clients are alice's."""
    file = write_key_file(tmp_path / "keys.json", api_keys)
    return start_server(
        "--api-keys", str(file), "--enable-plain", "--log-format", "json", registry=pair_models,
        headers=api_keys["alice"].header,
    )


def open_request(server: Server, method: str, target: str, headers: dict[str, str], body: bytes | None = None) -> Reply:
    """Without the headers that the server's clients send otherwise."""
    with Connection(server) as connection:
        connection.send(request_bytes(method, target, headers, body))
        return connection.read_reply(to_head=method == "HEAD")


def check_rate_limited(reply: Reply) -> int:
    contract.check_error(reply, 429, "RATE_LIMITED")
    retry_after = reply.header("Retry-After")
    assert retry_after is not None
    return int(retry_after)


# --- Credentials -----------------------------------------------------------------------------------------------------------


@pytest.mark.adversarial("tenants.no-credential")
@pytest.mark.parametrize(("method", "target"), CLOSED)
def test_without_a_key_nothing_is_told(guarded: Server, api_keys: dict[str, ApiKey], method: str, target: str) -> None:
    key = api_keys["alice"].key
    bad = [
        {}, {"X-Tenant-ID": "alice"}, {"Authorization": key}, {"Authorization": "Bearer"}, {"Authorization": "Bearer "},
        {"Authorization": f"Basic {key}"}, {"Authorization": f"Bearer {key}x"}, {"Authorization": f"Bearer {key[:-1]}"},
        {"Authorization": f"Bearer {api_keys['alice'].entry}"}, {"Authorization": "Bearer " + "x" * 8000},
        {"Authorization": f"Bearer {key}, Bearer {key}"}, {"Authorization": f"Bearer {key}\r\nAuthorization: Bearer {key}"},
    ]
    replies = [open_request(guarded, method, target, JSON_BODY | headers, b"{}") for headers in bad]
    for reply in replies:
        contract.check_error(reply, 401, "UNAUTHENTICATED")
        contract.check_reply(method, target, reply)
        assert reply.header("WWW-Authenticate") == "Bearer"
    assert len({reply.body for reply in replies}) == 1, "the reply depends on what was wrong"
    assert guarded.job_count() == 0


@pytest.mark.parametrize("target", OPEN)
def test_operations_need_no_key(guarded: Server, target: str) -> None:
    assert open_request(guarded, "GET", target, {}).status == 200


def test_a_body_without_a_key_is_not_asked_for(guarded: Server) -> None:
    head = JSON_BODY | {"Content-Length": "1000000", "Expect": "100-continue"}
    contract.check_error(open_request(guarded, "POST", "/infer", head), 401, "UNAUTHENTICATED")


def test_the_key_is_the_tenant(guarded: Server, api_keys: dict[str, ApiKey], pair: HonestRequest) -> None:
    accepted = post(guarded, "/infer", pair.body)
    assert accepted.status == 202
    job = accepted.header("Location") or ""
    assert get(guarded, job, X_Tenant_ID="alice").status == 200
    reply = ask(guarded, "GET", job, headers={"X-Tenant-ID": "bob"})
    contract.check_error(reply, 403, "FORBIDDEN")
    contract.check_reply("GET", job, reply)
    contract.check_error(ask(guarded, "GET", job, headers=api_keys["bob"].header), 404, "UNKNOWN_JOB")
    contract.check_error(ask(guarded, "GET", job, headers={"X-Tenant-ID": "b o b"}), 400, "SCHEMA_VIOLATION")
    contract.check_error(
        ask(guarded, "POST", "/infer", pair.body, JSON_BODY | {"X-Tenant-ID": "bob"}), 403, "FORBIDDEN"
    )


def test_another_tenants_job_is_as_if_it_never_was(
    guarded: Server, api_keys: dict[str, ApiKey], pair: HonestRequest
) -> None:
    job = post(guarded, "/infer", pair.body, Prefer="wait=60").json()["job_id"]
    for method in ("GET", "HEAD"):
        for more in ({}, {"Prefer": "wait=5"}):
            foreign, unknown = (
                ask(guarded, method, f"/jobs/{which}", headers=api_keys["bob"].header | more | {"X-Request-ID": "same"})
                for which in (job, "0" * 32)
            )
            assert foreign == unknown
            assert foreign.status == 404


@pytest.mark.adversarial("tenants.foreign-job-timing")
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_another_tenants_job_takes_as_long_as_an_unknown_one(
    guarded: Server, api_keys: dict[str, ApiKey], pair: HonestRequest, method: str
) -> None:
    """Of a foreign and an unknown one neither is usually the slower (Mann and Whitney's statistic).

    They are asked for in random order: threads of a server that take turns would make every second request the slower.
    """
    job = post(guarded, "/infer", pair.body, Prefer="wait=60").json()["job_id"]
    times: dict[str, list[float]] = {job: [], "f" * 32: []}
    order = random.Random(1)
    with Connection(guarded) as connection:
        for _ in range(400):
            for which, taken in order.sample(list(times.items()), len(times)):
                message = request_bytes(method, f"/jobs/{which}", api_keys["bob"].header)
                start = time.perf_counter()
                connection.send(message)
                assert connection.read_reply().status == 404
                taken.append(time.perf_counter() - start)
    foreign, unknown = times.values()
    slower = sum((a > b) + 0.5 * (a == b) for a in foreign for b in unknown) / (len(foreign) * len(unknown))
    assert 0.35 < slower < 0.65


def test_the_shipped_client_needs_nothing_new_without_keys(server: Server, pair: HonestRequest) -> None:
    """A server without a key file ignores credentials: v1.0's namespace."""
    for headers in ({}, {"Authorization": "Bearer anything"}, {"X-Tenant-ID": "alice"}):
        assert ask(server, "POST", "/infer", pair.body, JSON_BODY | headers).status == 202


def test_keys_are_reloaded(guarded: Server, api_keys: dict[str, ApiKey], tmp_path: pathlib.Path) -> None:
    new = ApiKey.make()

    def status(key: ApiKey) -> int:
        return open_request(guarded, "GET", "/models", key.header).status

    def reload(event: str) -> None:
        seen = guarded.log_text().count(event)
        guarded.process.send_signal(signal.SIGHUP)
        wait_until(lambda: guarded.log_text().count(event) > seen, event)

    assert (status(api_keys["alice"]), status(new)) == (200, 401)
    write_key_file(tmp_path / "keys.json", {"carol": new})
    assert (status(api_keys["alice"]), status(new)) == (200, 401)
    reload('"reloaded"')
    assert (status(api_keys["alice"]), status(new)) == (401, 200)
    (tmp_path / "keys.json").write_text('{"tenants":', encoding="utf-8")
    reload('"reload_failed"')
    assert (status(api_keys["alice"]), status(new)) == (401, 200)


@pytest.mark.parametrize(("text", "says"), [
    (None, "is not there, or no file"),
    ("{", "no valid JSON"),
    ('{"tenants":[{"tenant":"a b","keys":[]}]}', "/tenants/0/tenant"),
    ('{"tenants":[{"tenant":"a","keys":["secret"]}]}', "/tenants/0/keys/0"),
])
def test_a_bad_key_file_stops_the_start(
    pair_models: pathlib.Path, tmp_path: pathlib.Path, text: str | None, says: str
) -> None:
    file = tmp_path / "keys.json"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    ended = run_server(
        "--models", str(pair_models), "--data", str(tmp_path / "data"), "--listen", "127.0.0.1:0", "--api-keys", str(file)
    )
    assert ended.returncode == 1
    assert says in ended.stderr
    assert str(file) in ended.stderr
    assert ended.stdout == ""


# --- Idempotency keys ------------------------------------------------------------------------------------------------------


def submit(server: Server, request: HonestRequest, key: str, **headers: str) -> Reply:
    return post(server, "/infer", request.body, Idempotency_Key=key, **headers)


@pytest.mark.adversarial("jobs.idempotency-same-body")
def test_the_same_request_is_the_same_job(server: Server, pair: HonestRequest, good: GoodRequest) -> None:
    before = server.job_count()
    first = submit(server, pair, "once")
    assert first.status == 202
    for _ in range(3):
        again = submit(server, pair, "once")
        assert (again.status, again.body) == (202, first.body)
        assert again.header("Location") == first.header("Location")
    waited = submit(server, pair, "once", Prefer="wait=60")
    assert waited.status == 200
    assert waited.json()["job_id"] == first.json()["job_id"]
    good.check_job(waited.json())
    spaced = server.job_count(), post(server, "/infer", pair.body.replace(b":", b" : "), Idempotency_Key="once")
    assert spaced[1].json() == first.json(), "white space is no other request"
    assert server.job_count() == before + 1


@pytest.mark.adversarial("jobs.idempotency-other-body")
def test_another_request_with_the_same_key_is_a_conflict(server: Server, pair: HonestRequest) -> None:
    assert submit(server, pair, "conflict").status == 202
    before = server.job_count()
    others = [
        pair.document(batch_size=1),
        pair.document(inputs=list(reversed(pair.document()["inputs"]))),
        pair.document(inputs=[base64_input(payload) for payload in pair.payloads]),
    ]
    for other in others:
        reply = post(server, "/infer", to_body(other), Idempotency_Key="conflict")
        contract.check_error(reply, 409, "IDEMPOTENCY_CONFLICT")
        contract.check_reply("POST", "/infer", reply)
    assert server.job_count() == before


def test_a_bad_request_does_not_use_the_key_up(server: Server, pair: HonestRequest) -> None:
    assert post(server, "/infer", b"{}", Idempotency_Key="later").status == 400
    assert submit(server, pair, "later").status == 202


def test_keys_are_a_tenants_own(server: Server, pair: HonestRequest) -> None:
    jobs = {submit(server, pair, "shared", X_Tenant_ID=tenant).json()["job_id"] for tenant in ("a", "b", "c")}
    assert len(jobs) == 3
    other = to_body(pair.document(batch_size=1))
    assert post(server, "/infer", other, Idempotency_Key="shared", X_Tenant_ID="d").status == 202


def test_without_a_key_every_request_is_a_job(server: Server, pair: HonestRequest) -> None:
    assert post(server, "/infer", pair.body).json() != post(server, "/infer", pair.body).json()


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 256, "caf\xe9", "a\tb", "twice\r\nIdempotency-Key: twice"])
def test_bad_keys(server: Server, pair: HonestRequest, good: GoodRequest, key: str) -> None:
    reply = ask(server, "POST", "/infer", pair.body, JSON_BODY | {"Idempotency-Key": key})
    contract.check_error(reply, 400, "SCHEMA_VIOLATION", {"pointer": "Idempotency-Key", "rule": "pattern"})
    good.check(server)


def test_the_longest_key(server: Server, pair: HonestRequest) -> None:
    key = "!" + "~" * 254
    assert submit(server, pair, key).json() == submit(server, pair, key).json()


def test_many_at_once_are_one_job(start_server: StartServer, pair_models: pathlib.Path, pair: HonestRequest) -> None:
    server = start_server("--io-threads", "4", registry=pair_models)
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        replies = list(pool.map(lambda _: submit(server, pair, "together"), range(32)))
    assert {reply.status for reply in replies} == {202}
    assert len({reply.body for reply in replies}) == 1
    assert server.job_count() == 1


@pytest.mark.adversarial("jobs.idempotency-after-crash")
def test_a_key_outlives_a_crash(
    start_server: StartServer, pair_models: pathlib.Path, pair: HonestRequest, tmp_path: pathlib.Path
) -> None:
    home = tmp_path / "home"
    server = start_server(registry=pair_models, home=home)
    first = submit(server, pair, "crash")
    server.kill()
    server = start_server(registry=pair_models, home=home)
    assert submit(server, pair, "crash").body == first.body
    assert server.job_count() == 1


def test_an_expired_job_keeps_its_key(
    start_server: StartServer, pair_models: pathlib.Path, pair: HonestRequest
) -> None:
    server = start_server("--result-ttl", "0.05", registry=pair_models)
    first = submit(server, pair, "old")
    job = first.header("Location") or ""
    wait_until(lambda: get(server, job).status == 410, "the job expires")
    assert submit(server, pair, "old").body == first.body
    contract.check_error(get(server, job), 410, "JOB_EXPIRED")


# --- Rates and quotas ------------------------------------------------------------------------------------------------------


@pytest.mark.adversarial("resources.tenant-quota")
def test_a_rate_is_a_tenants_own(start_server: StartServer, pair_models: pathlib.Path) -> None:
    server = start_server("--tenant-requests-per-second", "0.001", "--tenant-burst", "5", registry=pair_models)
    replies = [get(server, UNKNOWN_JOB, X_Tenant_ID="alice") for _ in range(6)]
    assert [reply.status for reply in replies] == [404] * 5 + [429]
    assert 990 < check_rate_limited(replies[-1]) <= 1000
    for method, target in CLOSED[:4]:
        reply = ask(server, method, target, b"{}", JSON_BODY | {"X-Tenant-ID": "alice"})
        check_rate_limited(reply)
        contract.check_reply(method, target, reply)
    assert get(server, UNKNOWN_JOB, X_Tenant_ID="bob").status == 404
    for target in OPEN:
        assert {get(server, target, X_Tenant_ID="alice").status for _ in range(20)} == {200}


def test_a_rate_recovers(start_server: StartServer, pair_models: pathlib.Path) -> None:
    server = start_server("--tenant-requests-per-second", "20", "--tenant-burst", "1", registry=pair_models)
    wait_until(lambda: get(server, "/models").status == 429, "the rate is used up")
    wait_until(lambda: get(server, "/models").status == 200, "the rate recovers")


def test_a_refused_body_is_not_read(start_server: StartServer, pair_models: pathlib.Path) -> None:
    server = start_server("--tenant-requests-per-second", "0.001", "--tenant-burst", "1", registry=pair_models)
    assert get(server, "/models").status == 200
    with Connection(server) as connection:
        connection.send(request_bytes("POST", "/infer", JSON_BODY | {"Content-Length": "100", "Expect": "100-continue"}))
        check_rate_limited(connection.read_reply())
        assert connection.is_ended()


def test_rows_are_what_ciphertexts_can_carry(
    start_server: StartServer, pair_models: pathlib.Path, pair: HonestRequest
) -> None:
    server = start_server("--tenant-rows-per-hour", str(2 * CAPACITY), registry=pair_models)
    transparent = read_ciphertext(pair.payloads[0])
    refused = pair.body_with(write_ciphertext(transparent.but(words=bytes(len(transparent.words)))))
    for _ in range(3):
        assert post(server, "/infer", refused).status == 400  # costs nothing
    assert submit(server, pair, "one").status == 202
    for _ in range(3):
        assert submit(server, pair, "one").status == 202  # neither
    assert submit(server, pair, "two").status == 202
    reply = submit(server, pair, "three")
    assert check_rate_limited(reply) > 1000
    contract.check_reply("POST", "/infer", reply)
    assert submit(server, pair, "one").status == 202, "a repetition costs nothing, also when nothing is left"
    contract.check_error(
        post(server, "/infer", to_body(pair.document(batch_size=1)), Idempotency_Key="one"), 409, "IDEMPOTENCY_CONFLICT"
    )
    assert submit(server, pair, "three", X_Tenant_ID="bob").status == 202
    assert get(server, "/models").status == 200


def test_waiting_jobs_have_a_quota(start_server: StartServer, pair_models: pathlib.Path, pair: HonestRequest) -> None:
    server = start_server("--tenant-max-queued-jobs", "2", registry=pair_models)
    message = request_bytes("POST", "/infer", JSON_BODY | {"X-Tenant-ID": "alice"}, pair.body)
    lock = server.lock_database()
    with Connection(server) as one, Connection(server) as two, Connection(server) as bob:
        one.send(message)
        two.send(message)
        wait_until(server.has_read_everything, "both have arrived")
        wait_until(lambda: post(server, "/infer", pair.body, X_Tenant_ID="alice").status == 429, "the quota is used up")
        bob.send(request_bytes("POST", "/infer", JSON_BODY | {"X-Tenant-ID": "bob"}, pair.body))
        wait_until(server.has_read_everything, "bob's has arrived")
        lock.close()
        assert {connection.read_reply().status for connection in (one, two, bob)} == {202}
    wait_until(lambda: server.unfinished_jobs() == 0, "the jobs are done")
    assert post(server, "/infer", pair.body, X_Tenant_ID="alice").status == 202


def test_stored_bytes_have_a_quota(start_server: StartServer, pair_models: pathlib.Path, pair: HonestRequest) -> None:
    probe = start_server(registry=pair_models)
    assert post(probe, "/infer", pair.body, Prefer="wait=60").status == 200
    kept = probe.query("SELECT sum(length(bytes)) FROM job_results")
    server = start_server(
        "--tenant-max-stored-bytes", str(kept + 300_000), "--result-ttl", "2", registry=pair_models
    )
    statuses = [post(server, "/infer", pair.body, X_Tenant_ID="alice", Prefer="wait=60").status for _ in range(8)]
    assert statuses[0] == 200
    assert statuses[-1] == 429
    check_rate_limited(post(server, "/infer", pair.body, X_Tenant_ID="alice"))
    assert post(server, "/infer", pair.body, X_Tenant_ID="bob").status == 202
    wait_until(lambda: post(server, "/infer", pair.body, X_Tenant_ID="alice").status == 202, "results expire")


def test_all_tenants_together_have_a_bound(
    start_server: StartServer, pair_models: pathlib.Path, pair: HonestRequest
) -> None:
    server = start_server("--max-stored-bytes", "1000", registry=pair_models)
    contract.check_error(post(server, "/infer", pair.body), 503, "OVERLOADED")
    assert server.job_count() == 0


def test_limits_of_the_key_file_win(
    start_server: StartServer, pair_models: pathlib.Path, api_keys: dict[str, ApiKey], tmp_path: pathlib.Path
) -> None:
    limits: dict[str, dict[str, Any]] = {"bob": {"requests_per_second": 0.001, "burst": 2}}
    file = write_key_file(tmp_path / "keys.json", api_keys, limits)
    server = start_server(
        "--api-keys", str(file), "--tenant-requests-per-second", "1000", registry=pair_models,
        headers=api_keys["alice"].header,
    )
    assert [ask(server, "GET", "/models", headers=api_keys["bob"].header).status for _ in range(3)] == [200, 200, 429]
    assert {get(server, "/models").status for _ in range(20)} == {200}


def test_names_do_not_grow_the_server(start_server: StartServer, pair_models: pathlib.Path, good: GoodRequest) -> None:
    """More tenants than it tracks: memory stays, and those without room share a rate."""
    server = start_server("--tenant-requests-per-second", "0.001", "--tenant-burst", "1000000", registry=pair_models)
    good.check(server)

    def ask_as_many(start: int, count: int) -> None:
        with Connection(server) as connection:
            for at in range(start, start + count, 500):
                names = range(at, at + 500)
                connection.send(b"".join(request_bytes("GET", UNKNOWN_JOB, {"X-Tenant-ID": f"t{n}"}) for n in names))
                assert {connection.read_reply().status for _ in names} == {404}

    ask_as_many(0, 20_000)  # the limiter is full
    before = server.memory()
    ask_as_many(20_000, 20_000)
    assert server.memory() - before < 2 << 20
    good.check(server)
