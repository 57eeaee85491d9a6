"""S4: a linear model of 30 features. Concrete ML in an environment of its own, in turns with `breast_cancer_v1`."""

from __future__ import annotations

import json
import pathlib
import subprocess

from harness import load, server
from harness.bench import ROOT, Bench, Findings
from harness.stats import median
from harness.targets import compared, entry

MODEL = "breast_cancer_v1"
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
    ours: list[float] = []
    theirs: list[list[float]] = []
    reason = ""
    runs = bench.count(10, 4)
    with server.running(bench.build, ROOT / "models") as running:
        for _ in range(bench.count(4, 2)):
            ours += load.column(
                load.run(bench.build, "clients", running.url, MODEL, requests=runs, warm_up=3), "seconds"
            )
            if reason:
                continue
            try:
                peer = _concrete(bench, runs)
                theirs += peer["samples"]
                found.versions["Concrete ML"] = peer["versions"]["concrete-ml"]
            except NotInstalled as fault:
                reason = str(fault)
    if not theirs:
        found.versions["Concrete ML"] = "not installed"
        found.entries = [
            entry("S4-linear", None, samples={"ours_s": ours}, note=f"{1000 * median(ours):.2f} ms by us; {reason}.")
        ]
        return found
    phases = {name: 1000 * median(times) for name, times in zip(PHASES, zip(*theirs, strict=True), strict=True)}
    listed = ", ".join(f"{name} {time:.1f} ms" for name, time in phases.items())
    note = (
        f"Concrete ML: {listed}. v1.0 over HTTP on the loopback device, against one process without a network (8 bits; "
        "ours is not quantized). The goal is a later version's."
    )
    found.entries = [compared("S4-linear", ours, [sum(sample) for sample in theirs], "Concrete ML", note)]
    found.tables["concrete"] = phases
    return found
