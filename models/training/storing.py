"""What a model of v1.1 leaves in the repository: ONNX, provenance, held-out rows with labels, calibration rows.

    onnx/NAME.onnx               what `einfer import` reads
    onnx/NAME.json               where it comes from and what it does in clear
    holdout/NAME.csv             rows that training never saw
    holdout/NAME_labels.csv      their classes (header `label`) or values (header `target`)
    calibration/NAME.csv         rows of the training part, for `einfer import --calibration`

Rows are what the model takes: raw features, nothing standardised or scaled.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, checker, numpy_helper
from onnx.reference import ReferenceEvaluator

from train import as_csv

CALIBRATION_ROWS = 200
WIDEST_DIFFERENCE = 1e-5  # between the weights of two trainings, relative to the largest of a tensor

Provenance = dict[str, Any]


@dataclass(frozen=True)
class Stored:
    """A model, and rows as the CSV files hold them: one row a sample, in the units of the data."""

    name: str
    model: ModelProto
    provenance: Provenance
    feature_names: Sequence[str]
    calibration: NDArray[Any]
    held_out: NDArray[Any]
    labels: NDArray[Any]
    label_header: str = "label"

    def texts(self) -> dict[str, str]:
        """Every file but the ONNX file, by path below the models directory."""
        return {
            f"onnx/{self.name}.json": json.dumps(self.provenance, indent=2, allow_nan=False) + "\n",
            f"holdout/{self.name}.csv": as_csv(self.feature_names, self.held_out.tolist()),
            f"holdout/{self.name}_labels.csv": as_csv([self.label_header], [[label] for label in self.labels.tolist()]),
            f"calibration/{self.name}.csv": as_csv(self.feature_names, self.calibration.tolist()),
        }

    def write(self, directory: Path) -> None:
        """Write every file below the directory."""
        checker.check_model(self.model, full_check=True)
        texts = self.texts()
        for name in [*texts, f"onnx/{self.name}.onnx"]:
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            (directory / name).write_text(text, encoding="ascii", newline="\n")
        (directory / f"onnx/{self.name}.onnx").write_bytes(self.model.SerializeToString(deterministic=True))


def answers(model: ModelProto, rows: NDArray[Any]) -> list[NDArray[Any]]:
    """What the ONNX model itself says of rows, each output in order; rows take the shape of its input."""
    evaluator = ReferenceEvaluator(model)
    shape = [size.dim_value for size in model.graph.input[0].type.tensor_type.shape.dim[1:]]
    return list(evaluator.run(None, {evaluator.input_names[0]: rows.astype(np.float32).reshape(-1, *shape)}))


def share(right: NDArray[np.bool_]) -> dict[str, float | int]:
    """Accuracy with its counts."""
    return {"accuracy": round(float(right.mean()), 6), "right": int(right.sum()), "rows": len(right)}


def versions(*packages: str) -> dict[str, str]:
    """Of the packages that made a model."""
    return {package: version(package) for package in packages}


def tensors(model: ModelProto) -> list[tuple[str, NDArray[np.float64]]]:
    """Every number of a model by the name of where it is, in the order of the file."""
    found = [(item.name, numpy_helper.to_array(item).astype(np.float64)) for item in model.graph.initializer]
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                found.append((f"{node.name}/{attribute.name}", numpy_helper.to_array(attribute.t).astype(np.float64)))
            elif attribute.floats:
                found.append((f"{node.name}/{attribute.name}", np.array(attribute.floats, dtype=np.float64)))
    return found


def same_model(expected: ModelProto, actual: ModelProto) -> bool:
    """Whether two models have the same operators and, to the last few bits of single precision, the same numbers."""
    if [node.op_type for node in expected.graph.node] != [node.op_type for node in actual.graph.node]:
        return False
    pairs = list(zip(tensors(expected), tensors(actual), strict=True))
    return all(
        one == other and a.shape == b.shape and math.isfinite(float(np.abs(b).sum()))
        and bool(np.all(np.abs(a - b) <= WIDEST_DIFFERENCE * np.abs(a).max(initial=0.0)))
        for (one, a), (other, b) in pairs
    )
