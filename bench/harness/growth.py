"""S9: time against batch, features, N, width and clients."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from harness import load, registry, server
from harness.bench import Bench, Findings
from harness.stats import exponent, median, quantile, steps
from harness.targets import Entry, entry

SLOTS = 8192  # of N = 16384
LINES = ("seconds", "encrypt", "round_trip", "decrypt")
JUDGED = {  # the client's time for a request, and what the server says of its own
    "seconds": "the whole",
    "server.request.microseconds": "the request at the server",
    "server.job_completed.evaluate_us": "the evaluation",
}


@dataclasses.dataclass(frozen=True)
class Point:
    x: int
    model: str
    rows: int = 1
    clients: int = 1


@dataclasses.dataclass(frozen=True)
class Curve:
    name: str  # of the target S9-NAME
    label: str
    about: str
    models: Sequence[registry.Entry]
    points: Sequence[Point]
    mode: str = "clients"


def _of(name: str, label: str, about: str, values: Sequence[int], make: Callable[[str, int], registry.Entry]) -> Curve:
    """A model for each value, one row a request."""
    models = [make(f"{name}_{value}", value) for value in values]
    points = [Point(value, model["model_id"]) for value, model in zip(values, models, strict=True)]
    return Curve(name, label, about, models, points)


def curves() -> list[Curve]:
    full = registry.linear("full", 8, degree=2 * SLOTS, rows=SLOTS)
    small = registry.linear("small", 8)
    return [
        Curve(
            "batch",
            "rows of a request",
            "8 features, N = 16384, 3 primes",
            [full],
            [Point(rows, "full", rows=rows) for rows in (1, 8, 64, 512, 2048, SLOTS)],
        ),
        _of("features", "features", "N = 4096, 3 primes, 1 row", (1, 2, 4, 8, 16, 32, 64, 128, 256), registry.linear),
        _of(
            "degree",
            "N",
            "8 features, 3 primes, 1 row",
            (4096, 8192, 16384, 32768),
            lambda name, degree: registry.linear(name, 8, degree=degree),
        ),
        _of(
            "width",
            "weights that are not zero",
            "64 features, N = 8192, 3 primes, 1 row",
            (1, 2, 4, 8, 16, 32, 64),
            lambda name, used: registry.linear(name, 64, degree=8192, used=used),
        ),
        Curve(
            "clients",
            "clients at once",
            "8 features, N = 4096, encrypted beforehand",
            [small],
            [Point(clients, "small", clients=clients) for clients in (1, 2, 4, 8, 16, 32, 64)],
            mode="raw",
        ),
    ]


def _once(bench: Bench, running: server.MeasuredServer, curve: Curve, point: Point) -> dict[str, list[float]]:
    requests = bench.count(6, 3) if curve.mode == "clients" else bench.count(40, 10)
    mark = running.mark()
    done = load.run(
        bench.build,
        curve.mode,
        running.url,
        point.model,
        clients=point.clients,
        rows=point.rows,
        requests=requests,
        warm_up=2,
    )
    times = {name: load.column(done, name) for name in LINES if name in done["samples"][0]}
    times |= {f"server.{name}": values for name, values in server.phases(running.events_since(mark)).items()}
    times["per_request"] = [done["wall_seconds"] / len(done["samples"])]
    return times


def _measure(bench: Bench, curve: Curve) -> tuple[dict, dict]:
    bench.say(f"S9: growth with {curve.label}")
    samples: dict[int, dict[str, list[float]]] = {point.x: {} for point in curve.points}
    with server.running(bench.build, registry.write(bench.scratch / curve.name, *curve.models)) as running:
        for _ in range(bench.count(4, 1)):
            for point in curve.points:
                for name, values in _once(bench, running, curve, point).items():
                    samples[point.x].setdefault(name, []).extend(values)
    names = {name for of_point in samples.values() for name in of_point}
    lines = {
        name: [
            [x, median(of_point[name]), quantile(of_point[name], 0.25), quantile(of_point[name], 0.75)]
            for x, of_point in samples.items()
            if of_point.get(name)
        ]
        for name in sorted(names)
    }
    return _entry(curve, lines, samples), {"label": curve.label, "about": curve.about, "lines": lines}


def _entry(curve: Curve, lines: dict[str, list], samples: dict[int, dict[str, list[float]]]) -> Entry:
    """The worst step of all lines that are judged."""
    found = []
    for name, called in JUDGED.items():
        points = [(x, middle) for x, middle, _, _ in lines.get(name, []) if middle > 0]
        if len(points) == len(curve.points):
            found += [
                (ratio, called, before[0], after[0])
                for ratio, before, after in zip(steps(points), points, points[1:], strict=False)
            ]
    ratio, called, before, after = max(found)
    power = exponent([(x, middle) for x, middle, _, _ in lines["seconds"]])
    return entry(
        f"S9-{curve.name}",
        ratio,
        ratio=ratio,
        samples={"ours_s": samples[curve.points[-1].x]["seconds"]},
        note=f"Worst from {before} to {after}, {called}; the whole grows with the power {power:.2f} over all steps. "
        f"{curve.about[0].upper() + curve.about[1:]}.",
    )


def measure(bench: Bench) -> Findings:
    found = Findings()
    for curve in curves():
        made, data = _measure(bench, curve)
        found.entries.append(made)
        found.curves[curve.name] = data
    return found
