"""The list of hostile cases, the marks that tie tests to it, and what must hold after each marked test.

    @pytest.mark.adversarial("group.case", ...)                  of a test, or
    @pytest.mark.parametrize("row", marked(ROWS, {"group.case": ["row's name", "pattern *"]}))

After a marked test every server that it used, and that is still meant to live, gives a right answer to a good request, and
no server has sent a 500. `serves=False` is for servers that are started too small to take any request: they only have to say
that they live.
"""

from __future__ import annotations

import fnmatch
import functools
import pathlib
import tomllib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from support.honest import GoodRequest
from support.http import get
from support.server import ROOT, Server, wait_until

CASES_FILE = ROOT / "tests" / "adversarial.toml"
DOCUMENT = ROOT / "docs" / "security-testing.md"
COMMAND = "python scripts/security_testing.py"
MARK = "adversarial"

SERVERS = pytest.StashKey[list[Server]]()  # that a test uses

Case = dict[str, Any]


@functools.cache
def cases() -> dict[str, Case]:
    listed = tomllib.loads(CASES_FILE.read_text(encoding="utf-8"))["case"]
    by_id = {case["id"]: case for case in listed}
    assert len(by_id) == len(listed), "an id is given twice"
    for case in listed:
        assert set(case) - {"awaits", "unit"} == {"id", "group", "text", "expect"}, case
    return by_id


def marked(rows: Iterable[Any], patterns: dict[str, list[str]], name: Callable[[Any], str] | None = None) -> list[Any]:
    """Parameters of a test, each marked with the cases that list its name; every pattern must find one.

    A row with a status and a code must be refused as the case says.
    """
    rows = list(rows)
    name = name or (lambda row: getattr(row, "name", row))
    named: dict[int, list[str]] = defaultdict(list)
    for case, wanted in patterns.items():
        assert case in cases(), f"{case} is not in {CASES_FILE.name}"
        for pattern in wanted:
            found = [number for number, row in enumerate(rows) if fnmatch.fnmatchcase(name(row), pattern)]
            assert found, f"{case}: no row is named {pattern!r}"
            for number in found:
                row = rows[number]
                if hasattr(row, "code"):
                    assert f"{row.status} {row.code}" in cases()[case]["expect"], f"{row} is not as {case} expects"
                named[number].append(case)
    return [
        pytest.param(row, marks=getattr(pytest.mark, MARK)(*named[number])) if number in named else pytest.param(row)
        for number, row in enumerate(rows)
    ]


def named_cases(item: pytest.Item) -> list[str]:
    return [case for mark in item.iter_markers(MARK) for case in mark.args]


def collected(items: Iterable[pytest.Item]) -> dict[str, list[str]]:
    """Case by case, the tests that name it, as file::function, and the C++ tests that it names."""
    tests: dict[str, list[str]] = defaultdict(list)
    for case, entry in cases().items():
        if "unit" in entry:
            file, _, test = entry["unit"].partition("::")
            assert f"({test.replace('.', ', ')})" in (ROOT / file).read_text(encoding="utf-8"), f"{case}: no {entry['unit']}"
            tests[case].append(entry["unit"])
    for item in items:
        file = item.path.relative_to(ROOT).as_posix()
        test = f"{file}::{getattr(item, 'originalname', item.name)}"
        for case in dict.fromkeys(named_cases(item)):
            tests[case].append(test)
    return tests


def faults(tests: dict[str, list[str]]) -> list[str]:
    """What is wrong between the list and the marks."""
    unknown = [f"{case}: named by {tests[case][0]}, and not in {CASES_FILE.name}" for case in sorted(set(tests) - set(cases()))]
    untested = [f"{case}: has no test" for case, entry in cases().items() if case not in tests and not entry.get("awaits")]
    awaited = [f"{case}: has a test, and still awaits = true" for case, entry in cases().items()
               if case in tests and entry.get("awaits")]
    return unknown + untested + awaited


HEAD = f"""\
# Hostile input: every case and its test

Made from `tests/{CASES_FILE.name}` and the marks in the tests by `{COMMAND}`; a test fails when it is stale.

Every case is a test over real sockets against the real binary, or of its files; a unit test where no client can reach.
After each, every server that the test used and that is still to live answers a good request rightly (one that was started
too small to take any says that it lives), and its log has no 500 in it. A refused request leaves no job, no file and no
memory behind. Requests are also generated: `tests/generated` makes them from the schemas and from `openapi.yaml`.
"""


def document(tests: dict[str, list[str]]) -> str:
    """docs/security-testing.md."""
    lines = [HEAD]
    awaited = [entry for entry in cases().values() if entry.get("awaits")]
    done = [entry for entry in cases().values() if not entry.get("awaits")]
    runs = sum(len(tests.get(entry["id"], ())) for entry in done)
    lines += [f"Cases: {len(done)}, proved by {runs} runs of tests. Not yet tested: {len(awaited)}.", ""]
    group = ""
    for entry in done:
        if entry["group"] != group:
            group = entry["group"]
            lines += ["" if lines[-1] else None, f"## {group}", "", "| case | expected | tests |", "|---|---|---|"]
        lines.append(f"| {cell(entry['text'])} | {cell(entry['expect'])} | {proofs(tests.get(entry['id'], []))} |")
    lines += ["", "## Not yet tested", ""]
    if awaited:
        lines += ["| case | expected |", "|---|---|"]
        lines += [f"| {entry['group']}: {cell(entry['text'])} | {cell(entry['expect'])} |" for entry in awaited]
    else:
        lines.append("None.")
    return "\n".join(line for line in lines if line is not None) + "\n"


def cell(text: str) -> str:
    return text.replace("|", "\\|")


def proofs(tests: list[str]) -> str:
    counts = {test: tests.count(test) for test in tests}
    return "<br>".join(f"`{test.removeprefix('tests/')}`" + (f" × {count}" if count > 1 else "") for test, count in counts.items())


# --- After each marked test ------------------------------------------------------------------------------------------------


def internal_errors(log: pathlib.Path, offset: int = 0) -> list[str]:
    """Lines of a log, in either format, that say status 500, or anything above but 503."""
    text = log.read_bytes()[offset:].decode("utf-8", errors="replace")
    words = [f'"status":{status},' for status in (500, 501, 502, 504)]
    words += [f" status={status} " for status in (500, 501, 502, 504)]
    return [line for line in text.splitlines() if any(word in line for word in words)]


@pytest.fixture(autouse=True)
def after_hostility(request: pytest.FixtureRequest) -> Iterator[None]:
    marks = list(request.node.iter_markers(MARK))
    if not marks:
        yield
        return
    good: GoodRequest = request.getfixturevalue("good")
    for name in {"server", "start_server"} & set(request.fixturenames):
        request.getfixturevalue(name)  # before this fixture, so that servers still live after it
    begun = {server.log: server.log.stat().st_size for server in request.node.stash.get(SERVERS, [])}
    yield
    serves = all(mark.kwargs.get("serves", True) for mark in marks)
    for server in request.node.stash.get(SERVERS, []):
        if server.is_meant_to_live():
            assert server.process.poll() is None, f"the server has ended with {server.process.returncode}"
            if serves:
                wait_until(lambda: answers(server, good), "a good request is answered")  # noqa: B023
            assert get(server, "/health").json() == {"status": "ok"}
        assert not internal_errors(server.log, begun.get(server.log, 0))


def answers(server: Server, good: GoodRequest) -> bool:
    """Whether the server is well. One that is still getting rid of what the test did may say that it is full."""
    reply = good.send(server)
    if reply.status == 503:
        return False
    assert reply.status == 200, reply.body[:500]
    good.check_job(reply.json())
    return True
