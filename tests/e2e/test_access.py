"""Browsers (CORS) and the audit log."""

from __future__ import annotations

import json
import pathlib
import signal
import stat
import time
from collections.abc import Callable
from typing import Any

import pytest

from support import contract
from support.access import ApiKey, write_key_file
from support.honest import HonestRequest
from support.http import JSON_BODY, Connection, ask, get, post, request_bytes
from support.server import Server, run_server, wait_until

StartServer = Callable[..., Server]

ORIGIN = "https://app.example.org"
PREFLIGHT = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}


# --- CORS ------------------------------------------------------------------------------------------------------------------


def cors_fields(fields: tuple[tuple[str, str], ...]) -> set[str]:
    return {name for name, _ in fields if name.startswith("Access-Control") or name == "Vary"}


def test_by_default_origins_are_not_looked_at(server: Server) -> None:
    contract.check_error(ask(server, "OPTIONS", "/infer", headers=PREFLIGHT), 405, "METHOD_NOT_ALLOWED")
    assert not cors_fields(get(server, "/models", Origin=ORIGIN).fields)


@pytest.fixture
def open_server(start_server: StartServer, pair_models: pathlib.Path) -> Server:
    return start_server("--cors-origin", ORIGIN, "--cors-origin", "http://localhost:3000", registry=pair_models)


@pytest.mark.parametrize(("target", "methods"), [
    ("/infer", "POST"), ("/models", "GET, HEAD"), ("/jobs/" + "0" * 32, "GET, HEAD, DELETE"), ("/health", "GET, HEAD"),
])
def test_a_preflight_is_answered(open_server: Server, target: str, methods: str) -> None:
    reply = ask(open_server, "OPTIONS", target, headers=PREFLIGHT)
    assert (reply.status, reply.body) == (204, b"")
    assert reply.header("Access-Control-Allow-Origin") == ORIGIN
    assert reply.header("Access-Control-Allow-Methods") == methods
    allowed = (reply.header("Access-Control-Allow-Headers") or "").lower().split(", ")
    assert {"authorization", "content-type", "idempotency-key", "inference-header-content-length", "prefer", "x-tenant-id"} <= set(allowed)
    assert reply.header("Access-Control-Allow-Credentials") is None
    assert reply.header("Vary") == "Origin"


def test_replies_can_be_read_by_the_origins_pages_only(open_server: Server, pair: HonestRequest) -> None:
    for origin in (ORIGIN, "http://localhost:3000"):
        replies = [
            ask(open_server, "POST", "/infer", pair.body, JSON_BODY | {"Origin": origin}),
            ask(open_server, "POST", "/infer", b"{", JSON_BODY | {"Origin": origin}),
            get(open_server, "/nothing", Origin=origin),
        ]
        assert [reply.status for reply in replies] == [202, 400, 404]
        for reply in replies:
            assert reply.header("Access-Control-Allow-Origin") == origin
            exposed = (reply.header("Access-Control-Expose-Headers") or "").split(", ")
            assert {"Location", "Inference-Header-Content-Length"} <= set(exposed)
    for origin in ("https://evil.example.org", "null", ORIGIN + ".evil.org", ORIGIN.upper(), ""):
        reply = get(open_server, "/models", Origin=origin)
        assert cors_fields(reply.fields) == {"Vary"}
        contract.check_error(
            ask(open_server, "OPTIONS", "/infer", headers=PREFLIGHT | {"Origin": origin}), 405, "METHOD_NOT_ALLOWED"
        )


def test_other_options_requests_are_405(open_server: Server) -> None:
    for headers in ({}, {"Origin": ORIGIN}):
        contract.check_error(ask(open_server, "OPTIONS", "/infer", headers=headers), 405, "METHOD_NOT_ALLOWED")
    contract.check_error(ask(open_server, "OPTIONS", "/nothing", headers=PREFLIGHT), 404, "NOT_FOUND")


def test_any_origin(start_server: StartServer, pair_models: pathlib.Path) -> None:
    server = start_server("--cors-origin", "*", registry=pair_models)
    reply = get(server, "/models", Origin="https://anything.example")
    assert reply.header("Access-Control-Allow-Origin") == "*"


@pytest.mark.parametrize("origin", ["app.example.org", "https://app.example.org/", "https://a b", "https://u@a.org", ""])
def test_what_is_no_origin_is_bad_usage(pair_models: pathlib.Path, origin: str) -> None:
    ended = run_server("--models", str(pair_models), f"--cors-origin={origin}")
    assert ended.returncode == 2
    assert "origin" in ended.stderr


# --- Audit log -------------------------------------------------------------------------------------------------------------


def read_events(path: pathlib.Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_who_did_what(
    start_server: StartServer, pair_models: pathlib.Path, pair: HonestRequest, tmp_path: pathlib.Path
) -> None:
    key = ApiKey.make()
    keys, audit = write_key_file(tmp_path / "keys.json", {"alice": key}), tmp_path / "audit"
    server = start_server("--api-keys", str(keys), "--audit-log", str(audit), registry=pair_models, headers=key.header)
    job = post(server, "/infer", pair.body, Prefer="wait=60", X_Request_ID="the-request").json()["job_id"]
    assert post(server, "/infer", b"{").status == 400
    assert ask(server, "GET", f"/jobs/{job}", headers={"Authorization": "Bearer wrong"}).status == 401
    assert ask(server, "GET", f"/jobs/{job}", headers={"X-Tenant-ID": "bob"}).status == 403
    assert get(server, "/health").status == 200
    assert server.stop() == 0

    assert stat.S_IMODE(audit.stat().st_mode) == 0o600
    events = read_events(audit)
    assert [events[0]["event"], events[-1]["event"]] == ["started", "stopped"]
    requests = [event for event in events if event["event"] == "request"]
    assert [(event["route"], event["status"], event["code"]) for event in requests] == [
        ("/infer", 200, ""), ("/infer", 400, "MALFORMED_JSON"), ("/jobs/{job_id}", 401, "UNAUTHENTICATED"),
        ("/jobs/{job_id}", 403, "FORBIDDEN"),
    ]
    first = requests[0]
    assert (first["request_id"], first["tenant"], first["job_id"]) == ("the-request", "alice", job)
    assert (first["model"], first["batch_size"], first["remote"]) == ("pair_v1@1.0.0", 3, "127.0.0.1")
    assert key.entry.startswith("sha256:" + first["key_id"])
    assert requests[3]["key_id"] == first["key_id"], "who tried to be somebody else"
    assert {event["event"] for event in events if event.get("job_id") == job} >= {"job_accepted", "job_completed"}
    text = audit.read_text(encoding="utf-8")
    assert key.key not in text
    assert len(max(text.splitlines(), key=len)) < 600, "something long is in it"


def test_refusals_do_not_fill_the_logs(
    start_server: StartServer, pair_models: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    keys, audit = write_key_file(tmp_path / "keys.json", {"alice": ApiKey.make()}), tmp_path / "audit"
    server = start_server("--api-keys", str(keys), "--audit-log", str(audit), registry=pair_models)
    with Connection(server) as connection:
        for _ in range(20):
            connection.send(request_bytes("GET", "/models") * 100)
            assert {connection.read_reply().status for _ in range(100)} == {401}
    time.sleep(1)
    assert get(server, "/models").status == 401
    events = [event for event in read_events(audit) if event["event"] == "request"]
    assert len(events) < 1000
    assert len(events) + sum(event.get("refusals_left_out", 0) for event in events) == 2001
    # The log's line follows the reply.
    wait_until(lambda: server.log_text().count("status=401") == len(events), "the log has the same refusals")


def test_the_audit_log_is_rotated(
    start_server: StartServer, pair_models: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    audit, old = tmp_path / "audit", tmp_path / "audit.1"
    server = start_server("--audit-log", str(audit), "--log-format", "json", registry=pair_models)
    assert get(server, "/models").status == 200
    audit.rename(old)
    assert get(server, "/models").status == 200
    server.process.send_signal(signal.SIGHUP)
    wait_until(lambda: '"reloaded"' in server.log_text(), "the log is opened anew")
    assert get(server, "/models").status == 200
    assert [event["event"] for event in read_events(old)] == ["started", "request", "request"]
    assert [event["event"] for event in read_events(audit)] == ["reloaded", "request"]


def test_an_audit_log_that_cannot_be_opened_stops_the_start(pair_models: pathlib.Path, tmp_path: pathlib.Path) -> None:
    ended = run_server(
        "--models", str(pair_models), "--data", str(tmp_path / "data"), "--listen", "127.0.0.1:0",
        "--audit-log", str(tmp_path / "missing" / "audit"),
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "audit log" in ended.stderr


def test_a_full_disk_behind_the_audit_log_does_not_stop_the_server(
    start_server: StartServer, pair_models: pathlib.Path
) -> None:
    server = start_server("--audit-log", "/dev/full", registry=pair_models)
    for _ in range(3):
        assert get(server, "/models").status == 200
    assert server.log_text().count("audit_failed") == 1
