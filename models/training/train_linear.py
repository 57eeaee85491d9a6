"""Trains the linear models of v1.1 with scikit-learn and exports them to ONNX.

    python models/training/train_linear.py --out DIR    write DIR/onnx, DIR/holdout, DIR/calibration; print the report
    python models/training/train_linear.py --check      exit 1 if the files in models/ are not what training gives

See README.md beside this file for the data, the method and the figures.
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from pathlib import Path

import numpy as np
import onnx
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from fitting import FOLDS, HELD_OUT_FRACTION, SEED, FloatArray, choose_c, make_classifier, one_against_rest, split_data
from storing import CALIBRATION_ROWS, Provenance, Stored, answers, same_model, share, versions
from train import MODELS_DIR, file_matches

ALPHAS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
OPSETS = {"": 17, "ai.onnx.ml": 3}
PACKAGES = ("numpy", "scikit-learn", "skl2onnx", "onnx")
SPLIT = {"held_out_fraction": HELD_OUT_FRACTION, "seed": SEED}


def export(name: str, pipeline: Pipeline, features: int) -> onnx.ModelProto:
    """ONNX of the whole pipeline, standardisation included; a classifier answers with a tensor, not with a map."""
    classifier = hasattr(pipeline, "predict_proba")
    model = to_onnx(
        pipeline,
        name=name,
        initial_types=[("features", FloatTensorType([None, features]))],
        target_opset=OPSETS,
        options={"zipmap": False} if classifier else None,
    )
    return model


def breast_cancer_linear() -> Stored:
    """Malignant (1) or benign (0) from 30 raw cell features: breast_cancer_v1's split and C, with the true sigmoid."""
    data = load_breast_cancer()
    split = split_data(data.data, data.target)
    labels = one_against_rest(split.train_classes, 0)  # scikit-learn numbers malignant 0 and benign 1
    held_out_labels = one_against_rest(split.held_out_classes, 0)
    c = choose_c(split.train_x, labels)
    pipeline = make_classifier(c).fit(split.train_x, labels)
    model = export("breast_cancer_linear", pipeline, 30)
    z = pipeline.decision_function(split.train_x)

    provenance: Provenance = {
        "model_id": "breast_cancer_linear",
        "task": "classification",
        "class_names": ["benign", "malignant"],
        "outputs": "label and probabilities of both classes",
        "data": {
            "name": "Breast Cancer Wisconsin (Diagnostic), from scikit-learn (load_breast_cancer)",
            "citation": "W. Wolberg, O. Mangasarian, N. Street, W. Street, 1993, UCI, doi:10.24432/C5DW2B",
            "licence": "CC BY 4.0",
            "split": SPLIT | {"stratified": True, "train_rows": len(labels), "held_out_rows": len(held_out_labels)},
        },
        "training": {
            "script": "models/training/train_linear.py",
            "method": "StandardScaler, LogisticRegression (L2, newton-cholesky, tol 1e-12); C by the one-standard-error rule",
            "hyperparameters": {"C": c, "folds": FOLDS},
            "seed": SEED,
            "versions": versions(*PACKAGES),
        },
        "in_clear": {
            "train": share(answers(model, split.train_x)[0] == labels),
            "held_out": share(answers(model, split.held_out_x)[0] == held_out_labels),
        },
        "ranges": {"z_train": [round(float(z.min()), 3), round(float(z.max()), 3)]},
    }
    return Stored("breast_cancer_linear", model, provenance, [str(name) for name in data.feature_names],
                  split.train_x[:CALIBRATION_ROWS], split.held_out_x, held_out_labels)


def errors(predicted: FloatArray, targets: FloatArray) -> dict[str, float | int]:
    """Of a regression: R², root mean square and mean absolute error."""
    difference = predicted.ravel() - targets
    return {
        "r2": round(1.0 - float(np.sum(difference**2) / np.sum((targets - targets.mean()) ** 2)), 6),
        "root_mean_square_error": round(float(np.sqrt(np.mean(difference**2))), 4),
        "mean_absolute_error": round(float(np.abs(difference).mean()), 4),
        "rows": len(targets),
    }


def diabetes_linear() -> Stored:
    """Disease progression after a year (25 to 346) from 10 raw measurements: ridge regression."""
    data = load_diabetes(scaled=False)
    train_x, held_out_x, train_y, held_out_y = train_test_split(
        data.data, data.target, test_size=HELD_OUT_FRACTION, random_state=SEED
    )
    # The five blood values that depend on one another get small, steady weights; plain least squares gives them large ones.
    pipeline = make_pipeline(StandardScaler(), RidgeCV(alphas=ALPHAS)).fit(train_x, train_y)
    model = export("diabetes_linear", pipeline, 10)
    predicted = answers(model, train_x)[0]

    provenance: Provenance = {
        "model_id": "diabetes_linear",
        "task": "regression",
        "outputs": "a quantitative measure of disease progression one year after baseline",
        "data": {
            "name": "Diabetes, from scikit-learn (load_diabetes, scaled=False)",
            "citation": "B. Efron, T. Hastie, I. Johnstone, R. Tibshirani: Least Angle Regression, "
                        "Annals of Statistics 32(2), 407-499, 2004",
            "licence": "published with the paper; distributed with scikit-learn (BSD-3-Clause)",
            "split": SPLIT | {"stratified": False, "train_rows": len(train_y), "held_out_rows": len(held_out_y)},
        },
        "training": {
            "script": "models/training/train_linear.py",
            "method": "StandardScaler, ridge regression; alpha by leave-one-out cross-validation",
            "hyperparameters": {"alpha": float(pipeline[-1].alpha_), "alphas": list(ALPHAS)},
            "seed": SEED,
            "versions": versions(*PACKAGES),
        },
        "in_clear": {"train": errors(predicted, train_y), "held_out": errors(answers(model, held_out_x)[0], held_out_y)},
        "ranges": {"y_train": [round(float(predicted.min()), 3), round(float(predicted.max()), 3)]},
    }
    return Stored("diabetes_linear", model, provenance, list(data.feature_names), train_x[:CALIBRATION_ROWS],
                  held_out_x, held_out_y, "target")


def differences(stored: Stored) -> list[str]:
    """The files in models/ that are not what training gave."""
    different = [name for name, text in stored.texts().items() if not file_matches(MODELS_DIR / name, text)]
    file = MODELS_DIR / f"onnx/{stored.name}.onnx"
    if not file.exists() or not same_model(stored.model, onnx.load(file)):
        different.append(f"onnx/{stored.name}.onnx")
    return different


def main() -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(description="Train the linear models of v1.1.")
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--out", type=Path, metavar="DIR", help="write the models and their rows below DIR")
    action.add_argument("--check", action="store_true", help="compare the files in models/ with what training gives")
    arguments = parser.parse_args()

    warnings.simplefilter("error", ConvergenceWarning)
    models = [breast_cancer_linear(), diabetes_linear()]
    if arguments.check:
        different = [name for stored in models for name in differences(stored)]
        for name in different:
            print(f"models/{name} differs from what training gives", file=sys.stderr)
        return 1 if different else 0
    for stored in models:
        stored.write(arguments.out)
        print(stored.name, json.dumps({key: stored.provenance[key] for key in ("in_clear", "ranges")}, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
