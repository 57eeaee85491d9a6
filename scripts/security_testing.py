#!/usr/bin/env python3
"""Writes docs/security-testing.md from tests/adversarial.toml and the marks in the tests; with --check, says what is wrong."""

from __future__ import annotations

import argparse
import contextlib
import io
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from support import adversarial  # noqa: E402


class Collector:
    """Keeps the tests that pytest finds."""

    def __init__(self) -> None:
        self.items: list[pytest.Item] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        self.items = list(items)


def collect() -> dict[str, list[str]]:
    collector, output = Collector(), io.StringIO()
    with contextlib.redirect_stdout(output):
        code = pytest.main(["--collect-only", "-q", "-p", "no:cacheprovider", "--rootdir", str(ROOT), str(ROOT / "tests")],
                           plugins=[collector])
    if code != pytest.ExitCode.OK:
        sys.exit(f"{output.getvalue()[-3000:]}\nthe tests could not be collected")
    return adversarial.collected(collector.items)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 if the document is stale")
    arguments = parser.parse_args()
    tests = collect()
    faults = adversarial.faults(tests)
    text = adversarial.document(tests)
    if not arguments.check:
        adversarial.DOCUMENT.write_text(text, encoding="utf-8")
    elif not adversarial.DOCUMENT.exists() or adversarial.DOCUMENT.read_text(encoding="utf-8") != text:
        faults.append(f"{adversarial.DOCUMENT.relative_to(ROOT)} is stale: {adversarial.COMMAND}")
    print("\n".join(faults), file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
