"""Trains the shipped models and writes their registry entries and held-out rows.

    python models/training/train.py --out DIR    write DIR/*.json and DIR/holdout/*.csv, print the report
    python models/training/train.py --check      exit 1 if the files in models/ are not what training gives

See README.md beside this file for the data, the method and the figures.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import math
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.exceptions import ConvergenceWarning

from fitting import (
    FloatArray,
    IntArray,
    LinearModel,
    Split,
    asymmetry,
    fit_linear,
    fit_polynomial,
    one_against_rest,
    polynomial,
    sigmoid,
    split_data,
)
from ranges import (
    MAX_ANSWER_BITS,
    MIN_WEIGHT_SCALE_BITS,
    max_linear_answer,
    max_quadratic_answer,
    neat_bounds,
    weight_scale_bits,
    z_over_box,
)

MODELS_DIR = Path(__file__).resolve().parent.parent
RELATIVE_TOLERANCE = 1e-9

Coefficients = tuple[float, float, float]
Entry = dict[str, Any]
Files = dict[str, str]


@dataclass(frozen=True)
class TrainedModel:
    """A model with the split it comes from; positive is the class number that y > 0.5 stands for."""

    split: Split
    positive: int
    linear: LinearModel
    coefficients: Coefficients
    bounds: list[float]

    @property
    def train_labels(self) -> IntArray:
        """1 where a training row is of the positive class."""
        return one_against_rest(self.split.train_classes, self.positive)

    @property
    def held_out_labels(self) -> IntArray:
        """1 where a held-out row is of the positive class."""
        return one_against_rest(self.split.held_out_classes, self.positive)


def train_model(split: Split, positive: int, degree: int, bound_factor: float) -> TrainedModel:
    """Fit one class against the rest, and the polynomial on the training range of z."""
    linear = fit_linear(split.train_x, one_against_rest(split.train_classes, positive))
    coefficients = fit_polynomial(linear.z(split.train_x), degree)
    model = TrainedModel(split, positive, linear, coefficients, neat_bounds(split.train_x, bound_factor))
    if np.any(np.abs(split.held_out_x) > np.array(model.bounds)):
        raise ValueError("a held-out row lies outside input_bounds")
    return model


def common_fields(model: TrainedModel, feature_names: Sequence[str]) -> Entry:
    """The fields of a registry entry that come straight from training."""
    return {
        "parameters": {"weights": model.linear.weights.tolist(), "bias": model.linear.bias},
        "activation_parameters": {"kind": "polynomial", "coefficients": list(model.coefficients)},
        "input_bounds": model.bounds,
        "feature_names": [str(name) for name in feature_names],
    }


def inference_fields(input_dimension: int) -> Entry:
    """The inference object every entry has."""
    return {"input_dimension": input_dimension, "output_dimension": 1, "activation": "polynomial_sigmoid_v1"}


def logistic_entry() -> Entry:
    """The reference model of the v1.0 contract; its values are given, not trained."""
    return {
        "model_id": "logistic_v1",
        "version": "1.0.0",
        "description": "Reference logistic regression with a degree-1 polynomial sigmoid.",
        "he_scheme": "CKKS",
        "encryption_parameters": {
            "poly_modulus_degree": 16384,
            "scale": 2**30,
            "coeff_modulus_bits": [60, 30, 30, 60],
            "max_multiplicative_depth": 2,
        },
        "inference": inference_fields(8),
        "parameters": {"weights": [0.15, -0.08, 0.11, 0.07, -0.12, 0.09, 0.05, -0.04], "bias": -0.02},
        "activation_parameters": {"kind": "polynomial", "coefficients": [0.5, 0.197, 0.0]},
        "constraints": {"max_batch_size": 16},
        "input_bounds": [16.0] * 8,
        "tolerance": 0.001,
        "feature_names": [f"x{i}" for i in range(8)],
        "provenance": "Reference model of the v1.0 contract: values given, not trained; training/train.py.",
    }


def logistic_rows() -> list[list[float]]:
    """Five inputs for the reference model: the contract's example, zero, a ramp, alternating signs, the corner of the box."""
    return [
        [0.1] * 8,
        [0.0] * 8,
        [0.25 * i - 1.0 for i in range(8)],
        [1.5, -1.5] * 4,
        [16.0] * 8,
    ]


def breast_cancer_entry(model: TrainedModel, feature_names: Sequence[str]) -> Entry:
    """Depth 1 at N = 4096: one weighted sum, no rescale, 109 bits in all."""
    return {
        "model_id": "breast_cancer_v1",
        "version": "1.0.0",
        "description": "Malignant or benign from 30 raw cell features: logistic regression, degree-1 polynomial sigmoid.",
        "he_scheme": "CKKS",
        "encryption_parameters": {
            "poly_modulus_degree": 4096,
            "scale": 2**30,
            "coeff_modulus_bits": [36, 36, 37],
            "max_multiplicative_depth": 1,
        },
        "inference": inference_fields(30),
        **common_fields(model, feature_names),
        "constraints": {"max_batch_size": 2048},
        "tolerance": 0.005,
        "class_names": ["benign", "malignant"],
        "provenance": "Breast Cancer Wisconsin (Diagnostic), doi:10.24432/C5DW2B; 25 % held out, seed 0; training/train.py.",
    }


def wine_entry(model: TrainedModel, feature_names: Sequence[str], class_names: Sequence[str]) -> Entry:
    """Depth 2 at N = 8192: a weighted sum rescaled once, then one product, 200 bits in all."""
    positive = str(class_names[model.positive])
    return {
        "model_id": "wine_quadratic_v1",
        "version": "1.0.0",
        "description": f"Wine {positive} or not from 13 raw features: logistic regression, degree-2 polynomial sigmoid.",
        "he_scheme": "CKKS",
        "encryption_parameters": {
            "poly_modulus_degree": 8192,
            "scale": 2**40,
            "coeff_modulus_bits": [60, 40, 40, 60],
            "max_multiplicative_depth": 2,
        },
        "inference": inference_fields(13),
        **common_fields(model, feature_names),
        "constraints": {"max_batch_size": 4096},
        "tolerance": 0.0001,
        "class_names": [f"not_{positive}", positive],
        "provenance": "Wine (UCI), doi:10.24432/C5PC7J; 25 % held out, seed 0; training/train.py.",
    }


def most_asymmetric_class(split: Split) -> int:
    """The class that, fitted against the rest, has the least symmetric training range of z, so that z² earns its place."""

    def class_asymmetry(positive: int) -> float:
        linear = fit_linear(split.train_x, one_against_rest(split.train_classes, positive))
        return asymmetry(linear.z(split.train_x))

    return max((int(number) for number in np.unique(split.train_classes)), key=class_asymmetry)


def as_json(entry: Entry) -> str:
    """Registry entry as text; Python writes each float with the fewest digits that give the same double."""
    return json.dumps(entry, indent=2, ensure_ascii=True, allow_nan=False) + "\n"


def as_csv(header: Sequence[str], rows: Sequence[Sequence[float]]) -> str:
    """CSV text, one header row, full double precision."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def files_of(model: TrainedModel, entry: Entry) -> Files:
    """Entry, held-out rows and held-out labels, by path below the models directory."""
    name = entry["model_id"]
    return {
        f"{name}.json": as_json(entry),
        f"holdout/{name}.csv": as_csv(entry["feature_names"], model.split.held_out_x.tolist()),
        f"holdout/{name}_labels.csv": as_csv(["label"], [[label] for label in model.held_out_labels.tolist()]),
    }


def accuracy(answers: FloatArray, labels: IntArray) -> str:
    """Share of answers above 0.5 exactly where the label is 1, with the counts."""
    right = int(np.sum((answers > 0.5) == (labels == 1)))
    return f"{right / len(labels):.4f} ({right}/{len(labels)})"


def report_fit(model: TrainedModel) -> list[str]:
    """Accuracies and ranges that every model has, as Markdown list items."""
    lines = [f"C = {model.linear.c}, bias = {model.linear.bias:.6g}, coefficients = {model.coefficients}"]
    parts = (("train", model.split.train_x, model.train_labels), ("held out", model.split.held_out_x, model.held_out_labels))
    for name, x, labels in parts:
        z = model.linear.z(x)
        exact, approximate = sigmoid(z), polynomial(model.coefficients, z)
        error = np.abs(exact - approximate)
        differ = int(np.sum((exact > 0.5) != (approximate > 0.5)))
        lines += [
            f"{name}: accuracy sigmoid {accuracy(exact, labels)}, polynomial {accuracy(approximate, labels)}",
            f"{name}: decisions that differ {differ}, nearest answer to 0.5 at {np.abs(approximate - 0.5).min():.4f}",
            f"{name}: z in [{z.min():.3f}, {z.max():.3f}], y in [{approximate.min():.3f}, {approximate.max():.3f}]",
            f"{name}: |sigmoid - polynomial| mean {error.mean():.3f}, largest {error.max():.3f}",
        ]
    low, high = z_over_box(model.linear, model.bounds)
    return [*lines, f"box: z in [{low:.3f}, {high:.3f}]"]


def report_linear_range(model: TrainedModel) -> list[str]:
    """The range rule at depth 1; raises if the weights would have too little scale."""
    largest = max_linear_answer(model.linear, model.coefficients, model.bounds)
    left = weight_scale_bits(largest, scale_bits=30, data_modulus_bits=72)
    if left < MIN_WEIGHT_SCALE_BITS:
        raise ValueError(f"only {left:.2f} bits left for the weight scale")
    return [f"box: |y| <= {largest:.3f} = 2^{math.log2(largest):.2f}, {left:.2f} of 72 bits left for the weight scale"]


def report_quadratic_range(model: TrainedModel) -> list[str]:
    """The range rule at depth 2 and the second zero of y - 1/2; raises if an answer could be too large."""
    largest = max_quadratic_answer(model.linear, model.coefficients, model.bounds)
    if math.log2(largest) > MAX_ANSWER_BITS:
        raise ValueError(f"answers reach {largest:.3g}")
    _, c1, c2 = model.coefficients
    return [
        f"box: |y| <= {largest:.3f} = 2^{math.log2(largest):.2f}, limit 2^{MAX_ANSWER_BITS:.0f}",
        f"y = 0.5 at z = 0 and z = {-c1 / c2:.3f}",
    ]


def train_all() -> tuple[Files, str]:
    """Every file of the registry and the report."""
    files = {
        "logistic_v1.json": as_json(logistic_entry()),
        "holdout/logistic_v1.csv": as_csv(logistic_entry()["feature_names"], logistic_rows()),
    }

    # scikit-learn numbers malignant 0 and benign 1; here the positive class is the finding, malignant.
    cancer_data = load_breast_cancer()
    cancer = train_model(split_data(cancer_data.data, cancer_data.target), positive=0, degree=1, bound_factor=2.0)
    files |= files_of(cancer, breast_cancer_entry(cancer, cancer_data.feature_names))

    wine_data = load_wine()
    wine_split = split_data(wine_data.data, wine_data.target)
    wine = train_model(wine_split, most_asymmetric_class(wine_split), degree=2, bound_factor=1.5)
    files |= files_of(wine, wine_entry(wine, wine_data.feature_names, wine_data.target_names))

    sections = {
        "breast_cancer_v1": report_fit(cancer) + report_linear_range(cancer),
        "wine_quadratic_v1": report_fit(wine) + report_quadratic_range(wine),
    }
    report = "\n".join(f"{name}\n" + "".join(f"- {line}\n" for line in lines) for name, lines in sections.items())
    return files, report


def write_files(files: Files, directory: Path) -> None:
    """Write every file below the directory, making folders as needed."""
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="ascii", newline="\n")


def parse_csv(text: str) -> list[list[Any]]:
    """The header as text and the other rows as numbers."""
    header, *rows = csv.reader(io.StringIO(text))
    return [header, *([float(cell) for cell in row] for row in rows)]


def same(expected: Any, actual: Any) -> bool:
    """Whether two parsed files agree: same shape and texts, numbers within the relative tolerance."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        return expected.keys() == actual.keys() and all(same(value, actual[key]) for key, value in expected.items())
    if isinstance(expected, list) and isinstance(actual, list):
        return len(expected) == len(actual) and all(map(same, expected, actual))
    if isinstance(expected, (int, float)) and isinstance(actual, (int, float)):
        return math.isclose(expected, actual, rel_tol=RELATIVE_TOLERANCE)
    return bool(expected == actual)


def file_matches(path: Path, text: str) -> bool:
    """Whether the file exists, parses and says the same as the text that training gave."""
    parse: Callable[[str], Any] = json.loads if path.suffix == ".json" else parse_csv
    try:
        return same(parse(text), parse(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return False


def main() -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(description="Train the shipped models.")
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--out", type=Path, metavar="DIR", help="write registry entries and held-out rows below DIR")
    action.add_argument("--check", action="store_true", help="compare the files in models/ with what training gives")
    arguments = parser.parse_args()

    warnings.simplefilter("error", ConvergenceWarning)
    files, report = train_all()
    if arguments.check:
        different = [name for name, text in files.items() if not file_matches(MODELS_DIR / name, text)]
        for name in different:
            print(f"models/{name} differs from what training gives", file=sys.stderr)
        return 1 if different else 0
    write_files(files, arguments.out)
    print(report, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
