#!/usr/bin/env python3
"""Runs a server under mixed honest and hostile traffic and says whether anything grows that should not.

    python scripts/soak.py --seconds 1800 --output soak.json

Every few seconds memory, descriptors, threads and the size of the data directory are sampled. The first third is
warm-up. Over the rest a line is fitted to each; the run fails if it rises by more than GROWTH allows over that time, if
the server has ended or said 500, or if an answer is wrong. Results live for a minute, so that the database has a size at
which it stays.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from reliability.clients import Recorder, answers, count_of, question  # noqa: E402
from reliability.traffic import mixed_traffic  # noqa: E402
from support.adversarial import internal_errors  # noqa: E402
from support.honest import GoodRequest, HonestRequest  # noqa: E402
from support.models import PAIR, PAIR_ROWS, write_registry  # noqa: E402
from support.server import Server  # noqa: E402

MIB = 1 << 20
WARM_UP = 1 / 3
# What each may rise by after the warm-up, by its fitted line: a part of its mean, and something for noise.
GROWTH = {"memory": (0.05, 8 * MIB), "descriptors": (0.1, 8), "threads": (0.0, 0.5), "disk": (0.1, 32 * MIB)}
RESULT_TTL = 60


def sample(server: Server, start: float) -> dict[str, float]:
    status = pathlib.Path(f"/proc/{server.pid}/status").read_text(encoding="ascii")
    fields = dict(line.split(":", 1) for line in status.splitlines())
    return {
        "seconds": round(time.monotonic() - start, 1),
        "memory": int(fields["VmRSS"].split()[0]) * 1024,
        "descriptors": len(os.listdir(f"/proc/{server.pid}/fd")),
        "threads": int(fields["Threads"]),
        "disk": sum(path.stat().st_size for path in server.data.iterdir()),
    }


def fitted_rise(samples: list[dict[str, float]], name: str) -> float:
    """Over the whole time of the samples, by least squares."""
    times, values = [each["seconds"] for each in samples], [each[name] for each in samples]
    middle, mean = sum(times) / len(times), sum(values) / len(values)
    spread = sum((time - middle) ** 2 for time in times)
    slope = sum((time - middle) * (value - mean) for time, value in zip(times, values, strict=True)) / (spread or 1)
    return slope * (times[-1] - times[0])


def judge(samples: list[dict[str, float]]) -> tuple[list[dict[str, object]], bool]:
    settled = [each for each in samples if each["seconds"] >= WARM_UP * samples[-1]["seconds"]]
    rows: list[dict[str, object]] = []
    for name, (part, noise) in GROWTH.items():
        values = [each[name] for each in settled]
        rise, allowed = fitted_rise(settled, name), part * sum(values) / len(values) + noise
        rows.append({"what": name, "first": samples[0][name], "least": min(values), "most": max(values),
                     "last": values[-1], "rise": round(rise, 1), "allowed": round(allowed, 1), "flat": rise <= allowed})
    return rows, all(row["flat"] for row in rows)


def print_table(rows: list[dict[str, object]]) -> None:
    print(f"{'':12} {'at start':>12} {'least':>12} {'most':>12} {'last':>12} {'rise':>12} {'allowed':>12}")
    for row in rows:
        scale, unit = (MIB, " MiB") if row["what"] in ("memory", "disk") else (1, "")
        cells = " ".join(f"{row[name] / scale:>{12 - len(unit)}.1f}{unit}"  # type: ignore[operator]
                         for name in ("first", "least", "most", "last", "rise", "allowed"))
        print(f"{row['what']:12} {cells}  {'flat' if row['flat'] else 'GROWS'}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=1800)
    parser.add_argument("--interval", type=float, default=5, help="between two samples")
    parser.add_argument("--pause", type=float, default=0.2, help="that each client rests between two requests")
    parser.add_argument("--output", type=pathlib.Path, default=pathlib.Path("soak.json"))
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        home = pathlib.Path(folder)
        request = HonestRequest.make(PAIR, PAIR_ROWS)
        flags = ["--result-ttl", str(RESULT_TTL), "--tombstone-ttl", str(RESULT_TTL), "--header-timeout", "5",
                 "--body-timeout", "5", "--tenant-requests-per-second", "1000", "--audit-log", str(home / "audit")]
        server = Server(write_registry(home / "models", PAIR), home / "server", *flags).wait_ready()
        try:
            return run(server, request, arguments)
        finally:
            server.kill()


def run(server: Server, request: HonestRequest, arguments: argparse.Namespace) -> int:
    rows = [[0.25 * number, -0.5] for number in range(4)]
    questions = [question(server, HonestRequest.make(PAIR, [row], request.session)) for row in rows]
    recorder = Recorder(server)
    samples: list[dict[str, float]] = []
    start = time.monotonic()
    with mixed_traffic(server, recorder, questions, request, pause=arguments.pause):
        while time.monotonic() < start + arguments.seconds and server.process.poll() is None:
            samples.append(sample(server, start))
            time.sleep(arguments.interval)
    alive = server.process.poll() is None
    faults = internal_errors(server.log)
    right = answers(questions)
    seen = [get for get in recorder.history.gets if get.state == "completed"]
    wrong = [str(get) for get in seen if right.get(get.digest) != get.answer]
    if alive:
        GoodRequest(request).check(server)
    rows, flat = judge(samples)
    print_table(rows)
    good = alive and flat and not faults and not wrong
    print(f"{samples[-1]['seconds']:.0f} s, {len(recorder.history.posts)} requests for inference, "
          f"{count_of(recorder, 200, 202)} accepted, {len(seen)} answers read; "
          f"alive: {alive}; 500s: {len(faults)}; wrong answers: {len(wrong)}; {'good' if good else 'BAD'}")
    report = {"good": good, "summary": rows, "samples": samples, "faults": faults[:20], "wrong": wrong[:20]}
    arguments.output.write_text(json.dumps(report, indent=1), encoding="utf-8")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
