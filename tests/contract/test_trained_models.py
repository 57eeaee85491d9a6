"""The stored ONNX models answer as their provenance says, on rows that training never saw.

Needs no server. Run: pytest tests/contract
"""

import csv
import json
import pathlib
import subprocess
import sys

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODELS = ROOT / "models"
NAMES = sorted(path.stem for path in (MODELS / "onnx").glob("*.onnx"))
LEAST_ACCURACY = {"breast_cancer_linear": 0.95, "digits_mlp": 0.97, "mnist_cnn": 0.97, "mnist_mlp": 0.97}
LARGEST_PIXEL = {"digits_mlp": 16, "mnist_cnn": 255, "mnist_mlp": 255}
LARGEST_VALUE = 50  # behind any layer of a network, so that CKKS has room


def table(path: pathlib.Path) -> tuple[list[str], np.ndarray]:
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    return header, np.array(rows, dtype=np.float64)


def held_out(name: str) -> tuple[np.ndarray, np.ndarray]:
    _, rows = table(MODELS / f"holdout/{name}.csv")
    _, labels = table(MODELS / f"holdout/{name}_labels.csv")
    return rows, labels[:, 0]


def provenance(name: str) -> dict:
    return json.loads((MODELS / f"onnx/{name}.json").read_text(encoding="utf-8"))


def model_of(name: str) -> onnx.ModelProto:
    return onnx.load(MODELS / f"onnx/{name}.onnx")


def input_shape(model: onnx.ModelProto) -> list[int]:
    return [size.dim_value for size in model.graph.input[0].type.tensor_type.shape.dim[1:]]


def answers(model: onnx.ModelProto, rows: np.ndarray) -> list[np.ndarray]:
    evaluator = ReferenceEvaluator(model)
    return evaluator.run(None, {evaluator.input_names[0]: rows.astype(np.float32).reshape(-1, *input_shape(model))})


def test_every_model_is_looked_at():
    assert set(NAMES) == {*LEAST_ACCURACY, "diabetes_linear"}


@pytest.mark.parametrize("name", NAMES)
def test_it_is_a_valid_model_that_takes_any_number_of_rows(name: str):
    model = model_of(name)
    onnx.checker.check_model(model, full_check=True)
    rows, labels = held_out(name)
    assert provenance(name)["model_id"] == name
    assert not model.graph.input[0].type.tensor_type.shape.dim[0].HasField("dim_value")
    assert np.prod(input_shape(model)) == rows.shape[1]
    assert provenance(name)["data"]["split"]["held_out_rows"] == len(rows) == len(labels)


@pytest.mark.parametrize("name", LEAST_ACCURACY)
def test_it_is_as_accurate_as_stated(name: str):
    rows, labels = held_out(name)
    given = answers(model_of(name), rows)
    named = given[0] if len(given) == 2 else given[0].argmax(axis=1)
    right = int(np.sum(named == labels))
    stated = provenance(name)["in_clear"]["held_out"]
    assert stated["rows"] == len(rows)
    assert abs(right - stated["right"]) <= 1  # another order of summation may tip one row
    assert right / len(rows) >= LEAST_ACCURACY[name]


def test_the_regression_errs_as_little_as_stated():
    rows, targets = held_out("diabetes_linear")
    (predicted,) = answers(model_of("diabetes_linear"), rows)
    difference = predicted[:, 0] - targets
    stated = provenance("diabetes_linear")["in_clear"]["held_out"]
    assert np.sqrt(np.mean(difference**2)) == pytest.approx(stated["root_mean_square_error"], rel=1e-4)
    assert 1 - np.mean(difference**2) / targets.var() == pytest.approx(stated["r2"], rel=1e-3)


@pytest.mark.parametrize("name", NAMES)
def test_calibration_shares_no_row_with_what_is_held_out(name: str):
    header, rows = table(MODELS / f"calibration/{name}.csv")
    held_out_header, held_out_rows = table(MODELS / f"holdout/{name}.csv")
    assert header == held_out_header
    assert len(rows) == 200
    assert not {row.tobytes() for row in rows} & {row.tobytes() for row in held_out_rows}


@pytest.mark.parametrize("name", LARGEST_PIXEL)
def test_images_are_raw_pixels_and_logits_stay_small(name: str):
    for folder in ("holdout", "calibration"):
        _, rows = table(MODELS / folder / f"{name}.csv")
        assert np.array_equal(rows, np.rint(rows))
        assert rows.min() == 0 and rows.max() == LARGEST_PIXEL[name]
        assert np.abs(answers(model_of(name), rows)[0]).max() < LARGEST_VALUE
    for part in provenance(name)["ranges"].values():
        assert max(part.values()) < LARGEST_VALUE


def test_the_linear_models_are_what_training_gives():
    checked = subprocess.run([sys.executable, MODELS / "training/train_linear.py", "--check"],
                             capture_output=True, text=True, timeout=120, check=False)
    assert checked.returncode == 0, checked.stderr
