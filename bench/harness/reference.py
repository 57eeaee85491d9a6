"""S3: the reference model over the v1.0 wire, TenSEAL's dot in turns with it."""

from __future__ import annotations

from typing import Any

from harness import load, registry, server, tenseal_peer
from harness.bench import ROOT, Bench, Findings
from harness.stats import median
from harness.targets import Entry, entry, measured_peer, quoted_peer

MODEL = "logistic_v1"
QUOTED = {
    "server": quoted_peer("the seed's Python reference (Pyfhel)", 82.8, "ms"),
    "round-trip": quoted_peer("the seed's Python reference (Pyfhel)", 151.5, "ms"),
}
OUTSIDE = (
    "Seen from the client: last byte given to the kernel until the reply's first byte, so what still is in socket "
    "buffers counts."
)
INSIDE = "From the server's log: last byte received until the job was done, its result on disk."

Series = dict[str, list[float]]


class Measurement:
    """All samples of S3 in seconds, by public key and seeded."""

    def __init__(self) -> None:
        self.whole: dict[str, Series] = {"public": {}, "seeded": {}}
        self.outside: Series = {"public": [], "seeded": []}
        self.inside: Series = {"public": [], "seeded": []}
        self.phases: dict[str, Series] = {"public": {}, "seeded": {}}
        self.bytes: dict[str, dict[str, int]] = {"public": {}, "seeded": {}}
        self.peer: Series = {}

    def round(self, bench: Bench, running: server.MeasuredServer, requests: int) -> None:
        for kind in ("public", "seeded"):
            public_key = kind == "public"
            whole = load.run(
                bench.build, "clients", running.url, MODEL, requests=requests, warm_up=3, public_key=public_key
            )
            for name in ("seconds", "encrypt", "round_trip", "decrypt"):
                self.whole[kind].setdefault(name, []).extend(load.column(whole, name))
            mark = running.mark()
            raw = load.run(bench.build, "raw", running.url, MODEL, requests=requests, warm_up=3, public_key=public_key)
            self.outside[kind] += load.column(raw, "after_last_byte")
            events = running.events_since(mark)
            self.inside[kind] += server.after_receiving(events)
            for name, times in server.phases(events).items():
                self.phases[kind].setdefault(name, []).extend(times)
            self.bytes[kind] = {"body": raw["body_bytes"], "reply": raw["samples"][-1]["received"]}

    def peer_round(self, peer: tenseal_peer.Peer, requests: int) -> None:
        for number in range(requests + 1):  # the first one warms up
            times = peer.round_trip([0.1 * (i + 1) for i in range(8)])
            if number > 0:
                for name, value in times.items():
                    self.peer.setdefault(name, []).append(value)

    def entries(self) -> list[Entry]:
        return [self._entry(name, kind) for kind in ("public", "seeded") for name in ("server", "round-trip")]

    def _entry(self, name: str, kind: str) -> Entry:
        target_id = f"S3-{name}" + ("-seeded" if kind == "seeded" else "")
        note = f"Body {self.bytes[kind]['body']:,} bytes."
        if name == "server":
            ours = self.inside[kind] or self.outside[kind]
            note += " " + (INSIDE if self.inside[kind] else OUTSIDE)
        else:
            ours = self.whole[kind]["seconds"]
        samples, peer, ratio = {"ours_s": ours}, None, None
        if self.peer:
            theirs = self.peer["server" if name == "server" else "total"]
            samples["peer_s"] = theirs
            peer, ratio = (
                measured_peer("TenSEAL's dot, in process, one row", 1000 * median(theirs), "ms"),
                median(theirs) / median(ours),
            )
        return entry(
            target_id, 1000 * median(ours), ratio=ratio, peer=peer, samples=samples, note=note, quoted=QUOTED[name]
        )

    def table(self) -> dict[str, Any]:
        """Medians in ms of every phase, by the client's clock and by the server's."""
        return {
            kind: {
                **{f"client.{name}": 1000 * median(times) for name, times in self.whole[kind].items()},
                "seen from outside": 1000 * median(self.outside[kind]),
                **{f"server.{name}": 1000 * median(times) for name, times in self.phases[kind].items()},
            }
            for kind in ("public", "seeded")
        }


def measure(bench: Bench) -> Findings:
    bench.say("S3: the reference model")
    found = Findings()
    measurement = Measurement()
    peer = None
    try:
        peer = tenseal_peer.Peer(registry.read_entry(MODEL))
        found.versions["TenSEAL"] = tenseal_peer.version()
    except tenseal_peer.NotInstalled as fault:
        bench.say(str(fault))
        found.versions["TenSEAL"] = "not installed"
    requests = bench.count(8, 4)
    with server.running(bench.build, ROOT / "models") as running:
        found.kernel = running.kernel()
        for _ in range(bench.count(7, 2)):
            if peer:
                measurement.peer_round(peer, requests)
            measurement.round(bench, running, requests)
    found.entries = measurement.entries()
    found.tables["reference"] = measurement.table()
    if peer:
        found.tables["tenseal"] = {name: median(values) for name, values in measurement.peer.items()}
    return found
