"""What evaluates: our kernels, for every instruction set of this machine, or SEAL. Each gives the same answer, bit for bit."""

from __future__ import annotations

import pathlib
from collections.abc import Callable

import pytest

from support.honest import HonestRequest
from support.http import ask, post
from support.server import Server, run_server

StartServer = Callable[..., Server]
MODELS = ["logistic_v1", "breast_cancer_v1", "wine_quadratic_v1"]
KERNELS = ["scalar", "avx2", "avx512dq", "avx512ifma"]


def kernels_here() -> list[str]:
    """Those that this machine can run."""
    flags = set()
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("flags"):
            flags = set(line.split(":")[1].split())
            break
    needs = {"avx2": {"avx2"}, "avx512dq": {"avx2", "avx512f", "avx512dq", "avx512vl"}}
    needs["avx512ifma"] = needs["avx512dq"] | {"avx512ifma"}
    return [name for name in KERNELS if needs.get(name, set()) <= flags]


def kernels_of(server: Server) -> str | None:
    return ask(server, "GET", "/ready").header("X-Einfer-Kernels")


def payload(server: Server, request: HonestRequest) -> str:
    reply = post(server, "/infer", request.body, Prefer="wait=60")
    assert reply.status == 200, reply.body
    return reply.json()["result"]["payload"]


def test_every_evaluator_gives_the_same_bits(
    start_server: StartServer, tmp_path: pathlib.Path, honest: Callable[[str], HonestRequest]
) -> None:
    requests = {model: honest(model) for model in MODELS}
    oracle = start_server("--evaluator", "seal", home=tmp_path / "seal")
    assert kernels_of(oracle) == "seal"
    expected = {model: payload(oracle, request) for model, request in requests.items()}
    for name in KERNELS:
        if name not in kernels_here():
            print(f"NOT TESTED HERE: this machine has no {name}")
            continue
        for flags in ([], ["--store-first"]):
            home = tmp_path / f"{name}{len(flags)}"
            server = start_server(*flags, home=home, env={"EINFER_KERNELS": name})
            assert kernels_of(server) == name
            assert f'kernels="{name}"' in server.log_text()
            assert {model: payload(server, request) for model, request in requests.items()} == expected, name


@pytest.mark.parametrize("name", ["sse9", *[name for name in KERNELS if name not in kernels_here()]])
def test_what_the_machine_lacks_stops_the_start(name: str, tmp_path: pathlib.Path, models: pathlib.Path) -> None:
    arguments = ("--models", str(models), "--data", str(tmp_path / "data"), "--listen", "127.0.0.1:0")
    result = run_server(*arguments, env={"EINFER_KERNELS": name})
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("einfer-server: EINFER_KERNELS ")
    assert len(result.stderr.splitlines()) == 1
