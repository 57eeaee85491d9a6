"""Checks: each has a stable id GROUP.NAME, says in a line what the contract demands, and names its rule."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

from einfer_conformance.http import Exchange

if TYPE_CHECKING:
    from einfer_conformance.context import Context


class Violation(Exception):
    """The server breaks the contract."""

    def __init__(self, what: str, exchange: Exchange | None = None) -> None:
        super().__init__(what)
        self.exchange = exchange


class NotOffered(Exception):
    """What is optional and absent, or cannot be tried on this server."""


@dataclasses.dataclass(frozen=True)
class Check:
    id: str
    demand: str
    rule: str
    run: Callable[[Context], None]

    @property
    def group(self) -> str:
        return self.id.partition(".")[0]


CHECKS: dict[str, Check] = {}


def add(check_id: str, demand: str, rule: str, run: Callable[[Context], None]) -> None:
    assert check_id not in CHECKS, check_id
    CHECKS[check_id] = Check(check_id, demand, rule, run)


def check(check_id: str, demand: str, rule: str) -> Callable[[Callable[[Context], None]], Callable[[Context], None]]:
    """Decorator. `rule` is a section of docs/api.md (#name) or a file of the repository."""

    def register(run: Callable[[Context], None]) -> Callable[[Context], None]:
        add(check_id, demand, "docs/api.md" + rule if rule.startswith("#") else rule, run)
        return run

    return register
