#!/usr/bin/env python3
"""From scikit-learn to files that `einfer import` reads.

    pip install scikit-learn skl2onnx
    python examples/export_sklearn.py OUT

writes for each of two models

    OUT/NAME.onnx               the whole pipeline, so that clients send raw features
    OUT/NAME_calibration.csv    training rows, for `einfer import OUT/NAME.onnx --calibration OUT/NAME_calibration.csv`
    OUT/NAME_rows.csv           rows held out, for `einfer infer --input OUT/NAME_rows.csv`
"""

import csv
import pathlib
import sys

import numpy as np
from skl2onnx import to_onnx
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

CALIBRATION_ROWS = 200


def write_rows(path: pathlib.Path, header: list[str], rows: np.ndarray) -> None:
    """A header, then a row a sample: the columns are the inputs of the model, in order."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows.tolist())


def export(name: str, classifier, data, out: pathlib.Path) -> None:
    """Train, then write the ONNX file and both CSV files."""
    train_x, test_x, train_y, test_y = train_test_split(
        data.data, data.target, test_size=0.25, stratify=data.target, random_state=0
    )
    # A pipeline keeps the scaler and the classifier together: what is exported standardises its own input.
    pipeline = make_pipeline(StandardScaler(), classifier).fit(train_x, train_y)

    # One example row tells the converter the shape and the type of the input. Without zipmap, probabilities are a tensor
    # with a column a class instead of a list of maps.
    model = to_onnx(pipeline, train_x[:1].astype(np.float32), target_opset=17, options={"zipmap": False})
    (out / f"{name}.onnx").write_bytes(model.SerializeToString())

    # Calibration rows show the range of the values inside the model. Take them from the training part.
    header = [str(feature) for feature in data.feature_names]
    write_rows(out / f"{name}_calibration.csv", header, train_x[:CALIBRATION_ROWS])
    write_rows(out / f"{name}_rows.csv", header, test_x)
    print(f"{name}: {len(header)} features, accuracy on {len(test_y)} held-out rows {pipeline.score(test_x, test_y):.3f}")


def main() -> None:
    if len(sys.argv) != 2:
        raise SystemExit(f"usage: {sys.argv[0]} OUT")
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)

    # Linear: one weighted sum a class, the cheapest under encryption. The client applies the sigmoid after decryption.
    export("cancer", LogisticRegression(C=0.1, max_iter=1000), load_breast_cancer(), out)

    # A hidden layer: tanh becomes a polynomial over the range that calibration finds. A larger alpha means smaller weights,
    # hence a smaller range and a closer polynomial.
    perceptron = MLPClassifier(
        hidden_layer_sizes=(16,), activation="tanh", solver="lbfgs", alpha=1.0, max_iter=2000, random_state=0
    )
    export("wine", perceptron, load_wine(), out)


if __name__ == "__main__":
    main()
