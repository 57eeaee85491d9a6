"""S6 and S7: the MNIST networks of the layout `slots`, TenSEAL's in turns with them."""

from __future__ import annotations

import dataclasses
import http.client
import json
from collections.abc import Callable
from typing import Any

from harness import load, server, tenseal_networks
from harness.bench import ROOT, Bench, Findings
from harness.stats import median
from harness.targets import Entry, compared, entry, missing, quoted_peer
from support.models import holdout_rows

MEGABYTE = 1e6
Row = list[float]


@dataclasses.dataclass(frozen=True)
class Subject:
    part: str
    model: str
    peer: Callable[..., tenseal_networks.Network]
    quoted: float  # ms that HElayers 1.5.5 takes to evaluate it on one thread


CNN = Subject("S6", "mnist_cnn", tenseal_networks.Cnn, 290)
MLP = Subject("S7", "mnist_mlp", tenseal_networks.Mlp, 32)


def measure_cnn(bench: Bench) -> Findings:
    return _measure(bench, CNN)


def measure_mlp(bench: Bench) -> Findings:
    return _measure(bench, MLP)


def answers_in_clear(running: server.MeasuredServer, model: str, rows: list[Row]) -> list[Row]:
    """What the server computes for rows that are not encrypted."""
    version = next(
        each["version"] for each in running.get("/models?api_version=1.1")["models"] if each["model_id"] == model
    )
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=60)
    answers = []
    for row in rows:
        body = json.dumps({"api_version": "1.1", "model_id": model, "version": version, "inputs": [row]})
        connection.request("POST", "/infer/plain", body, {"Content-Type": "application/json"})
        reply = connection.getresponse()
        text = reply.read()
        if reply.status != 200:
            raise load.LoadFailed(f"POST /infer/plain: {reply.status} {text[:200]!r}")
        answers += json.loads(text)["outputs"]
    connection.close()
    return answers


def _accuracy(logits: list[Row], labels: list[int]) -> float:
    right = sum(row.index(max(row)) == label for row, label in zip(logits, labels, strict=True))
    return 100 * right / len(labels)


def _by_row(values: list[float], rows: int) -> list[Row]:
    width = len(values) // rows
    return [values[width * row : width * (row + 1)] for row in range(rows)]


def _largest_difference(ours: list[Row], others: list[Row]) -> float:
    return max(abs(a - b) for one, other in zip(ours, others, strict=True) for a, b in zip(one, other, strict=True))


def _measure(bench: Bench, subject: Subject) -> Findings:
    part, model = subject.part, subject.model
    bench.say(f"{part}: {model}, TenSEAL")
    data = ROOT / f"models/holdout/{model}.csv"
    labels = [int(row[0]) for row in holdout_rows(f"{model}_labels")]
    images = holdout_rows(model)
    count = bench.count(len(images), 100)
    found = Findings()
    reason, peer = "", None
    try:
        peer = subject.peer(ROOT / f"models/onnx/{model}.onnx")
        found.versions["TenSEAL"] = tenseal_networks.version()
    except tenseal_networks.NotInstalled as fault:
        reason = str(fault)

    ours: dict[str, list[float]] = {name: [] for name in ("seconds", "encrypt", "round_trip", "decrypt", "evaluate")}
    theirs: list[tenseal_networks.Answer] = []
    with server.running(bench.build, ROOT / "models", "--workers", "1") as running:
        found.kernel = running.kernel()
        clear = answers_in_clear(running, model, images[:count])
        for turn in range(bench.count(5, 2)):
            mark = running.mark()
            done = load.run(
                bench.build, "clients", running.url, model, requests=bench.count(40, 5), warm_up=5, data=data
            )
            for name in ("seconds", "encrypt", "round_trip", "decrypt"):
                ours[name] += load.column(done, name)
            ours["evaluate"] += server.phases(running.events_since(mark))["job_completed.evaluate_us"][5:]
            if peer:
                theirs.append(peer.ask(images[turn]))
        encrypted = load.run(bench.build, "clients", running.url, model, rows=count, data=data)
    logits = _by_row(encrypted["answers"], count)
    accuracy = {"clear": _accuracy(clear, labels[:count]), "encrypted": _accuracy(logits, labels[:count])}
    request, keys = done["samples"][-1]["sent"], done["key_bytes"] - done["samples"][-1]["sent"]

    milliseconds = {name: 1000 * median(times) for name, times in ours.items()}
    quoted = quoted_peer("HElayers 1.5.5, one thread", subject.quoted, "ms")
    found.entries = [
        _against(subject, ours["evaluate"], theirs, reason),
        entry(
            f"{part}-evaluation",
            milliseconds["evaluate"],
            samples={"ours_s": ours["evaluate"]},
            note="From the server's log; one worker, which is one thread.",
            quoted=quoted,
        ),
        entry(
            f"{part}-round-trip",
            milliseconds["seconds"],
            samples={"ours_s": ours["seconds"]},
            note="By our client, keys there already: "
            + ", ".join(
                f"{name.replace('_', ' ')} {milliseconds[name]:.2f} ms" for name in ("encrypt", "round_trip", "decrypt")
            )
            + ".",
        ),
        entry(
            f"{part}-request",
            request / MEGABYTE,
            samples={"ours_bytes": [request]},
            note="HTTP bytes of one image, seeded, binary.",
        ),
        entry(
            f"{part}-keys",
            keys / MEGABYTE,
            samples={"ours_bytes": [keys]},
            note="HTTP bytes of the evaluation keys, seeded; sent once.",
        ),
        entry(
            f"{part}-accuracy",
            accuracy["clear"] - accuracy["encrypted"],
            samples={"ours_percent": [accuracy["encrypted"]], "clear_percent": [accuracy["clear"]]},
            note=f"{accuracy['encrypted']:.1f} % encrypted, {accuracy['clear']:.1f} % in clear, of {count:,} images that "
            f"it was not trained on; no number differs by more than {_largest_difference(logits, clear):.2g}.",
        ),
    ]
    found.tables[f"network-{part}"] = {
        "model": model,
        "ours_ms": milliseconds,
        "peer_ms": {
            name: 1000 * median([getattr(answer, name) for answer in theirs])
            for name in ("encrypt", "evaluate", "decrypt")
        }
        if theirs
        else {},
        "request_bytes": {"einfer": request, "TenSEAL": peer.request_bytes if peer else None},
        "key_bytes": {"einfer": keys, "TenSEAL": peer.public_bytes if peer else None},
        "error": {
            "einfer": _largest_difference(logits, clear),
            "TenSEAL": max((_largest_difference([a.logits], [c]) for a, c in zip(theirs, clear, strict=False)), default=None),
        },
    }
    return found


def _against(subject: Subject, ours: list[float], theirs: list[Any], reason: str) -> Entry:
    target = f"{subject.part}-tenseal"
    if not theirs:
        return missing(target, reason)
    note = (
        f"Evaluation of one image on one thread: {1000 * median(ours):.2f} ms by us, TenSEAL with the same weights, "
        f"N = {tenseal_networks.DEGREE} and {tenseal_networks.THREADS} thread, in process."
    )
    return compared(target, ours, [answer.evaluate for answer in theirs], "TenSEAL", note)
