"""docs/benchmarks.md from the results, and from nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness.plots import file_name
from harness.targets import TARGETS

Results = Mapping[str, Any]
HEADER = """# Benchmarks

Written by `bench/run.py` from [`bench/results/latest.json`](../bench/results/latest.json), which has every sample: do
not edit. `make bench` measures anew; [`bench/README.md`](../bench/README.md) says how and what.
"""
METHOD = """## How it was measured

- Peers run on the same machine in the same run, in turns with ours, after a warm-up. Quoted figures are named as such,
  and no ratio is made of them.
- A figure is the median of its samples; after it, in brackets, are the quartiles.
- Server, client and peer share the machine. HTTP goes over the loopback device, without TLS; every accepted job
  is synced to disk.
- A ratio is the peer's median over ours: 2 x is twice as fast.
"""


def number(value: float | None) -> str:
    if value is None:
        return "–"
    if value == 0:
        return "0"
    size = abs(value)
    if size >= 1000:
        return f"{value:,.0f}"
    if size >= 100:
        return f"{value:.0f}"
    if size >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if size >= 0.1 else f"{value:.2g}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def verdict(entry: Mapping[str, Any]) -> str:
    if entry["value"] is None:
        return "not measured"
    return {True: "met", False: "**missed**", None: "no goal yet"}[entry["met"]]


def _with_unit(value: float | None, unit: str) -> str:
    return "–" if value is None else f"{number(value)} {unit}"


def _value(entry: Mapping[str, Any]) -> str:
    text = _with_unit(entry["value"], entry["unit"])
    ours = next((spread for name, spread in entry["spread"].items() if name.startswith("ours")), None)
    scale = {"ms": 1000, "predictions/s": 1}.get(entry["unit"])
    if entry["value"] is not None and ours and scale:
        text += f" ({number(scale * ours['q1'])}–{number(scale * ours['q3'])})"
    return text


def _goal(entry: Mapping[str, Any]) -> str:
    if entry["goal"] is None:
        return "–"
    return f"{'≥' if entry['better'] == 'higher' else '≤'} {_with_unit(entry['goal'], entry['unit'])}"


def _peer(entry: Mapping[str, Any]) -> str:
    texts = []
    if entry["peer"]:
        ratio = f"; ratio {number(entry['ratio'])}" if entry["ratio"] is not None and entry["unit"] != "x" else ""
        texts.append(f"{entry['peer']['name']}: {_with_unit(entry['peer']['value'], entry['peer']['unit'])}{ratio}")
    if entry.get("quoted"):
        quoted = entry["quoted"]
        texts.append(f"{quoted['name']}: {quoted['value']:g} {quoted['unit']} (quoted)")
    return "; ".join(texts) or "–"


def _targets(results: Results) -> str:
    entries = [results["targets"][name] for name in TARGETS]
    rows = [
        (f"`{each['id']}`", each["title"], _value(each), _goal(each), verdict(each), _peer(each)) for each in entries
    ]
    return "## Targets\n\n" + table(("id", "what", "measured", "goal", "", "beside it"), rows)


def _misses(results: Results) -> str:
    entries = list(results["targets"].values())
    missed = [each for each in entries if each["met"] is False]
    absent = [each for each in entries if each["value"] is None]
    with_goal = [each for each in entries if each["met"] is not None]
    lines = [f"{len(with_goal) - len(missed)} of {len(with_goal)} goals that were measured are met.\n"]
    for each in missed:
        lines.append(
            f"- `{each['id']}` is missed: {_with_unit(each['value'], each['unit'])} where {_goal(each)} is the goal. "
            f"{each['note']}"
        )
    for note in dict.fromkeys(each["note"] for each in absent):
        ids = ", ".join(f"`{each['id']}`" for each in absent if each["note"] == note)
        lines.append(f"- {ids}: {note[0].lower() + note[1:]}".rstrip(".") + ".")
    return "## What is missed\n\n" + "\n".join(lines) + "\n"


def _notes(results: Results) -> str:
    noted = [
        each
        for each in results["targets"].values()
        if each["note"] and each["value"] is not None and each["met"] is not False
    ]
    return "## Notes\n\n" + "\n".join(f"- `{each['id']}`: {each['note']}" for each in noted) + "\n"


def _machine(results: Results) -> str:
    machine = results["machine"]
    versions = ", ".join(f"{name} {text}" for name, text in machine["versions"].items())
    lines = [
        f"- {machine['cpu']}, {machine['cores']} cores, {machine['memory_bytes'] / 2**30:.0f} GiB; "
        f"{' '.join(machine['flags'])}",
        f"- Kernels in use: {machine['kernel_in_use'] or 'the server does not say'}",
        f"- {versions}",
        f"- Revision `{results['revision']}`, {results['date']}, `{results['command']}`",
    ]
    loads = [part["load_at_start"] for part in results["parts"].values()]
    lines.append(
        f"- Load average before the run: {machine['load_at_start']}; at the start of a part up to {max(loads)}, the "
        "run's own included"
    )
    busy = not machine["idle"] or any(part["machine_was_busy"] for part in results["parts"].values())
    warnings = []
    if busy:
        warnings.append("**The machine was not idle when a run began: these figures are disturbed.**")
    if any(part["quick"] for part in results["parts"].values()):
        warnings.append("**Some parts were measured with `--quick`: few samples.**")
    elsewhere = [name for name, part in results["parts"].items() if part.get("flags", machine["flags"]) != machine["flags"]]
    if elsewhere:
        others = {" ".join(results["parts"][name]["flags"]) for name in elsewhere}
        warnings.append(
            f"**{', '.join(elsewhere)} were measured on another machine of the kind, with {'; '.join(sorted(others))}.**"
        )
    revisions = {part["revision"] for part in results["parts"].values()}
    if len(revisions) > 1:
        warnings.append(f"**The parts are of different revisions: {', '.join(sorted(revisions))}.**")
    return "\n".join(["## Machine\n", *lines, *(["", *warnings] if warnings else [])]) + "\n"


def _kernels(rows: Sequence[Mapping[str, Any]], title: str) -> str:
    lines = []
    for row in rows:
        ours = row["ours"][row["used"]]
        others = ", ".join(
            f"{name} {number(each['ratio'])} x" for name, each in row["ours"].items() if name != row["used"]
        )
        lines.append(
            (
                f"`{row['case']}`",
                number(row["seal_us"]),
                f"{number(ours['us'])} ({number(ours['q1_us'])}–{number(ours['q3_us'])})",
                row["used"],
                f"{number(ours['ratio'])} x",
                others or "–",
            )
        )
    return f"## {title}\n\n" + table(("case", "SEAL, µs", "ours, µs", "kernel", "ratio", "other kernels"), lines)


def _reference(results: Results) -> str:
    phases = results["tables"]["reference"]
    names = list(dict.fromkeys(name for kind in phases.values() for name in kind))
    rows = [(name, *(number(phases[kind].get(name)) for kind in ("public", "seeded"))) for name in names]
    text = "## `logistic_v1`: where the time goes\n\n"
    text += "Medians in ms. `client.seconds` is the whole; `server.` is the server's log.\n\n"
    text += table(("phase", "public key", "seeded"), rows)
    tenseal = results["tables"].get("tenseal")
    if tenseal:
        text += (
            "\nTenSEAL's dot for one row in one process, without a network: "
            f"encrypt {number(1000 * tenseal['encrypt'])} ms, "
            f"server {number(1000 * tenseal['server'])} ms (bytes in, bytes out), "
            f"decrypt {number(1000 * tenseal['decrypt'])} ms; "
            f"request {number(tenseal['request_bytes'])} bytes, compressed; error {number(tenseal['error'])}. "
            "It packs a row into one ciphertext and rotates; the v1.0 wire has one ciphertext a feature, "
            "which carry 8,192 rows as well as one.\n"
        )
    return text


def _throughput(rows: Sequence[Mapping[str, Any]]) -> str:
    cells = [
        (
            str(row["clients"]),
            row["encoding"],
            number(row["predictions_per_second"]),
            *(number(row[f"{phase}_ms"]) for phase in ("encrypt", "round_trip", "decrypt")),
        )
        for row in rows
    ]
    return "## Full batches\n\n" + table(
        ("clients", "encoding", "predictions/s", "encrypt, ms", "round trip, ms", "decrypt, ms"), cells
    )


def _networks(tables: Mapping[str, Any]) -> str:
    phases = {"encrypt": "encrypt", "evaluate": "evaluate", "decrypt": "decrypt"}
    cells = [
        (
            f"`{each['model']}`",
            who,
            *(number(times.get(phase)) for phase in phases),
            *(number(each[name][who]) for name in ("request_bytes", "key_bytes", "error")),
        )
        for name, each in tables.items()
        if name.startswith("network-")
        for who, times in (("einfer", each["ours_ms"]), ("TenSEAL", each["peer_ms"]))
    ]
    head = ("model", "who", *(f"{phase}, ms" for phase in phases), "request, bytes", "keys, bytes", "error")
    text = "## Networks on MNIST\n\n" + table(head, cells)
    return text + (
        "\nThe same weights, N = 8192 and one thread on both sides. Keys: what the server has to be sent once; TenSEAL's "
        "are its public context. Error: the largest difference from the same network in clear.\n"
    )


def _crowd(rows: Sequence[Mapping[str, Any]]) -> str:
    names = {"clients": "whole round trips", "raw": "encrypted beforehand"}
    cells = [
        (
            names[row["mode"]],
            *(
                number(row[name])
                for name in ("one_per_s", "crowd_per_s", "one_p50_ms", "crowd_p50_ms", "crowd_p99_ms", "crowd_most_ms")
            ),
        )
        for row in rows
    ]
    head = (
        "requests",
        "1 client, 1/s",
        "64 clients, 1/s",
        "1 client p50, ms",
        "64 p50, ms",
        "64 p99, ms",
        "64 most, ms",
    )
    return "## 64 clients\n\n`logistic_v1`, seeded requests.\n\n" + table(head, cells)


def _seed(rows: Sequence[Mapping[str, Any]]) -> str:
    cells = [
        (
            f"`{row['model']}`",
            row["encryption"],
            str(row["rows"]),
            number(row["plain_ms"]),
            number(row["encrypted_ms"]),
            number(row["predictions_per_second"]),
            number(row["request_bytes"]),
            number(row["reply_bytes"]),
            f"{row['largest_error']:.1e} ({row['error_bound']:.1e})",
        )
        for row in rows
    ]
    text = "## Every model that is served\n\n" + table(
        (
            "model",
            "encryption",
            "rows",
            "in clear, ms",
            "encrypted, ms",
            "predictions/s",
            "request, bytes",
            "reply, bytes",
            "error (bound)",
        ),
        cells,
    )
    phases = list(dict.fromkeys(name for row in rows for name in row["server_ms"]))
    cells = [
        (
            f"`{row['model']}`",
            row["encryption"],
            number(row["keys_ms"]),
            *(number(row["client_ms"][name]) for name in ("encrypt", "round_trip", "decrypt")),
            *(number(row["server_ms"].get(name)) for name in phases),
        )
        for row in rows
    ]
    head = ("model", "encryption", "keys", "encrypt", "round trip", "decrypt", *(f"server: {name}" for name in phases))
    return text + "\nPhases, medians in ms; keys are made once a session.\n\n" + table(head, cells)


def _curves(results: Results) -> str:
    lines = [
        "## Growth\n",
        'Both axes are logarithmic; bands are quartiles. "Whole" is the client\'s time for one request.\n',
    ]
    for name, curve in results["curves"].items():
        entry = results["targets"][f"S9-{name}"]
        lines += [
            f"![Time against {curve['label']}](benchmarks/{file_name(name)})\n",
            f"`{entry['id']}`: {_with_unit(entry['value'], 'x')}, {verdict(entry)}. {entry['note']}\n",
        ]
    return "\n".join(lines)


def ratios(results: Results) -> list[dict[str, Any]]:
    """What the plot of ratios shows: only what was measured against a peer that is another system."""
    return [
        {"name": each["id"], "ratio": each["ratio"], "goal": each["goal"] if each["unit"] == "x" else None}
        for each in results["targets"].values()
        if each["ratio"] is not None and each["part"] in ("S1", "S2", "S3", "S4", "S6", "S7") and each["peer"]
    ]


def render(results: Results) -> str:
    tables = results["tables"]
    sections = [HEADER, _machine(results), _targets(results)]
    if ratios(results):
        sections.append("![Ratios to peers](benchmarks/ratios.svg)\n")
    sections += [_misses(results), _notes(results)]
    if tables.get("kernels"):
        sections.append(_kernels(tables["kernels"], "Kernels against SEAL's"))
    if tables.get("evaluator"):
        sections.append(_kernels(tables["evaluator"], "Evaluator against SEAL's"))
    if any(name.startswith("network-") for name in tables):
        sections.append(_networks(tables))
    for name, make in (("throughput", _throughput), ("crowd", _crowd), ("seed", _seed)):
        if name == "throughput" and tables.get("reference"):
            sections.append(_reference(results))
        if tables.get(name):
            sections.append(make(tables[name]))
    if results["curves"]:
        sections.append(_curves(results))
    return "\n".join([*sections, METHOD])
