"""S4: a linear model of 30 features. Concrete ML in an environment of its own, in turns with `breast_cancer_linear`."""

from __future__ import annotations

import json
import pathlib
import subprocess
from collections.abc import Iterable, Mapping

from harness import load, server
from harness.bench import ROOT, Bench, Findings
from harness.stats import median
from harness.targets import Entry, compared, entry, missing

MODEL = "breast_cancer_linear"
DATA = ROOT / f"models/holdout/{MODEL}.csv"
PHASES = ("encrypt", "run", "decrypt")  # as concrete_peer.py times them
PROGRAM = pathlib.Path(__file__).with_name("concrete_peer.py")


class NotInstalled(Exception):
    pass


def _why_absent() -> str:
    log = ROOT / "build/bench-concrete.log"
    errors = (
        [line for line in log.read_text(errors="replace").splitlines() if line.startswith("ERROR")]
        if log.exists()
        else []
    )
    return "Concrete ML is not installed: " + (errors[-1][:200] if errors else "`make bench-concrete` installs it")


def _concrete(bench: Bench, runs: int) -> dict:
    if bench.concrete_python is None or not bench.concrete_python.exists():
        raise NotInstalled(_why_absent())
    try:
        done = subprocess.run(
            [bench.concrete_python, PROGRAM, str(runs)], capture_output=True, text=True, timeout=300, check=False
        )
    except subprocess.TimeoutExpired as fault:
        raise NotInstalled("Concrete ML does not run: it takes more than 300 s") from fault
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise NotInstalled(f"Concrete ML does not run: {last.replace(str(ROOT), '.')[:200]}")
    return json.loads(done.stdout.splitlines()[-1])


def measure(bench: Bench) -> Findings:
    bench.say("S4: 30 features, Concrete ML")
    found = Findings()
    ours: dict[str, list[float]] = {name: [] for name in ("seconds", "encrypt", "round_trip", "decrypt")}
    at_server: dict[str, list[float]] = {}
    theirs: list[list[float]] = []
    reason = ""
    runs = bench.count(10, 4)
    with server.running(bench.build, ROOT / "models") as running:
        found.kernel = running.kernel()
        for _ in range(bench.count(4, 2)):
            mark = running.mark()
            done = load.run(
                bench.build, "clients", running.url, MODEL, requests=bench.count(200, 20), warm_up=20, data=DATA
            )
            for name, times in ours.items():
                times += load.column(done, name)
            for name, times in server.phases(running.events_since(mark)).items():
                at_server.setdefault(name, []).extend(times[20:])
            if reason:
                continue
            try:
                peer = _concrete(bench, runs)
                theirs += peer["samples"]
                found.versions["Concrete ML"] = peer["versions"]["concrete-ml"]
            except NotInstalled as fault:
                reason = str(fault)
                found.versions["Concrete ML"] = "not installed"
    found.entries = [
        _against_concrete(found, ours["seconds"], theirs, reason),
        entry(
            "S4-round-trip",
            1000 * median(ours["seconds"]),
            samples={"ours_s": ours["seconds"]},
            note=f"{_listed(ours, ('encrypt', 'round_trip', 'decrypt'))}; request {done['samples'][-1]['sent']:,} bytes, "
            f"reply {done['samples'][-1]['received']:,}.",
        ),
        entry(
            "S4-server",
            1000 * median(at_server["job_completed.total_us"]),
            samples={"ours_s": at_server["job_completed.total_us"]},
            note=f"From the server's log: last byte received until the result is on disk. "
            f"Of that, evaluation {1000 * median(at_server['job_completed.evaluate_us']):.3f} ms; the rest is the "
            "commit to the disk.",
        ),
    ]
    return found


def _listed(times: Mapping[str, list[float]], names: Iterable[str]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {1000 * median(times[name]):.2f} ms" for name in names)


def _against_concrete(found: Findings, ours: list[float], theirs: list[list[float]], reason: str) -> Entry:
    if not theirs:
        return missing("S4-linear", reason)
    phases = dict(zip(PHASES, (list(times) for times in zip(*theirs, strict=True)), strict=True))
    found.tables["concrete"] = {name: 1000 * median(times) for name, times in phases.items()}
    note = (
        f"Concrete ML: {_listed(phases, PHASES)}. Ours goes over HTTP on the loopback device and to the disk; theirs is one "
        "process without a network (8 bits; ours is not quantized)."
    )
    return compared("S4-linear", ours, [sum(sample) for sample in theirs], "Concrete ML", note)
