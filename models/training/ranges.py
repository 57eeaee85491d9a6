"""Whether a model's largest values fit the coefficient modulus: the rules the planner applies, stated for the shipped models.

The box is |x_i| <= bound_i for every feature i. All figures are worst cases over the whole box.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal

import numpy as np

from fitting import FloatArray, LinearModel

MIN_WEIGHT_SCALE_BITS = 24.0
HEADROOM_BITS = 2.0
MAX_ANSWER_BITS = 17.0


def neat_bounds(x: FloatArray, factor: float) -> list[float]:
    """Factor times the largest absolute value of each column, rounded up to two significant digits."""
    return [round_up(factor * float(largest)) for largest in np.abs(x).max(axis=0)]


def round_up(value: float) -> float:
    """The smallest number of two significant digits that is not below a positive value."""
    exact = Decimal(value)
    return float(exact.quantize(Decimal(1).scaleb(exact.adjusted() - 1), rounding=ROUND_CEILING))


def max_linear_answer(model: LinearModel, coefficients: tuple[float, float, float], bounds: list[float]) -> float:
    """Bound on |c0 + c1 z| over the box: sum_i |c1 w_i| bound_i + |c1 b + c0|."""
    c0, c1, _ = coefficients
    return float(np.abs(c1 * model.weights) @ np.array(bounds) + abs(c1 * model.bias + c0))


def weight_scale_bits(max_answer: float, scale_bits: int, data_modulus_bits: int) -> float:
    """Bits of the data modulus that are left for the scale of the weights when sums up to max_answer must not wrap."""
    return data_modulus_bits - float(np.log2(max_answer)) - scale_bits - HEADROOM_BITS


def z_over_box(model: LinearModel, bounds: list[float]) -> tuple[float, float]:
    """The smallest and the largest z over the box."""
    reach = float(np.abs(model.weights) @ np.array(bounds))
    return model.bias - reach, model.bias + reach


def max_quadratic_answer(model: LinearModel, coefficients: tuple[float, float, float], bounds: list[float]) -> float:
    """Bound on |(c2 z + c1) z| + |c0| over the box: what the product that is not rescaled has to hold."""
    c0, c1, c2 = coefficients
    largest_z = max(abs(end) for end in z_over_box(model, bounds))
    return (abs(c2) * largest_z + abs(c1)) * largest_z + abs(c0)
