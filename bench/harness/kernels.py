"""S1 and S2: kernels and evaluator against SEAL's, by the Google Benchmark programs."""

from __future__ import annotations

import subprocess
from typing import Any

from harness import google_benchmark
from harness.bench import Bench, Findings
from harness.google_benchmark import PEER, Case, Times
from harness.stats import median, spread
from harness.targets import Entry, entry, measured_peer, missing

SMALL_PRIME = 49  # bits
OPERATIONS = ("S2-rotate", "S2-relinearize", "S2-hoisted")
DEGREES = range(4096, 32768 + 1)  # of S1
DEGREE = "16384"  # of S2


def operation_of(case: Case) -> str | None:
    """The target that an evaluator's case is for."""
    name = case[0]
    if "hoist" in name or "16" in name:
        return "S2-hoisted"
    if name.startswith("rotate"):
        return "S2-rotate"
    return "S2-relinearize" if name.startswith("relin") else None


def is_ntt(case: Case) -> bool:
    """`ntt_forward/N/BITS`, without the implementation."""
    return "ntt" in case[0] and len(case) >= 3 and case[1].isdigit() and case[-1].isdigit() and int(case[1]) in DEGREES


def fastest(of_case: dict[str, list[float]]) -> str | None:
    """The implementation of ours that a machine would use."""
    ours = [name for name in of_case if name != PEER]
    return min(ours, key=lambda name: median(of_case[name])) if ours and PEER in of_case else None


def case_row(case: Case, of_case: dict[str, list[float]]) -> dict[str, Any]:
    peer = median(of_case[PEER])
    return {
        "case": "/".join(case),
        "seal_us": 1e6 * peer,
        "ours": {
            name: {
                "us": 1e6 * median(times),
                "ratio": peer / median(times),
                "q1_us": 1e6 * spread(times)["q1"],
                "q3_us": 1e6 * spread(times)["q3"],
            }
            for name, times in sorted(of_case.items())
            if name != PEER
        },
        "used": fastest(of_case),
    }


def worst(target_id: str, times: Times) -> Entry:
    """The case with the smallest ratio stands for all of them."""
    ratios = {}
    for case, of_case in times.items():
        used = fastest(of_case)
        if used:
            ratios[case] = (median(of_case[PEER]) / median(of_case[used]), used)
    if not ratios:
        return missing(target_id, "the benchmark program has no such case")
    case = min(ratios, key=lambda each: ratios[each][0])
    ratio, used = ratios[case]
    best = max(each for each, _ in ratios.values())
    return entry(
        target_id,
        ratio,
        ratio=ratio,
        peer=measured_peer("SEAL", 1e3 * median(times[case][PEER]), "ms"),
        samples={"ours_s": times[case][used], "peer_s": times[case][PEER]},
        note=f"`{'/'.join(case)}` with {used}, the worst of {len(ratios)} cases; best {best:.2f} x.",
    )


def _run(bench: Bench, name: str) -> Times | str:
    """Times, or why there are none."""
    program = bench.build / f"bin/{name}_bench"
    if not program.exists():
        return f"`bench/{name}_bench.cpp` is not built"
    bench.say(f"{name}_bench")
    try:
        return google_benchmark.read(google_benchmark.run(program, bench.count(9, 3), 0.02 if bench.quick else 0.05))
    except subprocess.SubprocessError as fault:
        return f"{name}_bench failed ({type(fault).__name__})"


def _in_order(case: Case) -> list[tuple[int, int, str]]:
    """Numbers by their size: they are run in random order."""
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in case]


def _table(times: Times) -> list[dict[str, Any]]:
    return [case_row(case, times[case]) for case in sorted(times, key=_in_order) if fastest(times[case])]


def measure_ntt(bench: Bench) -> Findings:
    times = _run(bench, "kernels")
    if isinstance(times, str):
        return Findings([missing("S1-small", times), missing("S1-large", times)])
    ntt = {case: of_case for case, of_case in times.items() if is_ntt(case)}
    small = {case: of_case for case, of_case in ntt.items() if int(case[-1]) <= SMALL_PRIME}
    large = {case: of_case for case, of_case in ntt.items() if int(case[-1]) > SMALL_PRIME}
    return Findings([worst("S1-small", small), worst("S1-large", large)], {"kernels": _table(times)})


def measure_evaluator(bench: Bench) -> Findings:
    times = _run(bench, "evaluator")
    if isinstance(times, str):
        return Findings([missing(target_id, times) for target_id in OPERATIONS])
    entries = []
    for target_id in OPERATIONS:
        chosen = {case: of_case for case, of_case in times.items() if operation_of(case) == target_id}
        at_degree = {case: of_case for case, of_case in chosen.items() if DEGREE in case[1:]}
        entries.append(worst(target_id, at_degree or chosen))
    return Findings(entries, {"evaluator": _table(times)})
