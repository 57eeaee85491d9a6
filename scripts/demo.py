#!/usr/bin/env python3
"""Real patient records, encrypted by the client, classified by a server that cannot read them, decrypted by the client.

Starts einfer-server on a free port with the shipped models, sends the held-out split of the Wisconsin breast cancer data
through the einfer program, and compares with the same model computed in clear. Ends with "demo: ok" only if everything
agrees.
"""

import argparse
import csv
import json
import pathlib
import signal
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
MODEL = "breast_cancer_v1"


def read_rows(path: pathlib.Path) -> list[list[float]]:
    with path.open() as file:
        return [[float(cell) for cell in row] for row in list(csv.reader(file))[1:]]


def in_clear(model: dict, row: list[float]) -> float:
    z = sum(w * x for w, x in zip(model["parameters"]["weights"], row)) + model["parameters"]["bias"]
    c0, c1, c2 = model["activation_parameters"]["coefficients"]
    return c0 + c1 * z + c2 * z * z


def accuracy(scores: list[float], labels: list[int]) -> float:
    return sum((score > 0.5) == (label == 1) for score, label in zip(scores, labels)) / len(labels)


def start_server(binary: pathlib.Path, data: str, log) -> tuple[subprocess.Popen, str]:
    server = subprocess.Popen(
        [binary, "--listen", "127.0.0.1:0", "--models", ROOT / "models", "--data", data],
        stdout=subprocess.PIPE, stderr=log, text=True)
    words = server.stdout.readline().split()  # "einfer-server listening on URL"
    if not words:
        raise SystemExit("demo: the server did not start")
    return server, words[-1]


def encrypted(client: pathlib.Path, url: str, folder: pathlib.Path) -> tuple[list[float], dict]:
    predictions, stats = folder / "predictions.csv", folder / "stats.json"
    subprocess.run(
        [client, "infer", "--server", url, "--model", MODEL, "--input", ROOT / f"models/holdout/{MODEL}.csv",
         "--output", predictions, "--stats", stats], check=True, timeout=120)
    return [row[0] for row in read_rows(predictions)], json.loads(stats.read_text())


def report(scores: list[float], clear: list[float], labels: list[int], stats: dict) -> bool:
    seconds, sent = stats["seconds"], stats["bytes"]
    difference = max(abs(a - b) for a, b in zip(scores, clear))
    same_decisions = all((a > 0.5) == (b > 0.5) for a, b in zip(scores, clear))
    table = [
        ("rows (held-out patients)", f"{len(scores)}"),
        ("accuracy, encrypted", f"{accuracy(scores, labels):.4f}"),
        ("accuracy, in clear", f"{accuracy(clear, labels):.4f}"),
        ("largest difference", f"{difference:.1e}  (bound {stats['error_bound']:.1e})"),
        ("encrypt", f"{1000 * seconds['encrypt']:.1f} ms"),
        ("round trip", f"{1000 * seconds['round_trip']:.1f} ms"),
        ("decrypt", f"{1000 * seconds['decrypt']:.1f} ms"),
        ("bytes sent", f"{sent['sent']:,}"),
        ("bytes received", f"{sent['received']:,}"),
    ]
    width = max(len(name) for name, _ in table)
    print(f"\n{MODEL}: breast cancer, Wisconsin data; the server saw ciphertexts only\n")
    for name, value in table:
        print(f"  {name:<{width}}  {value}")
    print()
    # Predictions are printed rounded to the bound's power of ten, which adds at most another bound.
    return len(scores) == len(labels) and same_decisions and difference <= 2 * stats["error_bound"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build/release/bin", help="folder of the programs")
    binaries = parser.parse_args().bin.resolve()

    labels = [int(row[0]) for row in read_rows(ROOT / f"models/holdout/{MODEL}_labels.csv")]
    model = json.loads((ROOT / f"models/{MODEL}.json").read_text())
    clear = [in_clear(model, row) for row in read_rows(ROOT / f"models/holdout/{MODEL}.csv")]

    with tempfile.TemporaryDirectory(prefix="einfer-demo-") as name:
        folder = pathlib.Path(name)
        with (folder / "server.log").open("w") as log:
            server, url = start_server(binaries / "einfer-server", str(folder / "data"), log)
            try:
                scores, stats = encrypted(binaries / "einfer", url, folder)
            except (subprocess.SubprocessError, OSError) as fault:
                print((folder / "server.log").read_text(), file=sys.stderr)
                print(f"demo: failed: {fault}", file=sys.stderr)
                return 1
            finally:
                server.send_signal(signal.SIGTERM)
                stopped = server.wait(timeout=30)
        good = report(scores, clear, labels, stats) and stopped == 0
    print("demo: ok" if good else "demo: FAILED: encrypted and clear answers disagree")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
