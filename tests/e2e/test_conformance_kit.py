"""The conformance kit: the real server passes, and no broken promise gets past it."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from support.access import ApiKey, Certificate, write_key_file
from support.models import PAIR, write_registry
from support.server import PATIENCE, ROOT, Server, clean_environment

KIT = ROOT / "conformance"
sys.path += [str(KIT), str(KIT / "tests")]

import broken_proxy  # noqa: E402
import defects  # noqa: E402
import features  # noqa: E402
import support_kit as kit  # noqa: E402

from einfer_conformance.registry import CHECKS  # noqa: E402

PLAIN = {"endpoints.infer-plain", "endpoints.infer-plain-errors", "methods.infer-plain-get"}
NAMED_TENANTS = {name for name in CHECKS if name.startswith("order.") and "tenant" in name} | {
    "errors.tenant",
    "tenants.default",
    "tenants.names",
}
AUTH = {name for name in CHECKS if name.startswith("auth.")}
KEYS = list(features.KEYS)


@pytest.fixture(scope="module")
def small_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """With the small model alone, for speed."""
    folder = tmp_path_factory.mktemp("conformance")
    server = Server(write_registry(folder / "models", PAIR), folder)
    try:
        yield server.wait_ready()
    finally:
        server.kill()


def run_command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "einfer_conformance", *arguments],
        cwd=KIT,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=3 * PATIENCE,
        check=False,
    )


def conforms(folder: pathlib.Path, *arguments: str) -> set[str]:
    """The kit's command finds no fault. Gives the checks that are not offered."""
    report = folder / "report.json"
    done = run_command(*arguments, "--json", str(report))
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr
    document = json.loads(report.read_text(encoding="utf-8"))
    assert {check["id"] for check in document["checks"]} == set(CHECKS)
    absent = {check["id"] for check in document["checks"] if check["verdict"] == "not offered"}
    assert done.stdout.endswith(f"{document['passed']} passed, 0 failed, {len(absent)} not offered\n")
    return absent


def test_the_server_conforms(small_server: Server, tmp_path: pathlib.Path) -> None:
    absent = conforms(tmp_path, small_server.url)
    assert absent == PLAIN | AUTH | {"transport.tls", "replies.rate-limited"}


def test_the_server_conforms_with_api_keys_over_tls(
    start_server: Callable[..., Server], pair_models: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    keys = {tenant: ApiKey.make() for tenant in ("first", "second")}
    certificate = Certificate.self_signed(tmp_path / "certificate")
    flags = ["--api-keys", str(write_key_file(tmp_path / "keys.json", keys)), "--enable-plain", *certificate.flags]
    server = start_server(*flags, registry=pair_models, tls=certificate.trusting())
    named = [
        "--api-key",
        keys["first"].key,
        "--second-api-key",
        keys["second"].key,
        "--ca-file",
        str(certificate.chain),
    ]
    url = f"https://127.0.0.1:{server.port}"
    assert conforms(tmp_path, url, *named) == NAMED_TENANTS | {"replies.rate-limited"}
    assert run_command(url, "--only", "endpoints.health").returncode == 2  # nobody vouches for the certificate
    assert run_command(url, "--only", "endpoints.health", "--insecure").returncode == 0


def test_the_projects_models_are_answered_rightly(server: Server) -> None:
    outcomes = kit.run_kit(server.url, "accuracy.full-batch", "accuracy.seeded-zstd", "endpoints")
    assert {outcome.verdict for outcome in outcomes.values()} == {"pass"}, kit.texts(outcomes)


def test_the_proxy_itself_breaks_nothing(small_server: Server) -> None:
    groups = {check.group for check in CHECKS.values()} - {"transport"}
    with broken_proxy.Proxy(small_server.port, broken_proxy.Behaviour()) as proxy:
        outcomes = kit.run_kit(proxy.url, *groups)
    assert not kit.failed(outcomes), kit.texts(outcomes)


def test_optional_features_are_found_and_pass(small_server: Server) -> None:
    with broken_proxy.Proxy(small_server.port, defects.with_features()) as proxy:
        outcomes = kit.run_kit(proxy.url, "auth", "idempotency", "tenants", api_key=KEYS[0], second_api_key=KEYS[1])
    assert not kit.failed(outcomes), kit.texts(outcomes)
    absent = {name for name, outcome in outcomes.items() if outcome.verdict == "not offered"}
    assert absent == {"tenants.default", "tenants.names"}


@pytest.mark.parametrize("defect", defects.DEFECTS, ids=str)
def test_a_broken_promise_is_found(small_server: Server, defect: defects.Defect) -> None:
    keys = {"api_key": KEYS[0], "second_api_key": KEYS[1]} if defect.api_keys else {}
    with broken_proxy.Proxy(small_server.port, defect.make()) as proxy:
        outcomes = kit.run_kit(proxy.url, *defect.only, **keys)
    assert kit.failed(outcomes) == defect.fails, kit.texts(outcomes)


def test_a_lax_http_parser_is_found(small_server: Server) -> None:
    """The proxy's own, which is that of Python's standard library."""
    names = (
        "length-and-chunked",
        "chunked-and-length",
        "lengths-differ",
        "coding-not-last",
        "no-host",
        "two-hosts",
        "colon",
    )
    lax = {f"transport.malformed-{name}" for name in names}
    with broken_proxy.Proxy(small_server.port, broken_proxy.Behaviour()) as proxy:
        assert kit.failed(kit.run_kit(proxy.url, *lax, timeout=0.5)) == lax
        strict = kit.run_kit(
            proxy.url, "transport.keep-alive", "transport.chunked", "transport.continue", "transport.close"
        )
    assert not kit.failed(strict), kit.texts(strict)


def test_a_failure_says_what_was_sent_what_came_and_which_rule(small_server: Server) -> None:
    broken = next(each for each in defects.DEFECTS if each.name == "an error without code")
    with broken_proxy.Proxy(small_server.port, broken.make()) as proxy:
        done = run_command(proxy.url, "--only", "errors.not-found", "--api-key", "a-key-that-nobody-may-see")
    assert done.returncode == 1
    for text in (
        "FAIL errors.not-found",
        "rule      docs/api.md#errors",
        "404 NOT_FOUND expected, got 404 (no code)",
        "| GET / HTTP/1.1",
        '| {"error":{"message":"No."}}',
        "0 passed, 1 failed, 0 not offered",
    ):
        assert text in done.stdout
    assert "a-key-that-nobody-may-see" not in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["http://127.0.0.1:1"],
        ["ftp://127.0.0.1"],
        ["nonsense"],
        ["http://127.0.0.1:1", "--only", "nothing"],
        ["http://127.0.0.1:1", "--timeout", "0"],
        ["http://127.0.0.1:1", "--contract", "/nonexistent"],
    ],
)
def test_bad_usage_and_unreachable_servers(arguments: list[str]) -> None:
    done = run_command(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("einfer_conformance: ")


def test_the_requirements_are_those_of_the_tests() -> None:
    def pins(path: pathlib.Path) -> dict[str, str]:
        return dict(line.split("==") for line in path.read_text(encoding="utf-8").splitlines())

    tests = pins(ROOT / "tests" / "requirements.txt")
    for name, version in pins(KIT / "requirements.txt").items():
        assert tests.get(name, version) == version


def test_the_list_names_every_check() -> None:
    lines = run_command("--list").stdout.splitlines()
    assert [line.partition(":")[0] for line in lines] == list(CHECKS)


def test_every_rule_points_at_something() -> None:
    """A file of the repository, and a heading of it."""
    for check in CHECKS.values():
        file, _, anchor = check.rule.partition("#")
        path = ROOT / file
        assert path.exists(), check
        if anchor:
            headings = [
                line.lstrip("# ").lower() for line in path.read_text(encoding="utf-8").splitlines() if line[:1] == "#"
            ]
            anchors = {
                "".join(char for char in line.replace(" ", "-") if char.isalnum() or char in "-_") for line in headings
            }
            assert anchor in anchors, check
