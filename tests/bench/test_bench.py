"""The committed results are complete, the page is what the program makes of them, and the statistics are right. No time
is asserted."""

from __future__ import annotations

import json
import pathlib
import re
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench"))

from harness import google_benchmark, kernels, plots, report, server, stats, targets  # noqa: E402
from harness.bench import Bench  # noqa: E402

RESULTS = json.loads((ROOT / "bench/results/latest.json").read_text(encoding="utf-8"))


def test_the_results_have_every_target():
    assert list(RESULTS["targets"]) == list(targets.TARGETS)
    assert {name.split("-")[0] for name in targets.TARGETS} | {"seed"} == set(targets.PARTS)


@pytest.mark.parametrize("name", targets.TARGETS)
def test_an_entry_has_its_members(name: str):
    entry, target = RESULTS["targets"][name], targets.TARGETS[name]
    assert set(targets.MEMBERS) <= set(entry)
    assert (entry["id"], entry["part"], entry["unit"], entry["goal"]) == (name, target.part, target.unit, target.goal)
    if entry["value"] is None:
        assert entry["met"] is None and re.search("[Nn]ot (measured|installed)|does not run", entry["note"])
        return
    assert any(entry["samples"].values()), "a figure without its samples"
    if entry["goal"] is not None:
        better = entry["value"] >= entry["goal"] if entry["better"] == "higher" else entry["value"] <= entry["goal"]
        assert entry["met"] is better


def test_the_results_say_where_they_are_from():
    machine = RESULTS["machine"]
    assert {"cpu", "cores", "flags", "memory_bytes", "load_at_start", "idle", "versions", "kernel_in_use"} <= set(
        machine
    )
    assert RESULTS["command"].startswith("bench/run.py") and RESULTS["revision"] and RESULTS["date"]
    for part in RESULTS["parts"].values():
        assert {"date", "revision", "quick", "load_at_start", "machine_was_busy"} <= set(part)


def test_the_results_name_no_path_of_a_machine():
    assert not re.search(r"/(home|root|tmp|work)/", json.dumps(RESULTS))


def test_the_page_is_that_of_the_results():
    assert (ROOT / "docs/benchmarks.md").read_text(encoding="utf-8") == report.render(RESULTS), (
        "run `bench/run.py --report-only`"
    )


def test_the_page_shows_plots_that_are_there():
    page = (ROOT / "docs/benchmarks.md").read_text(encoding="utf-8")
    shown = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", page)
    assert all((ROOT / "docs" / file).is_file() for file in shown)
    assert {f"benchmarks/{plots.file_name(name)}" for name in RESULTS["curves"]} <= set(shown)


def test_a_miss_is_named():
    page = report.render(RESULTS)
    for entry in RESULTS["targets"].values():
        if entry["met"] is False:
            assert f"- `{entry['id']}` is missed" in page


# --- statistics -------------------------------------------------------------------------------------------------------


def test_quantiles_are_those_of_numpy():
    numpy = pytest.importorskip("numpy")
    samples = [7.0, 1.5, 3.25, 9.0, 2.0, 2.0]
    for part in (0, 0.1, 0.25, 0.5, 0.9, 0.99, 1):
        assert stats.quantile(samples, part) == pytest.approx(float(numpy.quantile(samples, part)))
    assert stats.quantile([4.0], 0.99) == 4.0
    with pytest.raises(ValueError, match="no samples"):
        stats.median([])


def test_a_step_of_x_log_x_is_one():
    log = {1: 1, 2: 2, 4: 3, 8: 4, 64: 7}
    assert stats.steps([(x, 0.5 * x * power) for x, power in log.items()]) == pytest.approx([1] * 4)


def test_the_worst_step_of_a_square_is_above_the_slack_and_that_of_a_line_is_not():
    xs = [64, 128, 256, 512, 1024]
    assert stats.worst_step([(x, x * x) for x in xs]) > stats.STEP_SLACK
    assert stats.worst_step([(x, 3 * x) for x in xs]) <= 1
    assert stats.worst_step([(x, 7) for x in xs]) < 1


def test_the_exponent_is_the_power():
    assert stats.exponent([(x, 5 * x**2) for x in (1, 2, 4, 8)]) == pytest.approx(2)
    assert stats.exponent([(x, 5) for x in (1, 2, 4, 8)]) == pytest.approx(0)


def test_rounding_keeps_six_digits_and_whole_numbers():
    assert stats.rounded({"a": [1 / 3, 12585046, True, "x", None]}) == {"a": [0.333333, 12585046, True, "x", None]}


# --- verdicts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "met"),
    [
        ("S3-server", 5.0, True),
        ("S3-server", 5.01, False),
        ("S5-throughput", 300_000, True),
        ("S5-throughput", 299_999, False),
        ("S6-round-trip", 3.0, None),
        ("S8-tail", None, None),
    ],
)
def test_a_goal_is_met_on_its_right_side(name: str, value: float | None, met: bool | None):
    assert targets.entry(name, value)["met"] is met


def test_a_ratio_is_the_peers_median_over_ours():
    entry = targets.compared("S2-rotate", [1.0, 2.0, 9.0], [12.0, 10.0, 11.0], "SEAL")
    assert (entry["value"], entry["met"]) == (5.5, True)


def google(*lines: tuple[str, float]) -> dict:
    return {
        "benchmarks": [
            *(
                {"name": name, "run_name": name, "run_type": "iteration", "real_time": time, "time_unit": "us"}
                for name, time in lines
            ),
            {"name": "ntt_forward/seal/4096/30_mean", "run_type": "aggregate", "real_time": 1.0, "time_unit": "us"},
        ]
    }


def test_the_worst_case_stands_for_the_kernels():
    times = google_benchmark.read(
        google(
            ("ntt_forward/seal/4096/30/real_time", 80.0),
            ("ntt_forward/seal/4096/30/real_time", 84.0),
            ("ntt_forward/avx512/4096/30/real_time", 10.0),
            ("ntt_forward/portable/4096/30/real_time", 41.0),
            ("ntt_inverse/seal/8192/49", 100.0),
            ("ntt_inverse/avx512/8192/49", 20.0),
            ("ntt_forward/avx512/65536/30", 1.0),
        )
    )
    assert times["ntt_forward", "4096", "30"]["seal"] == pytest.approx([80e-6, 84e-6])
    entry = kernels.worst("S1-small", {case: each for case, each in times.items() if kernels.is_ntt(case)})
    assert entry["value"] == pytest.approx(5) and entry["met"] is False
    assert "`ntt_inverse/8192/49` with avx512" in entry["note"]
    assert kernels.worst("S1-large", {})["value"] is None


def test_an_evaluators_case_is_for_one_target():
    names = ["rotate", "rotate_hoisted_16", "hoisted_rotations", "relinearize", "multiply_plain"]
    assert [kernels.operation_of((name,)) for name in names] == [
        "S2-rotate",
        "S2-hoisted",
        "S2-hoisted",
        "S2-relinearize",
        None,
    ]


def test_a_programs_output_becomes_entries_and_a_table(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/evaluator_bench").touch()
    document = google(
        ("rotate/seal", 6000.0),
        ("rotate/einfer", 1000.0),
        ("relinearize/seal", 6000.0),
        ("relinearize/einfer", 2000.0),
        ("rotate_hoisted_16/seal", 9000.0),
        ("rotate_hoisted_16/einfer", 500.0),
        ("alone/einfer", 1.0),
    )
    monkeypatch.setattr(google_benchmark, "run", lambda *_: document)
    found = kernels.measure_evaluator(Bench(tmp_path, tmp_path))
    assert {each["id"]: (each["value"], each["met"]) for each in found.entries} == {
        "S2-rotate": (pytest.approx(6), True),
        "S2-relinearize": (pytest.approx(3), False),
        "S2-hoisted": (pytest.approx(18), True),
    }
    assert [row["case"] for row in found.tables["evaluator"]] == ["relinearize", "rotate", "rotate_hoisted_16"]
    assert {each["value"] for each in kernels.measure_ntt(Bench(tmp_path, tmp_path)).entries} == {None}


# --- the server's log -------------------------------------------------------------------------------------------------


def test_every_time_of_the_log_is_found():
    events = [
        {
            "event": "request",
            "route": "/infer",
            "status": 200,
            "request_id": "bench-0-0",
            "microseconds": 30_000,
            "receive_us": 26_000,
            "validate_us": 1_000,
        },
        {"event": "request", "route": "/infer", "status": 503, "request_id": "bench-0-1", "microseconds": 10},
        {"event": "request", "route": "/models", "status": 200, "microseconds": 10},
        {"event": "job_completed", "job_id": "x", "evaluate_us": 2_000, "total_us": 4_000},
        {"event": "job_accepted", "job_id": "x", "store_us": 1_000},
    ]
    assert server.phases(events) == {
        "request.microseconds": [0.03],
        "request.receive_us": [0.026],
        "request.validate_us": [0.001],
        "job_completed.evaluate_us": [0.002],
        "job_completed.total_us": [0.004],
    }
    assert server.after_receiving(events) == pytest.approx([0.004])
