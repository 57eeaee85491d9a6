"""Runs the load generator."""

from __future__ import annotations

import json
import pathlib
import subprocess
from typing import Any

Load = dict[str, Any]


class LoadFailed(Exception):
    pass


def run(
    build: pathlib.Path,
    mode: str,
    url: str,
    model: str,
    *,
    clients: int = 1,
    requests: int = 1,
    warm_up: int = 1,
    rows: int = 1,
    threads: int = 0,
    public_key: bool = False,
    base64: bool = False,
    data: pathlib.Path | None = None,
) -> Load:
    """`mode`: "clients" or "raw". Requests and warm-up are those of each client."""
    command = [
        str(build / "bin/load_generator"),
        mode,
        "--server",
        url,
        "--model",
        model,
        "--clients",
        str(clients),
        "--requests",
        str(requests),
        "--warm-up",
        str(warm_up),
        "--rows",
        str(rows),
        "--threads",
        str(threads),
    ]
    command += ["--public-key"] if public_key else []
    command += ["--base64"] if base64 else []
    command += ["--data", str(data)] if data else []
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    if done.returncode != 0:
        raise LoadFailed(done.stderr.strip() or f"the load generator ended with {done.returncode}")
    return json.loads(done.stdout)


def column(load: Load, name: str) -> list[float]:
    return [sample[name] for sample in load["samples"]]


def throughput(load: Load) -> float:
    """Requests a second."""
    return len(load["samples"]) / load["wall_seconds"]
