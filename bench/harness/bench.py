"""What every part is given, and what it gives back."""

from __future__ import annotations

import dataclasses
import pathlib
import sys
from typing import Any

from harness.targets import Entry

ROOT = pathlib.Path(__file__).resolve().parents[2]


@dataclasses.dataclass(frozen=True)
class Bench:
    build: pathlib.Path
    scratch: pathlib.Path
    quick: bool = False
    concrete_python: pathlib.Path | None = None  # of the environment that has Concrete ML

    def count(self, full: int, quick: int) -> int:
        return quick if self.quick else full

    def say(self, text: str) -> None:
        print(f"bench: {text}", file=sys.stderr, flush=True)


@dataclasses.dataclass
class Findings:
    """`tables` and `curves` by name; report.py knows how to show them. `versions`: of peers."""

    entries: list[Entry] = dataclasses.field(default_factory=list)
    tables: dict[str, Any] = dataclasses.field(default_factory=dict)
    curves: dict[str, Any] = dataclasses.field(default_factory=dict)
    versions: dict[str, str] = dataclasses.field(default_factory=dict)
    kernel: str = ""
