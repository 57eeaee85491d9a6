"""Logistic regression on raw features and the polynomial that stands in for the sigmoid.

Everything here is deterministic: fixed seeds, a Newton solver run to convergence, a closed-form polynomial fit. Only the
training part of a split is ever looked at; the held-out part is for measuring.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score, train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

SEED = 0
HELD_OUT_FRACTION = 0.25
FOLDS = 10
C_GRID: tuple[float, ...] = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
POLYNOMIAL_GRID_POINTS = 2001


@dataclass(frozen=True)
class Split:
    """Raw features, one row a sample, and class numbers: the part to train on and the part held out."""

    train_x: FloatArray
    held_out_x: FloatArray
    train_classes: IntArray
    held_out_classes: IntArray


@dataclass(frozen=True)
class LinearModel:
    """z = weights · x + bias on raw features x, with the regularisation C it was fitted with."""

    weights: FloatArray
    bias: float
    c: float

    def z(self, x: FloatArray) -> FloatArray:
        """The linear score of each row of x."""
        return x @ self.weights + self.bias


def split_data(features: FloatArray, classes: IntArray) -> Split:
    """Hold out a stratified part of the data, always the same one."""
    return Split(*train_test_split(features, classes, test_size=HELD_OUT_FRACTION, stratify=classes, random_state=SEED))


def one_against_rest(classes: IntArray, positive: int) -> IntArray:
    """1 where the class is the positive one, 0 elsewhere."""
    return np.where(classes == positive, 1, 0)


def make_classifier(c: float) -> Pipeline:
    """Standardisation followed by L2-regularised logistic regression, solved to convergence."""
    return make_pipeline(StandardScaler(), LogisticRegression(C=c, solver="newton-cholesky", tol=1e-12, max_iter=200))


def choose_c(x: FloatArray, labels: IntArray) -> float:
    """The smallest C whose cross-validated accuracy is within one standard error of the best (the one-standard-error rule).

    Smaller C means smaller weights, hence a smaller range of z, where a polynomial follows the sigmoid better.
    """
    folds = StratifiedKFold(n_splits=FOLDS, shuffle=True, random_state=SEED)
    scores = np.array([cross_val_score(make_classifier(c), x, labels, cv=folds, scoring="accuracy") for c in C_GRID])
    means = scores.mean(axis=1)
    best = int(means.argmax())
    standard_error = scores[best].std(ddof=1) / np.sqrt(FOLDS)
    return C_GRID[int(np.flatnonzero(means >= means[best] - standard_error)[0])]


def fit_linear(x: FloatArray, labels: IntArray) -> LinearModel:
    """Logistic regression with the standardisation folded into weights and bias, so that it takes raw features."""
    c = choose_c(x, labels)
    scaler, regression = make_classifier(c).fit(x, labels)
    weights = regression.coef_[0] / scaler.scale_
    return LinearModel(weights, float(regression.intercept_[0] - weights @ scaler.mean_), c)


def sigmoid(z: FloatArray) -> FloatArray:
    """1 / (1 + exp(-z))."""
    return 1.0 / (1.0 + np.exp(-z))


def polynomial(coefficients: tuple[float, float, float], z: FloatArray) -> FloatArray:
    """c0 + c1 z + c2 z²."""
    c0, c1, c2 = coefficients
    return (c2 * z + c1) * z + c0


def fit_polynomial(z: FloatArray, degree: int) -> tuple[float, float, float]:
    """Least-squares fit of the sigmoid, degree 1 or 2, on an even grid over the range of z, through (0, 1/2).

    c0 is held at 1/2 because then y > 1/2 exactly where the sigmoid is, as long as the second zero of y - 1/2 stays out of
    the range. A free c0 would move the decision to buy a closer curve.
    """
    grid = np.linspace(z.min(), z.max(), POLYNOMIAL_GRID_POINTS)
    powers = np.stack([grid**k for k in range(1, degree + 1)], axis=1)
    solution, *_ = np.linalg.lstsq(powers, sigmoid(grid) - 0.5, rcond=None)
    return (0.5, float(solution[0]), float(solution[1]) if degree == 2 else 0.0)


def asymmetry(z: FloatArray) -> float:
    """How far the range of z is from symmetric: 0 for [-a, a], 1 for [0, a]."""
    return float(abs(z.max() + z.min()) / (z.max() - z.min()))
