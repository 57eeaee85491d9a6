"""Runs checks and reports on them."""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, TextIO

from einfer_conformance import checks  # noqa: F401 - registers all of them
from einfer_conformance.context import LONGEST_PAUSE, PATIENCE, Context
from einfer_conformance.http import BadReply, Exchange
from einfer_conformance.registry import CHECKS, Check, NotOffered, Violation

PASS, FAIL, NOT_OFFERED = "pass", "FAIL", "not offered"
LAST_GROUP = "replies"  # looks at what the other groups have received


@dataclasses.dataclass(frozen=True)
class Outcome:
    check: Check
    verdict: str
    what: str = ""
    exchange: Exchange | None = None

    def as_json(self) -> dict[str, Any]:
        document = {
            "id": self.check.id,
            "verdict": self.verdict,
            "demand": self.check.demand,
            "rule": self.check.rule,
            "what": self.what,
        }
        if self.verdict == FAIL and self.exchange:
            document |= {"sent": self.exchange.sent_text(), "received": self.exchange.received_text()}
        return document


def select(wanted: Iterable[str]) -> list[Check]:
    """Checks by group or id; all, if nothing is named. Raises KeyError about a name that is none."""
    names = list(wanted)
    for name in names:
        if not any(name in (check.id, check.group) for check in CHECKS.values()):
            raise KeyError(name)
    chosen = [check for check in CHECKS.values() if not names or check.id in names or check.group in names]
    return sorted(chosen, key=lambda check: check.group == LAST_GROUP)


def judge(check: Check, context: Context) -> Outcome:
    """One that is refused for its rate on a connection of its own is run again later."""
    for _ in range(PATIENCE):
        outcome = judge_once(check, context)
        reply = outcome.exchange.reply if outcome.exchange else None
        pause = reply.header("Retry-After") if reply and reply.status == 429 else None
        if not pause or not pause.isdigit():
            break
        time.sleep(min(float(pause), LONGEST_PAUSE))
    return outcome


def judge_once(check: Check, context: Context) -> Outcome:
    try:
        check.run(context)
    except NotOffered as absence:
        return Outcome(check, NOT_OFFERED, str(absence))
    except Violation as violation:
        return Outcome(check, FAIL, str(violation), violation.exchange)
    except (BadReply, OSError) as fault:
        return Outcome(check, FAIL, str(fault) or type(fault).__name__, last(context))
    except Exception as fault:  # noqa: BLE001 - a reply of another shape than the schemas say, or bytes that SEAL refuses
        return Outcome(check, FAIL, f"a reply cannot be read: {type(fault).__name__}: {fault}", last(context))
    return Outcome(check, PASS)


def last(context: Context) -> Exchange | None:
    return context.exchanges[-1] if context.exchanges else None


def run(chosen: list[Check], context: Context, progress: Callable[[int, Check], None]) -> list[Outcome]:
    outcomes = []
    for number, check in enumerate(chosen, 1):
        progress(number, check)
        outcomes.append(judge(check, context))
    return outcomes


def terminal_progress(total: int) -> Callable[[int, Check], None]:
    def show(number: int, check: Check) -> None:
        if sys.stderr.isatty():
            print(f"\r\x1b[K{number}/{total} {check.id}", end="", file=sys.stderr, flush=True)

    return show


def report(outcomes: list[Outcome], sink: TextIO) -> None:
    """The table, the failures at length, and a line that counts."""
    width = max(len(outcome.check.id) for outcome in outcomes)
    group = ""
    for outcome in outcomes:
        if outcome.check.group != group:
            group = outcome.check.group
            print(f"\n{group}", file=sink)
        what = outcome.check.demand if outcome.verdict == PASS else outcome.what.splitlines()[0]
        print(f"  {outcome.check.id:<{width}}  {outcome.verdict:<11}  {what}", file=sink)
    for outcome in outcomes:
        if outcome.verdict == FAIL:
            explain(outcome, sink)
    counts = Counter(outcome.verdict for outcome in outcomes)
    print(f"\n{counts[PASS]} passed, {counts[FAIL]} failed, {counts[NOT_OFFERED]} not offered", file=sink)


def explain(outcome: Outcome, sink: TextIO) -> None:
    print(f"\nFAIL {outcome.check.id}", file=sink)
    print(f"  contract  {outcome.check.demand}", file=sink)
    print(f"  rule      {outcome.check.rule}", file=sink)
    print(f"  found     {outcome.what}", file=sink)
    if outcome.exchange:
        for name, text in (("sent", outcome.exchange.sent_text()), ("received", outcome.exchange.received_text())):
            print(f"  {name}", file=sink)
            print("\n".join(f"    | {line}".rstrip() for line in text.splitlines()), file=sink)


def write_json(outcomes: list[Outcome], url: str, path: str) -> None:
    counts = Counter(outcome.verdict for outcome in outcomes)
    document = {
        "url": url,
        "passed": counts[PASS],
        "failed": counts[FAIL],
        "not_offered": counts[NOT_OFFERED],
        "checks": [outcome.as_json() for outcome in outcomes],
    }
    with open(path, "w", encoding="utf-8") as file:
        json.dump(document, file, indent=1, ensure_ascii=False)
        file.write("\n")
