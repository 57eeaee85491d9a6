"""The seed's metrics for every model that is served: plain and encrypted latency, throughput, sizes, phases, error."""

from __future__ import annotations

import http.client
import json
import time
from typing import Any

from harness import load, server
from harness.bench import ROOT, Bench, Findings
from harness.registry import read_entry
from harness.stats import median, quantile
from support.models import batch_of, holdout_rows, project_models


def plain_seconds(running: server.MeasuredServer, model: dict[str, Any], rows: int, requests: int) -> list[float]:
    """Round trips of POST /infer/plain over one kept connection."""
    body = json.dumps(
        {
            "model_id": model["model_id"],
            "version": model["version"],
            "inputs": batch_of(holdout_rows(model["model_id"]), rows),
        }
    ).encode()
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=60)
    times = []
    for _ in range(requests):
        start = time.perf_counter()
        connection.request("POST", "/infer/plain", body, {"Content-Type": "application/json"})
        reply = connection.getresponse()
        text = reply.read()
        times.append(time.perf_counter() - start)
        if reply.status != 200:
            raise load.LoadFailed(f"POST /infer/plain: {reply.status} {text[:200]!r}")
    connection.close()
    return times[2:] or times


def _row(bench: Bench, running: server.MeasuredServer, model: dict[str, Any], public_key: bool) -> dict[str, Any]:
    name, rows = model["model_id"], model["constraints"]["max_batch_size"]
    rows = min(rows, 1024)
    mark = running.mark()
    done = load.run(
        bench.build,
        "clients",
        running.url,
        name,
        rows=rows,
        requests=bench.count(20, 5),
        warm_up=3,
        public_key=public_key,
    )
    phases = server.phases(running.events_since(mark))
    seconds = load.column(done, "seconds")
    plain = plain_seconds(running, model, rows, bench.count(50, 10))
    return {
        "model": name,
        "encryption": "public key" if public_key else "seeded",
        "rows": rows,
        "plain_ms": 1000 * median(plain),
        "encrypted_ms": 1000 * median(seconds),
        "encrypted_p95_ms": 1000 * quantile(seconds, 0.95),
        "predictions_per_second": rows * load.throughput(done),
        "request_bytes": done["samples"][-1]["sent"],
        "reply_bytes": done["samples"][-1]["received"],
        "keys_ms": 1000 * done["key_seconds"],
        "client_ms": {phase: 1000 * median(load.column(done, phase)) for phase in ("encrypt", "round_trip", "decrypt")},
        "server_ms": {phase: 1000 * median(times) for phase, times in phases.items()},
        "largest_error": done["largest_error"],
        "error_bound": done["error_bound"],
        "samples_s": {"encrypted": seconds, "plain": plain},
    }


def measure(bench: Bench) -> Findings:
    bench.say("the seed's metrics")
    rows = []
    with server.running(bench.build, ROOT / "models") as running:
        for name in project_models():
            for public_key in (False, True):
                rows.append(_row(bench, running, read_entry(name), public_key))
    return Findings(tables={"seed": rows})
