"""S5: predictions a second, full batches, whole round trips of our client."""

from __future__ import annotations

from harness import load, registry, server
from harness.bench import Bench, Findings
from harness.stats import median
from harness.targets import entry, quoted_peer

QUOTED = quoted_peer("the seed's Python reference (Pyfhel)", 105, "predictions/s")
SETTINGS = [(clients, base64) for clients in (1, 2, 3, 4) for base64 in (False, True)]


def measure(bench: Bench) -> Findings:
    bench.say("S5: full batches")
    model = registry.full_batches()
    name, rows = model["model_id"], model["constraints"]["max_batch_size"]
    rates: dict[tuple[int, bool], list[float]] = {setting: [] for setting in SETTINGS}
    shares: dict[tuple[int, bool], dict[str, list[float]]] = {setting: {} for setting in SETTINGS}
    with server.running(bench.build, registry.write(bench.scratch / "full", model)) as running:
        for _ in range(bench.count(5, 2)):
            for clients, base64 in SETTINGS:
                done = load.run(
                    bench.build,
                    "clients",
                    running.url,
                    name,
                    clients=clients,
                    base64=base64,
                    rows=rows,
                    requests=max(2, bench.count(12, 4) // clients),
                    warm_up=2,
                )
                rates[clients, base64].append(rows * load.throughput(done))
                for phase in ("encrypt", "round_trip", "decrypt"):
                    shares[clients, base64].setdefault(phase, []).extend(load.column(done, phase))
    best = max(rates, key=lambda setting: median(rates[setting]))
    table = [
        {
            "clients": clients,
            "encoding": "base64" if base64 else "hex",
            "predictions_per_second": median(rates[clients, base64]),
            **{f"{phase}_ms": 1000 * median(times) for phase, times in shares[clients, base64].items()},
        }
        for clients, base64 in SETTINGS
    ]
    note = (
        f"{rows} rows a request, {best[0]} clients at once, {'base64' if best[1] else 'hex'}, seeded ciphertexts: the "
        "best of the settings below."
    )
    return Findings(
        [entry("S5-throughput", median(rates[best]), samples={"ours_per_s": rates[best]}, note=note, quoted=QUOTED)],
        {"throughput": table},
    )
