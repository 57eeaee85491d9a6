"""Runs the kit inside a test."""

from __future__ import annotations

import functools

from einfer_conformance import runner
from einfer_conformance.context import Context, Options
from einfer_conformance.contract import Contract
from einfer_conformance.runner import Outcome


@functools.cache
def contract() -> Contract:
    return Contract()


def run_kit(url: str, *only: str, **options: object) -> dict[str, Outcome]:
    """Outcome of each check by its id."""
    context = Context(Options(url, **options), contract())  # type: ignore[arg-type]
    outcomes = runner.run(runner.select(only), context, lambda *_: None)
    return {outcome.check.id: outcome for outcome in outcomes}


def failed(outcomes: dict[str, Outcome]) -> set[str]:
    return {name for name, outcome in outcomes.items() if outcome.verdict == runner.FAIL}


def texts(outcomes: dict[str, Outcome]) -> str:
    """What is said of the checks that failed."""
    return "\n".join(f"{name}: {outcome.what}" for name, outcome in outcomes.items() if outcome.verdict == runner.FAIL)
