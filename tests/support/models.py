"""Models for the tests: those of the project, small ones, slow ones, and what each computes in clear."""

from __future__ import annotations

import csv
import json
import pathlib
from typing import Any

from support.server import ROOT

MODELS = ROOT / "models"

Model = dict[str, Any]  # a registry entry, or the model's entry in GET /models
Row = list[float]


def read_entry(model_id: str) -> Model:
    return json.loads((MODELS / f"{model_id}.json").read_text(encoding="utf-8"))


def project_models() -> list[str]:
    """Those of v1.0."""
    return sorted(path.stem for path in MODELS.glob("*.json") if "format" not in read_entry(path.stem))


def holdout_rows(model_id: str) -> list[Row]:
    """Rows that the model was not trained on."""
    with (MODELS / "holdout" / f"{model_id}.csv").open(encoding="utf-8", newline="") as file:
        return [[float(cell) for cell in row] for row in list(csv.reader(file))[1:]]


def batch_of(rows: list[Row], size: int) -> list[Row]:
    """As many rows, repeated as often as needed."""
    return [rows[index % len(rows)] for index in range(size)]


def columns(rows: list[Row]) -> list[list[float]]:
    """Values of one feature after the other: what a client encrypts."""
    return [list(column) for column in zip(*rows, strict=True)]


def clear_answer(model: Model, row: Row) -> float:
    parameters = model["parameters"]
    z = sum(weight * value for weight, value in zip(parameters["weights"], row, strict=True)) + parameters["bias"]
    c0, c1, c2 = model["activation_parameters"]["coefficients"]
    return c0 + c1 * z + c2 * z * z


def entry(model_id: str, *, weights: list[float], degree: int = 4096, bits: list[int] | None = None, **more: Any) -> Model:
    """A valid registry entry with these weights."""
    return {
        "model_id": model_id,
        "version": "1.0.0",
        "description": "Made for a test.",
        "he_scheme": "CKKS",
        "encryption_parameters": {
            "poly_modulus_degree": degree,
            "scale": 2**30,
            "coeff_modulus_bits": bits or [36, 36, 37],
            "max_multiplicative_depth": 1,
        },
        "inference": {"input_dimension": len(weights), "output_dimension": 1, "activation": "polynomial_sigmoid_v1"},
        "parameters": {"weights": weights, "bias": 0.25},
        "activation_parameters": {"kind": "polynomial", "coefficients": [0.5, 0.25, 0.0]},
        "constraints": {"max_batch_size": 16},
        **more,
    }


# Two features whose weights cancel: equal ciphertexts give an answer that hides nothing, which the server must not send.
PAIR = entry("pair_v1", weights=[1.0, -1.0], input_bounds=[4, 4], tolerance=0.01)
PAIR_ROWS = [[0.5, -1.25], [3.0, 2.0], [-4.0, 4.0]]

# Contexts that take their time, each with its own primes.
SLOW = [
    entry(f"slow_{number}", weights=[1.0], degree=32768, bits=[60, *[50] * 14, 40 + number], tolerance=0.5)
    for number in range(2)
]


def write_registry(directory: pathlib.Path, *models: Model, project: bool = False) -> pathlib.Path:
    """A models directory with these entries and, if wanted, those of the project."""
    directory.mkdir(parents=True, exist_ok=True)
    for model in [*(read_entry(name) for name in project_models() if project), *models]:
        file = directory / f"{model['model_id']}-{model['version']}.json"
        file.write_text(json.dumps(model), encoding="utf-8")
    return directory
