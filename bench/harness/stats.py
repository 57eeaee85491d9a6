"""Medians, quartiles, and how steep a curve is."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

STEP_SLACK = 1.3  # what a step of a curve may be above linear x log, for noise


def quantile(samples: Sequence[float], part: float) -> float:
    """Linear between the two nearest samples, as numpy's default."""
    if not samples:
        raise ValueError("no samples")
    ordered = sorted(samples)
    place = part * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def median(samples: Sequence[float]) -> float:
    return quantile(samples, 0.5)


def spread(samples: Sequence[float]) -> dict[str, float]:
    """What the tables show of many samples."""
    return {
        "n": len(samples),
        "least": min(samples),
        "q1": quantile(samples, 0.25),
        "median": median(samples),
        "q3": quantile(samples, 0.75),
        "most": max(samples),
    }


def steps(points: Sequence[tuple[float, float]]) -> list[float]:
    """For each step of a curve (x, time): how much more the time grew than x log x would; 1 is exactly that.

    The logarithm is that of 2x, so that a curve may begin at 1.
    """
    ratios = []
    for (x, time), (next_x, next_time) in itertools.pairwise(points):
        linear_log = next_x / x * math.log2(2 * next_x) / math.log2(2 * x)
        ratios.append(next_time / time / linear_log)
    return ratios


def worst_step(points: Sequence[tuple[float, float]]) -> float:
    return max(steps(points))


def exponent(points: Sequence[tuple[float, float]]) -> float:
    """The slope in a log-log plot by least squares: 1 is linear."""
    logs = [(math.log(x), math.log(time)) for x, time in points]
    mean_x, mean_y = (sum(values) / len(logs) for values in zip(*logs, strict=True))
    return sum((x - mean_x) * (y - mean_y) for x, y in logs) / sum((x - mean_x) ** 2 for x, _ in logs)


def rounded(value: Any) -> Any:
    """Numbers with six significant digits, all the way down: what a file needs to keep."""
    if isinstance(value, dict):
        return {name: rounded(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(part) for part in value]
    if isinstance(value, float):
        return float(f"{value:.6g}")
    return value
