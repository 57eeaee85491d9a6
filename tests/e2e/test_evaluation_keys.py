"""Evaluation keys over real sockets: sent, used, refused, deleted, kept through a kill -9."""

from __future__ import annotations

import contextlib
import json
import pathlib
import shutil
import threading
from collections.abc import Callable, Iterator

import pytest

from support import contract
from support.evaluation_keys import FIRST_ROW, MODELS, ROWS, KeyedModel, first_row, keyed_models, patched, uncompressed
from support.honest import GoodRequest
from support.http import JSON_BODY, Connection, Reply, ask, get, post, request_bytes
from support.server import Server, wait_until

StartServer = Callable[..., Server]
UNKNOWN = "0" * 64

pytestmark = pytest.mark.parametrize("model_id", keyed_models())


@pytest.fixture(scope="module")
def registry(models: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The usual models, and the project's that need evaluation keys."""
    directory = tmp_path_factory.mktemp("keyed") / "models"
    shutil.copytree(models, directory)
    for path in MODELS.iterdir():
        if path.name.partition(".")[0].partition("-")[0] in keyed_models():
            shutil.copy(path, directory)
    return directory


@pytest.fixture
def server(start_server: StartServer, registry: pathlib.Path) -> Server:
    return start_server("--log-format", "json", registry=registry)


KEYED: dict[str, KeyedModel] = {}


@pytest.fixture
def keyed(server: Server, model_id: str) -> Iterator[KeyedModel]:
    if model_id not in KEYED:
        KEYED[model_id] = KeyedModel(server, model_id)
    yield KEYED[model_id]


def checked(method: str, target: str, reply: Reply) -> Reply:
    contract.check_reply(method, target, reply)
    return reply


def store(server: Server, keyed: KeyedModel, status: int = 201, **headers: str) -> str:
    reply = checked("POST", "/keys", keyed.send(server, headers))
    assert reply.status == status, reply.body[:500]
    return reply.json()["evaluation_key_id"]


def key_files(server: Server) -> dict[str, bytes]:
    found = {}
    for path in (server.data / "keys").iterdir():
        if path.suffix in (".keys", ".part"):
            with contextlib.suppress(FileNotFoundError):  # deleted meanwhile
                found[path.name] = path.read_bytes()
    return found


def look(server: Server, key_id: str, **headers: str) -> int:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return checked("HEAD", f"/keys/{key_id}", ask(server, "HEAD", f"/keys/{key_id}", headers=fields)).status


def erase(server: Server, key_id: str) -> Reply:
    return checked("DELETE", f"/keys/{key_id}", ask(server, "DELETE", f"/keys/{key_id}"))


def infer(server: Server, keyed: KeyedModel, key_id: str | None, **headers: str) -> Reply:
    return checked("POST", "/infer", post(server, "/infer", keyed.infer_body(key_id), **headers))


def test_sent_once_used_and_deleted(server: Server, keyed: KeyedModel) -> None:
    key_id = store(server, keyed)
    assert store(server, keyed, status=200) == key_id
    assert checked("POST", "/keys", keyed.send_json(server)).json()["evaluation_key_id"] == key_id
    assert len(key_files(server)) == 1
    assert look(server, key_id) == 200
    assert infer(server, keyed, key_id, Prefer="wait=60").json()["status"] == "completed"
    assert erase(server, key_id).status == 204
    contract.check_error(erase(server, key_id), 404, "UNKNOWN_KEY")
    assert look(server, key_id) == 404
    assert key_files(server) == {}
    contract.check_error(infer(server, keyed, key_id), 409, "EVALUATION_KEY_REQUIRED")


def test_byte_counts_are_exact(server: Server, keyed: KeyedModel) -> None:
    for name, data in keyed.parts.items():
        assert keyed.needs["byte_counts"][name] == len(uncompressed(data))


def test_what_is_missing_is_named(server: Server, keyed: KeyedModel) -> None:
    for key_id, said in ((None, None), (UNKNOWN, "unknown")):
        reply = infer(server, keyed, key_id)
        contract.check_error(reply, 409, "EVALUATION_KEY_REQUIRED")
        details = reply.json()["error"]["details"]
        assert details.get("evaluation_key_id") == said
        assert details["galois_steps"] == ",".join(map(str, keyed.needs["galois_steps"]))


def test_unused_keys_expire(start_server: StartServer, registry: pathlib.Path, model_id: str, good: GoodRequest) -> None:
    server = start_server("--evaluation-key-ttl", "0.5", registry=registry)
    keyed = KEYED.get(model_id) or KeyedModel(server, model_id)
    key_id = store(server, keyed)
    wait_until(lambda: look(server, key_id) == 410, "they have expired")
    contract.check_error(infer(server, keyed, key_id), 410, "KEY_EXPIRED")
    wait_until(lambda: key_files(server) == {}, "their file is gone")
    assert look(server, key_id) == 410
    store(server, keyed)
    good.check(server)


# --- Refused --------------------------------------------------------------------------------------------------------------


def data_level(keyed: KeyedModel, data: bytes) -> bytes:
    """The parms_id of the first entry is that of the first data level: 32 bytes behind the entry's header."""
    level = bytes.fromhex(keyed.public["parms_ids"]["data"][0])
    at = first_row(data) + 8 + 16
    return data[:at] + level + data[at + 32 :]


BAD: dict[str, tuple[Callable[[KeyedModel], dict[str, bytes]], int, str]] = {
    "dimensions": (lambda k: {"galois": patched(k.galois, ROWS, 2**30)}, 400, "INVALID_CIPHERTEXT"),
    "inner-dimension": (lambda k: {"galois": patched(k.galois, first_row(k.galois), k.primes - 2)}, 400, "INVALID_CIPHERTEXT"),
    "zero-galois": (lambda k: {"galois": k.galois[:FIRST_ROW] + bytes(len(k.galois) - FIRST_ROW)}, 400, "INVALID_CIPHERTEXT"),
    "unrequired-rotation": (
        lambda k: {"galois": k.make_galois([*k.needs["galois_steps"], unneeded_step(k)])}, 400, "INVALID_CIPHERTEXT"),
    "relin-as-galois": (lambda k: {"galois": k.relinearization}, 400, "INVALID_CIPHERTEXT"),
    "missing-rotation": (lambda k: {"galois": k.make_galois(k.needs["galois_steps"][1:])}, 409, "INCOMPATIBLE_CIPHERTEXT"),
    "data-level-entry": (lambda k: {"galois": data_level(k, k.galois)}, 409, "INCOMPATIBLE_CIPHERTEXT"),
    "secret-key": (lambda k: {"galois": k.session.keys.secret_key().to_string()}, 400, "INVALID_CIPHERTEXT"),
}


def unneeded_step(keyed: KeyedModel) -> int:
    return next(step for step in range(1, keyed.degree) if step not in keyed.needs["galois_steps"]
                and step - keyed.degree // 2 not in keyed.needs["galois_steps"])


@pytest.mark.parametrize("case", [
    pytest.param(case, marks=pytest.mark.adversarial(f"keys.{case}", "keys.failed-re-upload")) for case in BAD
])
def test_bad_keys(server: Server, keyed: KeyedModel, case: str) -> None:
    key_id = store(server, keyed)
    before = key_files(server)
    make, status, code = BAD[case]
    bad = make(keyed)
    for reply in (keyed.send(server, **bad), keyed.send_json(server, **bad)):
        contract.check_error(checked("POST", "/keys", reply), status, code)
        assert key_files(server) == before
    if case == "secret-key":
        piece = bad["galois"][-64:]
        assert piece.hex() not in server.log_text()
        assert not any(piece in path.read_bytes() for path in server.data.rglob("*") if path.is_file())
    assert infer(server, keyed, key_id, Prefer="wait=60").json()["status"] == "completed"


@pytest.mark.adversarial("keys.wrong-kinds")
def test_other_kinds_than_the_model_needs(server: Server, keyed: KeyedModel) -> None:
    for missing in keyed.parts:
        body, fields = keyed.body(**{name: data for name, data in keyed.parts.items() if name != missing})
        contract.check_error(ask(server, "POST", "/keys", body, fields), 400, "SCHEMA_VIOLATION")
    names = {"model_id": "pair_v1", "version": "1.0.0", "galois": {"encoding": "hex", "payload": "00"}}
    assert post(server, "/keys", json.dumps(names).encode()).code in ("SCHEMA_VIOLATION", "UNKNOWN_MODEL")
    assert key_files(server) == {}


@pytest.mark.adversarial("keys.too-large")
def test_too_large_a_body_is_refused_unread(server: Server, model_id: str) -> None:
    with Connection(server) as connection:
        head = request_bytes("POST", "/keys", JSON_BODY | {"Content-Length": str(10**12), "Expect": "100-continue"})
        connection.send(head)
        contract.check_error(connection.read_reply(), 413, "PAYLOAD_TOO_LARGE")


@pytest.mark.adversarial("keys.foreign", "keys.ids")
def test_others_keys_are_as_unknown_ones(server: Server, keyed: KeyedModel) -> None:
    key_id = store(server, keyed, **{"X-Tenant-ID": "alice"})
    bob = {"X-Tenant-ID": "bob"}
    unknown = ask(server, "DELETE", f"/keys/{UNKNOWN}", headers=bob).body
    for wanted in (key_id, UNKNOWN, key_id[:-1], key_id.upper(), "..%2F" + key_id, "%00", "x" * 10_000):
        for method in ("HEAD", "DELETE"):
            reply = checked(method, f"/keys/{wanted}", ask(server, method, f"/keys/{wanted}", headers=bob))
            assert reply.status == 404
            assert method == "HEAD" or reply.body == unknown
    replies = [post(server, "/infer", keyed.infer_body(wanted), **bob) for wanted in (key_id, UNKNOWN)]
    assert replies[0].status == 409 and replies[0].body == replies[1].body
    assert look(server, key_id, X_Tenant_ID="alice") == 200


@pytest.mark.adversarial("keys.deleted-while-jobs-run")
def test_deleted_while_jobs_wait_and_run(start_server: StartServer, registry: pathlib.Path, model_id: str) -> None:
    server = start_server("--workers", "1", registry=registry)
    keyed = KEYED.get(model_id) or KeyedModel(server, model_id)
    key_id = store(server, keyed)
    jobs = [infer(server, keyed, key_id).header("Location") or "" for _ in range(6)]
    assert erase(server, key_id).status == 204
    for job in jobs:
        document = get(server, job, Prefer="wait=60").json()
        if document["status"] == "failed":
            contract.check_failed_job(document, "UNKNOWN_KEY")
        else:
            assert document["status"] == "completed"


@pytest.mark.adversarial("keys.disk-full")
def test_no_room(start_server: StartServer, registry: pathlib.Path, model_id: str) -> None:
    server = start_server("--max-evaluation-key-bytes", "1000000", registry=registry)
    keyed = KEYED.get(model_id) or KeyedModel(server, model_id)
    reply = keyed.send(server)
    contract.check_error(reply, 503, "OVERLOADED")
    assert reply.header("Retry-After")
    assert key_files(server) == {}


def test_quota(start_server: StartServer, registry: pathlib.Path, model_id: str) -> None:
    server = start_server("--tenant-max-evaluation-key-bytes", "1000000", registry=registry)
    keyed = KEYED.get(model_id) or KeyedModel(server, model_id)
    contract.check_error(keyed.send(server), 429, "RATE_LIMITED")
    assert key_files(server) == {}


@pytest.mark.adversarial("keys.killed")
def test_killed_during_an_upload(
    start_server: StartServer, registry: pathlib.Path, model_id: str, tmp_path: pathlib.Path
) -> None:
    home = tmp_path / "killed"
    server = start_server(registry=registry, home=home)
    keyed = KEYED.get(model_id) or KeyedModel(server, model_id)
    key_id = store(server, keyed)
    kept = key_files(server)
    body, fields = keyed.body()
    with Connection(server) as connection:
        connection.send(request_bytes("POST", "/keys", fields, body)[: -1000])
        wait_until(lambda: len(key_files(server)) == 2, "the upload has begun")
        server.kill()
    server = start_server(registry=registry, home=home)
    assert key_files(server) == kept
    assert infer(server, keyed, key_id, Prefer="wait=60").json()["status"] == "completed"


def test_many_at_once(server: Server, keyed: KeyedModel) -> None:
    statuses: list[int] = []
    threads = [threading.Thread(target=lambda: statuses.append(keyed.send(server).status)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200, 200, 200, 201]
    assert len(key_files(server)) == 1
