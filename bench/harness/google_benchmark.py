"""Reads Google Benchmark's JSON, whose names are OPERATION/IMPLEMENTATION[/ARGUMENT...]."""

from __future__ import annotations

import json
import pathlib
import re
import subprocess
from typing import Any

PEER = "seal"
TO_SECONDS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0}
SETTINGS = re.compile(
    r"/(?:iterations|repeats|min_time|min_warmup_time|threads|process_time|real_time|manual_time)(?::[^/]*)?"
)

Case = tuple[str, ...]  # (operation, argument, ...)
Times = dict[Case, dict[str, list[float]]]  # seconds by implementation


def run(program: pathlib.Path, repetitions: int, seconds: float) -> dict[str, Any]:
    """Repetitions of all cases in random order, so that peers take turns."""
    done = subprocess.run(
        [
            program,
            "--benchmark_format=json",
            f"--benchmark_repetitions={repetitions}",
            f"--benchmark_min_time={seconds}",
            "--benchmark_enable_random_interleaving=true",
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=1800,
    )
    return json.loads(done.stdout)


def read(document: dict[str, Any]) -> Times:
    times: Times = {}
    for line in document["benchmarks"]:
        if line.get("run_type", "iteration") != "iteration" or line.get("error_occurred"):
            continue
        parts = SETTINGS.sub("", line.get("run_name", line["name"])).split("/")
        if len(parts) < 2:
            continue
        operation, implementation, *arguments = parts
        seconds = line["real_time"] * TO_SECONDS[line.get("time_unit", "ns")]
        times.setdefault((operation, *arguments), {}).setdefault(implementation, []).append(seconds)
    return times
