"""examples/export_sklearn.py makes models and rows that belong together. (export_torch.py is not run: PyTorch is large.)

Needs no server. Run: pytest tests/contract
"""

import csv
import pathlib
import subprocess
import sys

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples"
MODELS = {"cancer": (30, 2), "wine": (13, 3)}  # features, classes


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    out = tmp_path_factory.mktemp("exported")
    done = subprocess.run([sys.executable, EXAMPLES / "export_sklearn.py", out / "new"], capture_output=True, text=True,
                          timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    for name in MODELS:
        assert f"{name}: {MODELS[name][0]} features, accuracy" in done.stdout
    return out / "new"


@pytest.mark.parametrize("name", MODELS)
def test_the_model_reads_the_rows(exported: pathlib.Path, name: str):
    features, classes = MODELS[name]
    model = onnx.load(exported / f"{name}.onnx")
    onnx.checker.check_model(model, full_check=True)
    evaluator = ReferenceEvaluator(model)
    for rows in ("calibration", "rows"):
        with (exported / f"{name}_{rows}.csv").open(encoding="utf-8", newline="") as file:
            header, *cells = csv.reader(file)
        values = np.array(cells, dtype=np.float32)
        assert len(header) == values.shape[1] == features
        labels, probabilities = evaluator.run(None, {evaluator.input_names[0]: values})
        assert probabilities.shape == (len(values), classes)
        assert np.array_equal(labels.ravel(), probabilities.argmax(axis=1))


def test_it_says_how_to_be_called():
    done = subprocess.run([sys.executable, EXAMPLES / "export_sklearn.py"], capture_output=True, text=True, timeout=120,
                          check=False)
    assert done.returncode == 1
    assert "usage: " in done.stderr


def test_both_examples_compile():
    for name in ("export_sklearn.py", "export_torch.py"):
        compile((EXAMPLES / name).read_text(encoding="utf-8"), name, "exec")
