"""Registry entries of v1.1 for the tests, layout coefficients: a JSON file and its numbers beside it."""

from __future__ import annotations

import hashlib
import json
import pathlib
import struct
from typing import Any

from support.models import Row

Matrix = list[list[float]]

INPUT_SCALE, RESULT_SCALE = 2.0**24, 2.0**46


def linear_entry(
    model_id: str, weights: Matrix, bias: Row, *, lower: float | Row, upper: float | Row, per_ciphertext: int | None = None,
    per_result: int | None = None, degree: int = 2048, prime_bits: int = 54, compact_bits: int = 32, max_batch_size: int = 16,
    tolerance: float = 1e-3, **more: Any,
) -> dict[str, Any]:
    """answer = weights · row + bias, one row of weights an output. All but the place and digest of the numbers."""
    outputs, features = len(weights), len(weights[0])
    per_ciphertext, per_result = per_ciphertext or features, per_result or outputs
    numbers = [number for row in weights for number in row] + bias
    return {
        "format": "einfer/1.1",
        "model_id": model_id,
        "version": "1.0.0",
        "description": "Made for a test.",
        "layout": "coefficients",
        "encryption_parameters": {
            "poly_modulus_degree": degree, "coeff_modulus_bits": [prime_bits], "scale": INPUT_SCALE,
        },
        "input": {"shape": [features], "lower": lower, "upper": upper},
        "layers": [{"kind": "dense", "outputs": outputs}],
        "weights": {"file": f"{model_id}.weights", "sha256": hashlib.sha256(weights_bytes(numbers)).hexdigest()},
        "postprocessing": [],
        "plan": {
            "features_per_ciphertext": per_ciphertext,
            "outputs_per_result": per_result,
            "rows": degree // (per_ciphertext * per_result),
            "result_scale": RESULT_SCALE,
            "compact_bits": compact_bits,
        },
        "tolerance": tolerance,
        "constraints": {"max_batch_size": max_batch_size},
        **more,
    }


def weights_bytes(numbers: Row) -> bytes:
    return struct.pack(f"<{len(numbers)}d", *numbers)


def write_linear(directory: pathlib.Path, entry: dict[str, Any], weights: Matrix, bias: Row) -> None:
    """The entry and its numbers as files of a models directory."""
    directory.mkdir(parents=True, exist_ok=True)
    numbers = [number for row in weights for number in row] + bias
    (directory / entry["weights"]["file"]).write_bytes(weights_bytes(numbers))
    (directory / f"{entry['model_id']}.json").write_text(json.dumps(entry), encoding="utf-8")


def linear_answer(weights: Matrix, bias: Row, row: Row) -> Row:
    """What the model computes, in clear."""
    return [
        sum(weight * value for weight, value in zip(each, row, strict=True)) + offset
        for each, offset in zip(weights, bias, strict=True)
    ]
