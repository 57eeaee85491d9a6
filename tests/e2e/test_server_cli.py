"""The server as a program: options, registry faults, logs, exit codes."""

from __future__ import annotations

import json
import pathlib
import re
import stat
from collections.abc import Callable
from typing import Any

import pytest

from support.honest import GoodRequest, HonestRequest
from support.http import get, post
from support.models import MODELS, PAIR, Model, entry, project_models, read_entry, write_registry
from support.server import Server, run_server, wait_until

StartServer = Callable[..., Server]


# --- Usage -----------------------------------------------------------------------------------------------------------------


def test_help() -> None:
    for flag in ("--help", "-h"):
        result = run_server(flag)
        assert (result.returncode, result.stderr) == (0, "")
        for option in ("--listen", "--models", "--data", "--check", "--config", "--workers", "--max-queued-jobs",
                       "--memory-budget", "--max-wait", "--result-ttl", "--log-level", "--log-format", "--enable-plain"):
            assert option in result.stdout
        assert "EINFER_" in result.stdout


def test_version() -> None:
    result = run_server("--version")
    assert (result.returncode, result.stderr) == (0, "")
    assert re.fullmatch(r"einfer-server \d+\.\d+\.\d+\n", result.stdout)


def test_check() -> None:
    result = run_server("--models", str(MODELS), "--check")
    assert (result.returncode, result.stdout, result.stderr) == (0, f"{len(list(MODELS.glob('*.json')))} models are good\n", "")


def test_check_leaves_no_data_behind(tmp_path: pathlib.Path) -> None:
    assert run_server("--models", str(MODELS), "--check", cwd=tmp_path).returncode == 0
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("arguments", [
    [], ["--check"], ["--models"], ["--models", "{models}", "--bogus"], ["--models", "{models}", "--check", "extra"],
    ["--models", "{models}", "--models", "{models}", "--check"], ["--models", "{models}", "-x"],
    *(["--models", "{models}", "--check", option, value] for option, value in [
        *(("--workers", value) for value in ("0", "-1", "x", "1025", "1.5", "")),
        ("--io-threads", "0"), ("--max-queued-jobs", "0"), ("--max-queued-bytes", "-1"), ("--max-queued-bytes", "x"),
        ("--memory-budget", "-1"), ("--memory-budget", "10zb"), ("--memory-budget", ""), ("--max-connections", "0"),
        ("--max-header-bytes", "1"), ("--max-header-bytes", "1g"), ("--max-attempts", "0"),
        ("--header-timeout", "0"), ("--header-timeout", "-1"), ("--header-timeout", "x"), ("--header-timeout", "nan"),
        ("--header-timeout", "inf"), ("--result-ttl", "1e300"), ("--max-wait", "1h"),
        ("--log-level", "loud"), ("--log-level", ""), ("--log-format", "xml"),
        *(("--listen", value) for value in (
            "", "127.0.0.1", ":8000", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "127.0.0.1:-1")),
        ("--config", "/nonexistent"),
    ]),
], ids=" ".join)
def test_bad_usage(arguments: list[str], tmp_path: pathlib.Path) -> None:
    result = run_server(*(argument.format(models=MODELS) for argument in arguments), cwd=tmp_path)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr and "terminate" not in result.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("flags", [
    ["--workers", "1024"], ["--memory-budget", "2GiB"], ["--memory-budget", "100000"], ["--max-queued-bytes", "1 mb"],
    ["--max-wait", "0.5"], ["--header-timeout", "1e3"], ["--log-level", "warning"], ["--log-format", "json"],
    ["--listen", "[::1]:0"], ["--listen", "0.0.0.0:65535"], ["--enable-plain"],
], ids=" ".join)
def test_good_usage(flags: list[str]) -> None:
    assert run_server("--models", str(MODELS), "--check", *flags).returncode == 0


# --- Where options come from -----------------------------------------------------------------------------------------------


@pytest.fixture
def registries(tmp_path: pathlib.Path) -> dict[str, pathlib.Path]:
    """Models directories that --check tells apart by how many models they have."""
    named = {"file": 1, "environment": 2, "command line": 3}
    return {
        name: write_registry(tmp_path / name, *(entry(f"model_{number}", weights=[1.0]) for number in range(count)))
        for name, count in named.items()
    }


def test_the_command_line_wins_over_the_environment_and_that_over_the_file(
    registries: dict[str, pathlib.Path], tmp_path: pathlib.Path
) -> None:
    config = tmp_path / "config.toml"
    config.write_text(f'models = "{registries["file"]}"\ncheck = true\n', encoding="utf-8")
    environment = {"EINFER_MODELS": str(registries["environment"])}
    from_file = ["--config", str(config)]
    on_command_line = ["--models", str(registries["command line"])]
    for arguments, variables, count in (
        (from_file, {}, 1), (from_file, environment, 2), (from_file + on_command_line, environment, 3),
        (from_file + on_command_line, {}, 3), (["--check"], environment, 2), ([*on_command_line, "--check"], environment, 3),
        ([], environment | {"EINFER_CHECK": "true"}, 2), ([], environment | {"EINFER_CHECK": "1"}, 2),
        ([], {"EINFER_CONFIG": str(config)}, 1), ([], environment | {"EINFER_CONFIG": str(config)}, 2),
    ):
        result = run_server(*arguments, env=variables)
        assert (result.returncode, result.stdout) == (0, f"{count} models are good\n"), (arguments, variables, result.stderr)


def test_every_kind_of_option_in_the_environment(start_server: StartServer, good: GoodRequest) -> None:
    server = start_server(env={
        "EINFER_LOG_FORMAT": "json", "EINFER_ENABLE_PLAIN": "true", "EINFER_MAX_HEADER_BYTES": "1kb", "EINFER_WORKERS": "1",
        "EINFER_MAX_WAIT": "2.5",
    })
    good.check(server)
    assert all(json.loads(line) for line in server.log_text().splitlines())
    assert post(server, "/infer/plain", b'{"model_id":"pair_v1","version":"1.0.0","inputs":[[1,2]]}').status == 200
    assert get(server, "/health", X="x" * 1024).status == 431


def test_every_kind_of_option_in_a_file(start_server: StartServer, good: GoodRequest, tmp_path: pathlib.Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text(
        '# a comment\nlog-format = "json"\nenable-plain = true\nmax-header-bytes = "1kb"\nworkers = 1\nmax-wait = 2.5\n',
        encoding="utf-8",
    )
    server = start_server("--config", str(config))
    good.check(server)
    assert all(json.loads(line) for line in server.log_text().splitlines())
    assert post(server, "/infer/plain", b'{"model_id":"pair_v1","version":"1.0.0","inputs":[[1,2]]}').status == 200
    assert get(server, "/health", X="x" * 1024).status == 431


@pytest.mark.parametrize("text", [
    "bogus = 1", "workers = 0", 'workers = "x"', "[[[", "workers", "[section]\nworkers = 1", "log-level = \"loud\"",
])
def test_bad_config(tmp_path: pathlib.Path, text: str) -> None:
    config = tmp_path / "config.toml"
    config.write_text(text + "\n", encoding="utf-8")
    result = run_server("--config", str(config), "--models", str(MODELS), "--check")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr


@pytest.mark.parametrize("variables", [{"EINFER_WORKERS": "0"}, {"EINFER_LOG_LEVEL": "loud"}, {"EINFER_MAX_WAIT": "x"}])
def test_bad_environment(variables: dict[str, str]) -> None:
    result = run_server("--models", str(MODELS), "--check", env=variables)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr


# --- The registry ----------------------------------------------------------------------------------------------------------

FAULT = re.compile(
    r"einfer-server: models directory (?P<directory>.+?): (?:(?P<file>[^/: ]+\.json): )?"
    r"(?P<category>schema|semantic) fault(?: at (?P<field>/\S*))?: (?P<reason>.+)\n"
)


def check_fault(directory: pathlib.Path, file: str | None, category: str, field: str = "") -> None:
    """The start is refused, and so is the check, with the four parts that name the fault. The field may be named closer."""
    for more in (["--check"], ["--listen", "127.0.0.1:0", "--data", str(directory / "data")]):
        result = run_server("--models", str(directory), *more)
        assert (result.returncode, result.stdout) == (1, "")
        fault = FAULT.fullmatch(result.stderr)
        assert fault, result.stderr
        assert fault["directory"] == str(directory)
        assert (fault["file"], fault["category"]) == (file, category), result.stderr
        assert len(fault["reason"]) > 10
        named = fault["field"] or ""
        assert named == field or (field and named.startswith(f"{field}/")), result.stderr
    assert not (directory / "data").exists()


def changed(path: str, value: Any) -> Model:
    """A valid entry with one member changed, added, or removed (by ...)."""
    model = json.loads(json.dumps(PAIR))
    *parents, last = path.strip("/").split("/")
    node: Any = model
    for step in parents:
        node = node[int(step) if isinstance(node, list) else step]
    key: Any = int(last) if isinstance(node, list) else last
    if value is ...:
        del node[key]
    else:
        node[key] = value
    return model


PARAMETERS = "/encryption_parameters"
BITS = f"{PARAMETERS}/coeff_modulus_bits"
DEGREE = f"{PARAMETERS}/poly_modulus_degree"

SCHEMA_FAULTS: list[tuple[str, Any, str]] = [
    *((f"/{name}", ..., "") for name in (
        "model_id", "version", "description", "he_scheme", "encryption_parameters", "inference", "parameters",
        "activation_parameters", "constraints")),
    *((path, ..., path.rpartition("/")[0]) for path in (
        DEGREE, f"{PARAMETERS}/scale", BITS, f"{PARAMETERS}/max_multiplicative_depth", "/inference/input_dimension",
        "/inference/output_dimension", "/inference/activation", "/parameters/weights", "/parameters/bias",
        "/activation_parameters/kind", "/activation_parameters/coefficients", "/constraints/max_batch_size")),
    ("/tolerence", 0.1, ""),
    ("/parameters/slope", 1, "/parameters"),
    ("/model_id", "Pair", "/model_id"),
    ("/model_id", "1pair", "/model_id"),
    ("/model_id", "x" * 65, "/model_id"),
    ("/model_id", "pair_v1\n", "/model_id"),
    ("/version", "1.0", "/version"),
    ("/version", "1.0.0-rc1", "/version"),
    ("/version", 1, "/version"),
    ("/description", None, "/description"),
    (DEGREE, 4096.5, DEGREE),
    (DEGREE, "4096", DEGREE),
    (DEGREE, 0, DEGREE),
    (f"{PARAMETERS}/scale", 0, f"{PARAMETERS}/scale"),
    (f"{PARAMETERS}/scale", -1, f"{PARAMETERS}/scale"),
    (BITS, [36], BITS),
    (f"{BITS}/1", 36.5, f"{BITS}/1"),
    (f"{BITS}/1", 0, f"{BITS}/1"),
    (f"{PARAMETERS}/max_multiplicative_depth", -1, f"{PARAMETERS}/max_multiplicative_depth"),
    ("/inference/input_dimension", 0, "/inference/input_dimension"),
    ("/inference/input_dimension", 4097, "/inference/input_dimension"),
    ("/inference/output_dimension", 2, "/inference/output_dimension"),
    ("/inference/activation", "relu", "/inference/activation"),
    ("/activation_parameters/kind", "table", "/activation_parameters/kind"),
    ("/activation_parameters/coefficients", [0.5, 0.25], "/activation_parameters/coefficients"),
    ("/activation_parameters/coefficients", [0.5, 0.25, 0, 0], "/activation_parameters/coefficients"),
    ("/parameters/weights", [], "/parameters/weights"),
    ("/parameters/weights/1", "1", "/parameters/weights/1"),
    ("/constraints/max_batch_size", 0, "/constraints/max_batch_size"),
    ("/input_bounds", [4, 0], "/input_bounds/1"),
    ("/tolerance", 0, "/tolerance"),
    ("/tolerance", 2, "/tolerance"),
    ("/feature_names", ["a", "a"], "/feature_names"),
    ("/feature_names", ["a", ""], "/feature_names/1"),
    ("/class_names", ["a", "b", "c"], "/class_names"),
    ("/provenance", 1, "/provenance"),
]

INFINITE = "1e400"  # which Python does not write: put into the text

SEMANTIC_FAULTS: list[tuple[str, Any, str]] = [
    ("/he_scheme", "BFV", "/he_scheme"),
    ("/he_scheme", "ckks", "/he_scheme"),
    (DEGREE, 512, DEGREE),
    (DEGREE, 3000, DEGREE),
    (DEGREE, 4095, DEGREE),
    (DEGREE, 65536, DEGREE),
    (BITS, [37, 36, 37], BITS),  # 110 bits, one too many
    (BITS, [60, 60], BITS),
    (f"{BITS}/0", 19, BITS),
    (f"{BITS}/1", 61, BITS),
    (f"{PARAMETERS}/scale", 0.5, f"{PARAMETERS}/scale"),
    (f"{PARAMETERS}/scale", 2**71, f"{PARAMETERS}/scale"),
    (f"{PARAMETERS}/max_multiplicative_depth", 2, f"{PARAMETERS}/max_multiplicative_depth"),
    (f"{PARAMETERS}/scale", 2**65, PARAMETERS),  # no room for the weights
    ("/input_bounds", [1e15, 1e15], PARAMETERS),  # nor for the values
    ("/tolerance", 1e-9, "/tolerance"),
    (f"{PARAMETERS}/scale", 2**10, "/tolerance"),
    ("/parameters/weights", [1.0], "/parameters/weights"),
    ("/parameters/weights", [1.0, 1.0, 1.0], "/parameters/weights"),
    ("/parameters/weights", [0.0, 0.0], "/parameters/weights"),
    ("/parameters/weights", [1e-300, -1e-300], "/parameters/weights"),
    ("/activation_parameters/coefficients", [0.5, 0, 0], "/activation_parameters/coefficients"),
    ("/inference/input_dimension", 3, "/parameters/weights"),
    ("/input_bounds", [4], "/input_bounds"),
    ("/feature_names", ["a"], "/feature_names"),
    ("/constraints/max_batch_size", 2049, "/constraints/max_batch_size"),
    ("/parameters/weights/0", INFINITE, "/parameters/weights"),
    ("/parameters/bias", INFINITE, "/parameters/bias"),
    ("/activation_parameters/coefficients/2", INFINITE, "/activation_parameters/coefficients"),
    ("/input_bounds/0", INFINITE, "/input_bounds"),
    (f"{PARAMETERS}/scale", INFINITE, f"{PARAMETERS}/scale"),
]


def write_bad(directory: pathlib.Path, text: str) -> pathlib.Path:
    """A good entry, and one behind it that is not."""
    write_registry(directory, entry("a_good_one", weights=[1.0]))
    (directory / "bad.json").write_text(text, encoding="utf-8")
    return directory


def fault_id(value: Any) -> str | None:
    return "removed" if value is ... else str(value)[:30]


@pytest.mark.parametrize(("path", "value", "field"), SCHEMA_FAULTS, ids=fault_id)
def test_schema_faults(tmp_path: pathlib.Path, path: str, value: Any, field: str) -> None:
    check_fault(write_bad(tmp_path / "models", json.dumps(changed(path, value))), "bad.json", "schema", field)


@pytest.mark.parametrize(("path", "value", "field"), SEMANTIC_FAULTS, ids=fault_id)
def test_semantic_faults(tmp_path: pathlib.Path, path: str, value: Any, field: str) -> None:
    text = json.dumps(changed(path, value)).replace(f'"{INFINITE}"', INFINITE)
    check_fault(write_bad(tmp_path / "models", text), "bad.json", "semantic", field)


TEXT = json.dumps(PAIR)


@pytest.mark.parametrize("text", [
    "", "{", "[", TEXT[:-1], TEXT + "x", TEXT + TEXT, TEXT.replace("{", '{"version": "1.0.0", ', 1), "\ufeff" + TEXT,
    "// a comment\n" + TEXT, TEXT.replace("0.25", "NaN", 1), "\0",
], ids=range(11))
def test_files_that_are_no_json(tmp_path: pathlib.Path, text: str) -> None:
    check_fault(write_bad(tmp_path / "models", text), "bad.json", "schema")


@pytest.mark.parametrize("text", ["[]", "null", "1", f"[{TEXT}]"])
def test_files_that_are_no_object(tmp_path: pathlib.Path, text: str) -> None:
    check_fault(write_bad(tmp_path / "models", text), "bad.json", "schema")


def test_a_prime_chain_that_does_not_exist(tmp_path: pathlib.Path) -> None:
    """There are not so many primes of 20 bits that fit the degree."""
    model = entry("no_primes", weights=[1.0], degree=32768, bits=[20] * 30, tolerance=1)
    model["encryption_parameters"]["scale"] = 2**20
    check_fault(write_bad(tmp_path / "models", json.dumps(model)), "bad.json", "semantic", BITS)


def test_no_models(tmp_path: pathlib.Path) -> None:
    check_fault(tmp_path / "nothing", None, "schema")
    (tmp_path / "empty").mkdir()
    check_fault(tmp_path / "empty", None, "semantic")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "model.txt").write_text(TEXT, encoding="utf-8")
    (tmp_path / "other" / "folder").mkdir()
    (tmp_path / "other" / "folder" / "model.json").write_text(TEXT, encoding="utf-8")
    check_fault(tmp_path / "other", None, "semantic")
    file = tmp_path / "file.json"
    file.write_text(TEXT, encoding="utf-8")
    result = run_server("--models", str(file), "--check")
    assert (result.returncode, result.stdout) == (1, "")


def test_a_folder_that_is_named_like_a_file(tmp_path: pathlib.Path) -> None:
    directory = write_registry(tmp_path / "models", PAIR)
    (directory / "x.json").mkdir()
    check_fault(directory, "x.json", "schema")


def test_one_model_twice(tmp_path: pathlib.Path) -> None:
    directory = write_registry(tmp_path / "models", PAIR, {**PAIR, "version": "1.0.1"})
    assert run_server("--models", str(directory), "--check").returncode == 0
    (directory / "twin.json").write_text(json.dumps({**PAIR, "description": "Another one."}), encoding="utf-8")
    check_fault(directory, "twin.json", "semantic", "/model_id")


def test_what_is_no_entry_is_ignored(tmp_path: pathlib.Path) -> None:
    directory = write_registry(tmp_path / "models", PAIR)
    (directory / "README.md").write_text("no JSON", encoding="utf-8")
    (directory / "folder").mkdir()
    (directory / "folder" / "bad.json").write_text("no JSON", encoding="utf-8")
    assert run_server("--models", str(directory), "--check").stdout == "1 models are good\n"


def test_optional_members_do_not_show(start_server: StartServer, tmp_path: pathlib.Path) -> None:
    everything = {**PAIR, "feature_names": ["a", "b"], "class_names": ["no", "yes"], "provenance": "made up"}
    server = start_server(registry=write_registry(tmp_path / "models", everything))
    shown = {name: value for name, value in PAIR.items() if name not in ("input_bounds", "tolerance")}
    assert get(server, "/models").json()["models"] == [shown]


def test_models_are_listed_as_they_were_written(server: Server) -> None:
    shown = {model["model_id"]: model for model in get(server, "/models").json()["models"]}
    optional = {"input_bounds", "tolerance", "feature_names", "class_names", "provenance"}
    for name in project_models():
        assert shown[name] == {key: value for key, value in read_entry(name).items() if key not in optional}


def test_zero_weights_are_settled_when_loaded(start_server: StartServer, tmp_path: pathlib.Path) -> None:
    model = entry("zeros_v1", weights=[0.0, 1.5, -0.0, 1e-200], input_bounds=[4] * 4, tolerance=0.01)
    server = start_server(registry=write_registry(tmp_path / "models", model))
    request = HonestRequest.make(model, [[1.0, 2.0, 3.0, 4.0], [-4.0, -3.0, 4.0, 4.0]])
    request.check_job(post(server, "/infer", request.body, Prefer="wait=60").json())


# --- Starting --------------------------------------------------------------------------------------------------------------


def test_a_port_in_use(start_server: StartServer, good: GoodRequest, tmp_path: pathlib.Path, models: pathlib.Path) -> None:
    server = start_server()
    result = run_server(
        "--listen", f"127.0.0.1:{server.port}", "--models", str(models), "--data", str(tmp_path / "other"))
    assert (result.returncode, result.stdout) == (1, "")
    assert re.fullmatch(rf"einfer-server: cannot listen on 127\.0\.0\.1:{server.port}: .+\n", result.stderr)
    good.check(server)


@pytest.mark.parametrize("address", ["localhost:0", "256.0.0.1:0", "192.0.2.1:0"])
def test_an_address_that_is_none_or_not_ours(tmp_path: pathlib.Path, models: pathlib.Path, address: str) -> None:
    result = run_server("--listen", address, "--models", str(models), "--data", str(tmp_path / "data"))
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("einfer-server: ")
    assert len(result.stderr.splitlines()) == 1


def test_a_data_directory_that_cannot_be(tmp_path: pathlib.Path, models: pathlib.Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    for data in (tmp_path / "file", tmp_path / "file" / "data", pathlib.Path("/proc/einfer")):
        result = run_server("--listen", "127.0.0.1:0", "--models", str(models), "--data", str(data))
        assert (result.returncode, result.stdout) == (1, "")
        assert re.fullmatch(r"einfer-server: .*data directory.*\n", result.stderr)


@pytest.mark.parametrize("content", [b"SQLite format 3\0" + bytes(4080), b"something else" * 1000])
def test_a_database_that_is_none(tmp_path: pathlib.Path, models: pathlib.Path, content: bytes) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "jobs.sqlite3").write_bytes(content)
    result = run_server("--listen", "127.0.0.1:0", "--models", str(models), "--data", str(tmp_path / "data"))
    assert (result.returncode, result.stdout) == (1, "")
    assert re.fullmatch(r"einfer-server: .*database.*\n", result.stderr)
    assert (tmp_path / "data" / "jobs.sqlite3").read_bytes() == content


def test_data_is_the_operators_alone(start_server: StartServer, good: GoodRequest) -> None:
    server = start_server()
    good.check(server)
    assert stat.S_IMODE(server.data.stat().st_mode) == 0o700
    for path in server.data.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_one_line_on_standard_output(start_server: StartServer, good: GoodRequest) -> None:
    server = start_server()
    good.check(server)
    assert server.stop() == 0
    assert server.process.stdout is not None
    assert server.process.stdout.read() == b""


# --- Logs ------------------------------------------------------------------------------------------------------------------


def talk(server: Server, good: GoodRequest, pair: HonestRequest) -> None:
    """Some of everything that is logged."""
    good.check(server)
    post(server, "/infer", b"{", X_Request_ID="mine")
    post(server, "/infer", pair.body_with(pair.session.keys.secret_key().to_string()), X_Tenant_ID="clinic-7")
    post(server, "/infer", pair.body_with(pair.payloads[0], pair.payloads[0]), Prefer="wait=60")
    get(server, "/nothing", X_Secret="squeamish")
    get(server, "/models?squeamish=ossifrage")
    get(server, "/jobs/squeamish")


TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


@pytest.mark.parametrize("log_format", ["text", "json"])
@pytest.mark.parametrize("level", ["debug", "info", "warning", "error", "off"])
def test_logs(start_server: StartServer, good: GoodRequest, pair: HonestRequest, level: str, log_format: str) -> None:
    server = start_server("--log-level", level, "--log-format", log_format)
    talk(server, good, pair)
    assert server.stop() == 0
    lines = server.log_text().splitlines()
    if level in ("debug", "info"):
        assert len(lines) > 10
        for line in lines:
            if log_format == "json":
                read = json.loads(line)
                assert re.fullmatch(TIME, read["time"]) and read["level"] in ("debug", "info") and read["event"]
            else:
                assert re.match(rf"{TIME} (debug|info) [a-z_]+( |$)", line), line
    else:
        assert not lines
    text = "\n".join(lines)
    assert not re.search(r"[0-9a-fA-F]{33,}|[A-Za-z0-9+/]{65,}", text)  # ids have 32 digits
    for told in ("squeamish", "ossifrage", "payload", *(payload.hex()[:32] for payload in pair.payloads)):
        assert told not in text


def test_what_a_log_line_of_a_request_says(start_server: StartServer, good: GoodRequest) -> None:
    server = start_server("--log-format", "json")
    post(server, "/infer", b"{", X_Request_ID="mine", X_Tenant_ID="clinic-7")
    job = good.send(server).json()
    wait_until(lambda: job["job_id"] in server.log_text() and "job_completed" in server.log_text(), "the log is written")
    lines = [json.loads(line) for line in server.log_text().splitlines()]
    (mine,) = [line for line in lines if line.get("request_id") == "mine"]
    expected = {
        "event": "request", "method": "POST", "route": "/infer", "status": 400, "code": "MALFORMED_JSON",
        "tenant": "clinic-7",
    }
    assert {key: mine[key] for key in expected} == expected
    events = [line["event"] for line in lines if line.get("job_id") == job["job_id"]]
    assert events == ["job_accepted", "job_started", "job_completed"]
    assert [line["event"] for line in lines if line["event"] in ("listening", "ready")] == ["listening", "ready"]
