#!/usr/bin/env python3
"""Measures einfer against its targets and its peers, and writes bench/results/latest.json and docs/benchmarks.md.

    make bench                                         # everything, about twenty minutes
    build/bench-venv/bin/python bench/run.py --only S3,S5 --quick
    build/bench-venv/bin/python bench/run.py --report-only

Parts that are not measured keep their earlier results.
"""

from __future__ import annotations

import argparse
import datetime
import json
import pathlib
import shlex
import sys
import tempfile
from collections.abc import Callable
from typing import Any

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "bench"))

from harness import crowd, growth, kernels, linear, machine, networks, plots, reference, report, seed, throughput  # noqa: E402
from harness.bench import Bench, Findings  # noqa: E402
from harness.stats import rounded  # noqa: E402
from harness.targets import PARTS, TARGETS, missing  # noqa: E402

LATEST = ROOT / "bench/results/latest.json"
PAGE = ROOT / "docs/benchmarks.md"
PLOTS = ROOT / "docs/benchmarks"
MEASURES: dict[str, Callable[[Bench], Findings]] = {
    "S1": kernels.measure_ntt,
    "S2": kernels.measure_evaluator,
    "S3": reference.measure,
    "S4": linear.measure,
    "S5": throughput.measure,
    "S6": networks.measure_cnn,
    "S7": networks.measure_mlp,
    "S8": crowd.measure,
    "S9": growth.measure,
    "seed": seed.measure,
}


def parts(text: str) -> list[str]:
    chosen = [part.strip() for part in text.split(",")]
    unknown = set(chosen) - set(PARTS)
    if unknown:
        raise argparse.ArgumentTypeError(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    return [part for part in PARTS if part in chosen]


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--build", type=pathlib.Path, default=pathlib.Path("build/release"), help="build directory (%(default)s)"
    )
    parser.add_argument("--only", type=parts, default=list(PARTS), metavar="PARTS", help=f"some of {','.join(PARTS)}")
    parser.add_argument("--quick", action="store_true", help="few samples: to see whether everything works")
    parser.add_argument(
        "--output", type=pathlib.Path, default=LATEST, help="results; the page is written for the default only"
    )
    parser.add_argument(
        "--report-only", action="store_true", help="the page and its plots from the results that are there"
    )
    parser.add_argument(
        "--concrete-python",
        type=pathlib.Path,
        default=ROOT / "build/bench-concrete-venv/bin/python",
        help="interpreter that has Concrete ML",
    )
    return parser.parse_args()


def read_results(file: pathlib.Path) -> dict[str, Any]:
    empty = {"schema": 1, "parts": {}, "targets": {}, "tables": {}, "curves": {}}
    return empty | (json.loads(file.read_text(encoding="utf-8")) if file.exists() else {})


def complete(results: dict[str, Any]) -> None:
    """Every target has an entry, in the order of the list."""
    there = results["targets"]
    results["targets"] = {name: there.get(name) or missing(name, "this part has not been run") for name in TARGETS}


def measure(bench: Bench, chosen: list[str], results: dict[str, Any]) -> bool:
    """False when a part broke; the others are measured all the same."""
    whole = True
    busy = not results["machine"]["idle"]
    for part in chosen:
        load = machine.load_average()
        try:
            found = MEASURES[part](bench)
        except Exception as fault:  # noqa: BLE001, one part must not take the others with it
            bench.say(f"{part} failed: {type(fault).__name__}: {fault}")
            found = Findings(
                [
                    missing(name, f"the measurement failed ({type(fault).__name__})")
                    for name, target in TARGETS.items()
                    if target.part == part
                ]
            )
            whole = False
        results["targets"].update({entry["id"]: entry for entry in found.entries})
        results["tables"].update(found.tables)
        results["curves"].update(found.curves)
        results["machine"]["versions"].update(found.versions)
        results["machine"]["kernel_in_use"] = found.kernel or results["machine"]["kernel_in_use"]
        results["parts"][part] = {
            "date": today(),
            "revision": machine.revision(),
            "quick": bench.quick,
            "load_at_start": round(load, 2),
            "machine_was_busy": busy,
            "flags": results["machine"]["flags"],
        }
    return whole


def today() -> str:
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d")


def write_results(results: dict[str, Any], file: pathlib.Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(rounded(results), indent=1, ensure_ascii=False)
    file.write_text(compact_arrays(text) + "\n", encoding="utf-8")


def compact_arrays(text: str) -> str:
    """Arrays of numbers on one line: a sample a line would be unreadable."""
    lines, pending = [], ""
    for line in text.splitlines():
        inner = line.strip()
        is_number = inner.rstrip(",").replace(".", "").replace("-", "").replace("e", "").replace("+", "").isdigit()
        if pending and (is_number or inner.startswith("]")):
            pending += inner + (" " if inner.endswith(",") and is_number else "")
            if inner.startswith("]"):
                lines.append(pending)
                pending = ""
            continue
        if pending:
            lines.append(pending)
        pending = line if line.endswith("[") else ""
        if not pending:
            lines.append(line)
    return "\n".join(lines)


def write_page(results: dict[str, Any]) -> None:
    PAGE.write_text(report.render(results), encoding="utf-8")
    plots.draw(results["curves"], report.ratios(results), PLOTS)


def main() -> int:
    chosen = options()
    if chosen.report_only:
        write_page(read_results(chosen.output))
        return 0
    build = (ROOT / chosen.build).resolve()
    if not (build / "bin/load_generator").exists():
        print("bench: the programs are not built; `make bench` builds them", file=sys.stderr)
        return 2
    machine.wait_until_idle()
    results = read_results(chosen.output)
    kernel = results.get("machine", {}).get("kernel_in_use", "")
    earlier = results.get("machine", {}).get("versions", {})
    results["machine"] = machine.describe(build) | {"kernel_in_use": kernel}
    results["machine"]["versions"] = {
        **{name: earlier[name] for name in ("TenSEAL", "Concrete ML") if name in earlier},
        **results["machine"]["versions"],
    }
    if not results["machine"]["idle"]:
        print(
            f"bench: WARNING: the machine is not idle (load average {results['machine']['load_at_start']})",
            file=sys.stderr,
        )
    arguments = [argument for argument in sys.argv[1:] if not argument.startswith("/")]
    results |= {"date": today(), "revision": machine.revision(), "command": shlex.join(["bench/run.py", *arguments])}
    with tempfile.TemporaryDirectory(prefix="einfer-bench-") as scratch:
        bench = Bench(build, pathlib.Path(scratch), chosen.quick, chosen.concrete_python)
        whole = measure(bench, chosen.only, results)
    complete(results)
    write_results(results, chosen.output)
    if chosen.output.resolve() == LATEST:
        write_page(read_results(LATEST))
    missed = [name for name, entry in results["targets"].items() if entry["met"] is False]
    print(f"bench: {len(missed)} goals missed{': ' if missed else ''}{', '.join(missed)}")
    return 0 if whole else 1


if __name__ == "__main__":
    sys.exit(main())
