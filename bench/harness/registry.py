"""Registry entries that are made for a measurement."""

from __future__ import annotations

import pathlib
from typing import Any

from harness import server as _server  # noqa: F401, makes the tests' support importable

from support.models import entry, read_entry, write_registry

Entry = dict[str, Any]


def linear(model_id: str, features: int, *, degree: int = 4096, rows: int = 16, used: int | None = None) -> Entry:
    """A linear model; only the first `used` weights are not zero. The same three primes at every degree."""
    used = features if used is None else used
    weights = [(1 if i % 2 else -1) * 0.5 / used if i < used else 0.0 for i in range(features)]
    made = entry(
        model_id,
        weights=weights,
        degree=degree,
        constraints={"max_batch_size": rows},
        input_bounds=[1.0] * features,
        tolerance=0.1,
    )
    return made | {"description": "Made for the benchmarks."}


def full_batches() -> Entry:
    """`logistic_v1` with as many rows a request as fit."""
    made = read_entry("logistic_v1")
    rows = made["encryption_parameters"]["poly_modulus_degree"] // 2
    return made | {"model_id": "logistic_full", "constraints": made["constraints"] | {"max_batch_size": rows}}


def write(folder: pathlib.Path, *entries: Entry) -> pathlib.Path:
    return write_registry(folder, *entries)
