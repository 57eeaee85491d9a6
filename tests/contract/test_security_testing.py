"""docs/security-testing.md is what tests/adversarial.toml and the marks in the tests make, and no case is without a test."""

from __future__ import annotations

import subprocess
import sys

import pytest

from support import adversarial
from support.server import ROOT


def test_the_document_is_current_and_every_case_has_a_test() -> None:
    command = [sys.executable, ROOT / "scripts" / "security_testing.py", "--check"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr


def test_what_does_not_fit_together_is_noticed() -> None:
    listed = adversarial.cases()
    complete = {case: ["tests/x.py::test_x"] for case, entry in listed.items() if not entry.get("awaits")}
    assert not adversarial.faults(complete)
    assert adversarial.faults(complete | {"envelope.nothing": ["tests/x.py::test_y"]}) == [
        "envelope.nothing: named by tests/x.py::test_y, and not in adversarial.toml"]
    del complete["envelope.truncated"]
    assert adversarial.faults(complete) == ["envelope.truncated: has no test"]
    assert "envelope.truncated" not in adversarial.document(complete)


@pytest.mark.parametrize("patterns", [{"envelope.truncated": ["not there"]}, {"envelope.nothing": ["one"]}])
def test_marks_name_rows_and_cases_that_exist(patterns: dict[str, list[str]]) -> None:
    with pytest.raises((AssertionError, KeyError)):
        adversarial.marked(["one", "two"], patterns)
