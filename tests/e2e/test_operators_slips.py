"""What an operator, a shell or a log reader does wrong must not open the server or stop it."""

from __future__ import annotations

import json
import os
import pathlib
import signal
import subprocess
import time
from collections.abc import Callable

import pytest

from support import contract
from support.access import ApiKey, write_key_file
from support.http import Connection, get, request_bytes
from support.server import BINARY, PATIENCE, Server, clean_environment, run_server, wait_until

StartServer = Callable[..., Server]

# Options whose absence leaves the server more open.
CLOSING = ["--api-keys", "--tls-cert", "--tls-key", "--tls-client-ca", "--audit-log", "--cors-origin"]


@pytest.mark.parametrize("option", CLOSING)
def test_an_option_without_a_value_is_bad_usage(pair_models: pathlib.Path, tmp_path: pathlib.Path, option: str) -> None:
    config = tmp_path / "einfer.toml"
    config.write_text(f'{option.removeprefix("--")} = ""\n', encoding="utf-8")
    variable = "EINFER_" + option.removeprefix("--").replace("-", "_").upper()
    base = ["--models", str(pair_models), "--data", str(tmp_path / "data"), "--listen", "127.0.0.1:0"]
    for flags, env in (
        ([f"{option}="], {}), ([option, ""], {}), ([], {variable: ""}), (["--config", str(config)], {}),
    ):
        ended = run_server(*base, *flags, env=env, cwd=tmp_path)
        assert ended.returncode == 2, (flags, env, ended.stderr)
        assert ended.stdout == ""
    assert {path.name for path in tmp_path.iterdir()} == {"einfer.toml"}, "something was made"


def test_an_empty_variable_does_not_swallow_an_option(pair_models: pathlib.Path, tmp_path: pathlib.Path) -> None:
    keys = write_key_file(tmp_path / "keys.json", {"alice": ApiKey.make()})
    ended = run_server(
        f"--api-keys={keys}", f"--models={pair_models}", "--listen=127.0.0.1:0", env={"EINFER_AUDIT_LOG": ""}, cwd=tmp_path
    )
    assert ended.returncode == 2
    assert "EINFER_AUDIT_LOG is empty" in ended.stderr


def read_port(process: subprocess.Popen[bytes]) -> int:
    assert process.stdout
    with process.stdout as stdout:
        return int(stdout.readline().split()[-1].rpartition(b":")[2])


def test_a_log_that_nobody_reads_does_not_stop_the_server(pair_models: pathlib.Path, tmp_path: pathlib.Path) -> None:
    log, other_end = os.pipe()
    process = subprocess.Popen(
        [str(BINARY), "--models", str(pair_models), "--data", str(tmp_path / "data"), "--listen", "127.0.0.1:0"],
        env=clean_environment(), stdout=subprocess.PIPE, stderr=other_end,
    )
    os.close(other_end)
    try:
        server = _Port(read_port(process))
        with Connection(server) as connection:  # type: ignore[arg-type]
            for _ in range(10):
                connection.send(request_bytes("GET", "/nothing") * 100)
                assert {connection.read_reply().status for _ in range(100)} == {404}
        text = os.read(log, 1 << 20)
        assert get(server, "/health").status == 200  # type: ignore[arg-type]
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
        text += os.read(log, 1 << 20)
        assert b"log_lines_dropped" in text
    finally:
        process.kill()
        os.close(log)


class _Port:
    """As much of a Server as a Connection needs."""

    tls = None
    headers: dict[str, str] = {}  # noqa: RUF012

    def __init__(self, port: int) -> None:
        self.port = port


def test_an_audit_log_that_nobody_reads_stops_the_start(pair_models: pathlib.Path, tmp_path: pathlib.Path) -> None:
    os.mkfifo(tmp_path / "audit")
    ended = run_server(
        "--models", str(pair_models), "--data", str(tmp_path / "data"), "--listen", "127.0.0.1:0",
        "--audit-log", str(tmp_path / "audit"),
    )
    assert ended.returncode == 1
    assert "audit log" in ended.stderr


def test_closed_standard_descriptors_do_not_become_files(pair_models: pathlib.Path, tmp_path: pathlib.Path) -> None:
    audit = tmp_path / "audit"
    command = [
        "sh", "-c", 'exec "$0" "$@" 0<&- 2>&-', str(BINARY), "--models", str(pair_models), "--data", str(tmp_path / "data"),
        "--listen", "127.0.0.1:0", "--audit-log", str(audit),
    ]
    process = subprocess.Popen(command, env=clean_environment(), stdout=subprocess.PIPE)
    try:
        server = _Port(read_port(process))
        assert get(server, "/models").status == 200  # type: ignore[arg-type]
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
    for line in audit.read_text(encoding="utf-8").splitlines():
        json.loads(line)
    assert (tmp_path / "data" / "lock").stat().st_size == 0


def test_a_data_directory_that_others_can_write_is_reported(
    start_server: StartServer, pair_models: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    home = tmp_path / "one"
    (home / "data").mkdir(parents=True)
    (home / "data").chmod(0o777)
    assert "data_directory_open" in start_server(registry=pair_models, home=home).log_text()
    assert "data_directory_open" not in start_server(registry=pair_models).log_text()


def test_a_reload_during_the_start_does_not_end_it(start_server: StartServer, models: pathlib.Path) -> None:
    server = start_server(registry=models, ready=False)
    for _ in range(20):
        server.process.send_signal(signal.SIGHUP)
        time.sleep(0.001)
    server.wait_ready()
    assert get(server, "/health").status == 200


def test_key_files_that_cannot_be_read_leave_the_old_one(
    start_server: StartServer, pair_models: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    """Nor does a file that opens and then fails, or a pipe that nobody writes to, end the server or make it wait."""
    key = ApiKey.make()
    keys = write_key_file(tmp_path / "keys.json", {"alice": key})
    server = start_server("--api-keys", str(keys), registry=pair_models, headers=key.header)
    fails_to_read, pipe, directory = pathlib.Path("/proc/self/mem"), tmp_path / "pipe", tmp_path
    os.mkfifo(pipe)
    for reloads, target in enumerate((fails_to_read, pipe, directory, tmp_path / "nothing"), 1):
        keys.unlink()
        keys.symlink_to(target)
        server.send_signal(signal.SIGHUP)
        wait_until(lambda: server.log_text().count("reload_failed") == reloads, "the reload has failed")  # noqa: B023
        assert get(server, "/models").status == 200
    assert server.stop() == 0


# --- Ways around a rate ----------------------------------------------------------------------------------------------------


def test_a_wrong_tenant_name_is_no_way_around_the_rate(
    start_server: StartServer, pair_models: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    key = ApiKey.make()
    keys = write_key_file(tmp_path / "keys.json", {"alice": key})
    rate = ["--tenant-requests-per-second", "0.001", "--tenant-burst", "6"]
    for server in (
        start_server(*rate, registry=pair_models),
        start_server(*rate, "--api-keys", str(keys), registry=pair_models, headers=key.header),
    ):
        bad = ["!", "", "alice\r\nX-Tenant-ID: alice"]
        for _ in range(2):
            for name in bad:
                assert get(server, "/models", X_Tenant_ID=name).status == 200
        for name in bad:
            contract.check_error(get(server, "/models", X_Tenant_ID=name), 429, "RATE_LIMITED")
            contract.check_error(get(server, "/jobs/x", X_Tenant_ID=name), 429, "RATE_LIMITED")


def test_many_small_header_fields(start_server: StartServer, pair_models: pathlib.Path) -> None:
    server = start_server(registry=pair_models)
    few, many = (
        b"GET /health HTTP/1.1\r\nHost: x\r\n" + b"a:\r\n" * count + b"\r\n" for count in (100, 200)
    )
    with Connection(server) as connection:
        connection.send(few)
        assert connection.read_reply().status == 200
        connection.send(many)
        contract.check_error(connection.read_reply(), 431, "HEADERS_TOO_LARGE")
        assert connection.is_ended()
    wait_until(lambda: not server.connections(), "the connections are gone")
    before = server.memory()
    held = [Connection(server) for _ in range(200)]
    for connection in held:
        connection.send(many[:-2])
    wait_until(server.has_read_everything, "all have arrived")
    assert server.memory() - before < 200 * 300_000
    for connection in held:
        connection.close()
