"""S8: 64 clients at once."""

from __future__ import annotations

import os

from harness import load, server
from harness.bench import ROOT, Bench, Findings
from harness.registry import read_entry
from harness.stats import median, quantile, spread
from harness.targets import Entry, entry, measured_peer

MODEL = "logistic_v1"
CROWD = 64
MIB = 1 << 20
BUDGET = 512 * MIB  # --memory-budget
QUEUE = 512 * MIB  # --max-queued-bytes


def memory_bound(at_start: int, connections: int, workers: int) -> int:
    """As docs/reliability.md has it."""
    parameters = read_entry(MODEL)
    primes = len(parameters["encryption_parameters"]["coeff_modulus_bits"]) - 1
    inputs = (
        parameters["inference"]["input_dimension"]
        * 2
        * primes
        * 8
        * parameters["encryption_parameters"]["poly_modulus_degree"]
    )
    return at_start + BUDGET + QUEUE + 2 * MIB * connections + 4 * inputs * workers + 48 * MIB


class Runs:
    """One client and the crowd, in turns."""

    def __init__(self, mode: str) -> None:
        self.mode = mode
        self.rate: dict[int, list[float]] = {1: [], CROWD: []}
        self.latency: dict[int, list[float]] = {1: [], CROWD: []}
        self.tails: list[float] = []  # p99 of each crowd
        self.refusals = 0

    def round(self, bench: Bench, running: server.MeasuredServer) -> None:
        for clients, requests in ((1, bench.count(24, 12)), (CROWD, bench.count(4, 2))):
            done = load.run(
                bench.build,
                self.mode,
                running.url,
                MODEL,
                clients=clients,
                threads=1,
                requests=requests,
                warm_up=3 if clients == 1 else 1,
            )
            self.rate[clients].append(load.throughput(done))
            self.latency[clients] += load.column(done, "seconds")
            if clients == CROWD:
                self.tails.append(quantile(load.column(done, "seconds"), 0.99))
            if self.mode == "raw":
                self.refusals += round(sum(load.column(done, "refusals")))

    def throughput(self, target_id: str, note: str) -> Entry:
        one, crowd = median(self.rate[1]), median(self.rate[CROWD])
        return entry(
            target_id,
            crowd / one,
            ratio=crowd / one,
            peer=measured_peer("one client", one, "requests/s"),
            samples={"ours_per_s": self.rate[CROWD], "peer_per_s": self.rate[1]},
            note=note,
        )

    def tail(self, cores: int) -> Entry:
        p50, p99 = median(self.latency[1]), median(self.tails)
        fair = p50 * CROWD / cores
        return entry(
            "S8-tail",
            p99 / fair,
            ratio=p99 / fair,
            peer=measured_peer("one client's p50", 1000 * p50, "ms"),
            samples={"ours_p99_s": self.tails, "peer_s": self.latency[1]},
            note=f"p99 {1000 * p99:.0f} ms; p50 of the 64 {1000 * median(self.latency[CROWD]):.0f} ms; "
            f"{self.refusals} refusals, whose waits are in the times.",
        )

    def row(self) -> dict[str, float | str]:
        return {
            "mode": self.mode,
            "one_per_s": median(self.rate[1]),
            "crowd_per_s": median(self.rate[CROWD]),
            "one_p50_ms": 1000 * median(self.latency[1]),
            "crowd_p50_ms": 1000 * median(self.latency[CROWD]),
            "crowd_p99_ms": 1000 * median(self.tails),
            "crowd_most_ms": 1000 * spread(self.latency[CROWD])["most"],
        }


def measure(bench: Bench) -> Findings:
    bench.say(f"S8: {CROWD} clients")
    cores = os.cpu_count() or 1
    whole, raw = Runs("clients"), Runs("raw")
    flags = ("--memory-budget", str(BUDGET), "--max-queued-bytes", str(QUEUE), "--workers", str(cores))
    with server.running(bench.build, ROOT / "models", *flags) as running:
        at_start = running.memory()
        running.reset_peak_memory()
        for _ in range(bench.count(3, 1)):
            whole.round(bench, running)
            raw.round(bench, running)
        peak = running.peak_memory()
    bound = memory_bound(at_start, CROWD, cores)
    memory = entry(
        "S8-memory",
        peak / bound,
        ratio=peak / bound,
        samples={"peak_bytes": [float(peak)]},
        note=f"Peak {peak / MIB:.0f} MiB, bound {bound / MIB:.0f} MiB with a budget of {BUDGET // MIB} MiB, a queue of "
        f"{QUEUE // MIB} MiB; {at_start / MIB:.0f} MiB at the start. The bound is that of docs/reliability.md.",
    )
    return Findings(
        [
            whole.throughput(
                "S8-throughput",
                "Each client encrypts on one thread, as a crowd would; the library's default, all cores, is for one alone.",
            ),
            raw.throughput(
                "S8-throughput-raw",
                "One client uses more than one core already: the server reads on one what it sends on the other.",
            ),
            raw.tail(cores),
            memory,
        ],
        {"crowd": [whole.row(), raw.row()]},
    )
