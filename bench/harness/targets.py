"""The targets: every id, what is compared, and the goal."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from harness.stats import median, spread

Entry = dict[str, Any]
MEMBERS = ("id", "part", "title", "value", "ratio", "unit", "better", "goal", "met", "peer", "samples", "note")


@dataclasses.dataclass(frozen=True)
class Target:
    id: str
    title: str
    unit: str
    goal: float | None
    better: str = "higher"  # or "lower"

    @property
    def part(self) -> str:
        return self.id.split("-")[0]


def _network(part: str, name: str, *, against_tenseal: float, evaluation: float, round_trip: float | None, keys: float | None) -> list[Target]:
    return [
        Target(f"{part}-tenseal", f"{name}, evaluation on one thread, against TenSEAL", "x", against_tenseal),
        Target(f"{part}-evaluation", f"{name}, evaluation of one image on one thread", "ms", evaluation, "lower"),
        Target(f"{part}-round-trip", f"{name}, one image, whole round trip by our client", "ms", round_trip, "lower"),
        Target(f"{part}-request", f"{name}, request", "MB", 0.5, "lower"),
        Target(f"{part}-keys", f"{name}, evaluation keys", "MB", keys, "lower"),
        Target(f"{part}-accuracy", f"{name}, accuracy lost to encryption", "points", 0.2, "lower"),
    ]


_ALL = [
    Target("S1-small", "NTT, primes up to 49 bits, against SEAL's; worst case", "x", 6),
    Target("S1-large", "NTT, primes of 50 to 60 bits, against SEAL's; worst case", "x", 4),
    Target("S2-rotate", "One rotation, N = 16384, 7 + 1 primes, one thread, against SEAL's", "x", 5.5),
    Target("S2-relinearize", "One relinearization, N = 16384, 7 + 1 primes, one thread, against SEAL's", "x", 5.5),
    Target("S2-hoisted", "16 rotations of one ciphertext, hoisted, against 16 of SEAL's", "x", 10),
    Target("S3-server", "`logistic_v1`, last request byte to job done, public-key request", "ms", 5, "lower"),
    Target("S3-round-trip", "`logistic_v1`, whole round trip by our client, public-key request", "ms", 20, "lower"),
    Target("S3-server-seeded", "`logistic_v1`, last request byte to job done, seeded request", "ms", 5, "lower"),
    Target("S3-round-trip-seeded", "`logistic_v1`, whole round trip by our client, seeded request", "ms", 20, "lower"),
    Target("S4-linear", "Linear model of 30 features, one row, whole round trip, against Concrete ML", "x", 6),
    Target("S4-round-trip", "Linear model of 30 features, one row, whole round trip by our client", "ms", 1.5, "lower"),
    Target("S4-server", "Linear model of 30 features, last request byte to job done", "ms", 0.2, "lower"),
    Target("S5-throughput", "`logistic_v1`'s weights, full batches, whole round trips", "predictions/s", 300_000),
    *_network("S6", "MNIST CNN", against_tenseal=20, evaluation=97, round_trip=None, keys=30),
    *_network("S7", "MLP 784 → 128 → 10", against_tenseal=500, evaluation=16, round_trip=30, keys=None),
    Target("S8-throughput", "64 clients against one: throughput, whole round trips", "x", 1.8),
    Target("S8-throughput-raw", "64 clients against one: throughput, encrypted beforehand", "x", 1.8),
    Target("S8-tail", "64 clients: p99 over one client's p50 x clients / cores, encrypted beforehand", "x", 3, "lower"),
    Target("S8-memory", "64 clients: the server's peak of memory over its configured bound", "x", 1, "lower"),
    Target("S9-batch", "Growth with the rows of a request; worst step over linear x log", "x", 1.3, "lower"),
    Target("S9-features", "Growth with the features; worst step over linear x log", "x", 1.3, "lower"),
    Target("S9-degree", "Growth with N; worst step over linear x log", "x", 1.3, "lower"),
    Target("S9-width", "Growth with the weights that are not zero; worst step over linear x log", "x", 1.3, "lower"),
    Target("S9-clients", "Growth with the clients; worst step over linear x log", "x", 1.3, "lower"),
]
TARGETS: Mapping[str, Target] = {target.id: target for target in _ALL}
PARTS = ("S1", "S2", "S3", "S4", "S5", "S6", "S7", "S8", "S9", "seed")


def entry(
    target_id: str,
    value: float | None,
    *,
    ratio: float | None = None,
    peer: Mapping[str, Any] | None = None,
    samples: Mapping[str, Sequence[float]] | None = None,
    note: str = "",
    **more: Any,
) -> Entry:
    """`samples`: raw, by who made them, in the unit that their name ends with."""
    target = TARGETS[target_id]
    met = None
    if value is not None and target.goal is not None:
        met = value >= target.goal if target.better == "higher" else value <= target.goal
    return {
        "id": target.id,
        "part": target.part,
        "title": target.title,
        "value": value,
        "ratio": ratio,
        "unit": target.unit,
        "better": target.better,
        "goal": target.goal,
        "met": met,
        "peer": dict(peer) if peer else None,
        "samples": {name: list(values) for name, values in (samples or {}).items()},
        "spread": {name: spread(values) for name, values in (samples or {}).items() if values},
        "note": note,
        **more,
    }


def missing(target_id: str, reason: str) -> Entry:
    return entry(target_id, None, note=f"Not measured: {reason}")


def measured_peer(name: str, value: float, unit: str) -> dict[str, Any]:
    return {"name": name, "value": value, "unit": unit, "source": "measured in the same run"}


def quoted_peer(name: str, value: float, unit: str) -> dict[str, Any]:
    """A figure of others, about another machine of the kind; no ratio is made of it."""
    return {"name": name, "value": value, "unit": unit, "source": "quoted, not measured by us"}


def compared(target_id: str, ours: Sequence[float], theirs: Sequence[float], peer: str, note: str = "") -> Entry:
    """How many times faster ours is, by medians of seconds."""
    ratio = median(theirs) / median(ours)
    return entry(
        target_id,
        ratio,
        ratio=ratio,
        peer=measured_peer(peer, 1000 * median(theirs), "ms"),
        samples={"ours_s": ours, "peer_s": theirs},
        note=note,
    )
