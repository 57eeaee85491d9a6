"""The server under measurement, and what it says about its own times."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import pathlib
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))  # the tests have a server already

from support import server as tested  # noqa: E402

Events = list[dict[str, Any]]
_numbers = itertools.count()


class MeasuredServer(tested.Server):
    """Logs as JSON; `mark()` and `events_since()` cut the log."""

    def mark(self) -> int:
        return self.log.stat().st_size

    def events_since(self, mark: int) -> Events:
        with self.log.open("rb") as log:
            log.seek(mark)
            return [json.loads(line) for line in log.read().splitlines() if line.startswith(b"{")]

    def get(self, target: str) -> dict[str, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("GET", target)
        body = connection.getresponse().read()
        connection.close()
        return json.loads(body)

    def kernel(self) -> str:
        """Which kernels it has chosen, if it says so: in /ready, or in its log."""
        for document in [self.get("/ready"), *self.events_since(0)]:
            for name, value in document.items():
                if re.fullmatch("kernels?|isa", name):
                    return value if isinstance(value, str) else json.dumps(value)
        return ""


@contextlib.contextmanager
def running(build: pathlib.Path, models: pathlib.Path, *flags: str) -> Iterator[MeasuredServer]:
    """Its data is on the disk of the build directory, and is removed in the end."""
    tested.BINARY = build / "bin/einfer-server"
    (ROOT / "build").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-server-", dir=ROOT / "build") as home:
        server = MeasuredServer(models, pathlib.Path(home), "--log-format", "json", "--enable-plain", *flags)
        try:
            server.wait_ready()
            yield server
            server.stop()
        finally:
            server.kill()


def phases(events: Events, ids: Sequence[str] | None = None) -> dict[str, list[float]]:
    """Every time that the log has of POST /infer and its jobs, in seconds: `request.microseconds`,
    `job_completed.evaluate_us` and whatever else ends in `_us`. `ids`: of these requests only."""
    found: dict[str, list[float]] = {}
    wanted = None if ids is None else set(ids)
    for event in events:
        name = event.get("event")
        if name == "request" and (event.get("route") != "/infer" or event.get("status") not in (200, 202)):
            continue
        if wanted is not None and name == "request" and event.get("request_id") not in wanted:
            continue
        if name in ("request", "job_completed"):
            for field, value in _times(event).items():
                found.setdefault(f"{name}.{field}", []).append(value)
    return found


def _times(event: Mapping[str, Any]) -> dict[str, float]:
    return {
        name: value / 1e6
        for name, value in event.items()
        if isinstance(value, int | float) and (name == "microseconds" or name.endswith("_us"))
    }


def after_receiving(events: Events) -> list[float]:
    """Seconds from the last byte of each request until its job was done: its result on disk. Empty when the log does
    not say."""
    return [
        event["total_us"] / 1e6
        for event in events
        if event.get("event") == "job_completed" and "total_us" in event
    ]
