#!/usr/bin/env python3
"""Real patient records and handwritten digits, encrypted by the client, classified by a server that cannot read them,
decrypted by the client.

Starts einfer-server on a free port with the shipped models. Sends the held-out split of the Wisconsin breast cancer data
through the einfer program, and compares with the same model computed in clear; then digits that a convolutional network
reads. Ends with "demo: ok" only if everything agrees.
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
DIGITS = "mnist_cnn"
DIGIT_COUNT = 20


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


def encrypted(client: pathlib.Path, url: str, model: str, rows: pathlib.Path, folder: pathlib.Path) -> tuple[list[dict], dict]:
    """A dictionary a row, by the columns of the predictions; and what it took."""
    predictions, stats = folder / "predictions.csv", folder / "stats.json"
    subprocess.run(
        [client, "infer", "--server", url, "--model", model, "--input", rows, "--output", predictions, "--stats", stats],
        check=True, timeout=120)
    with predictions.open() as file:
        return list(csv.DictReader(file)), json.loads(stats.read_text())


def some_digits(folder: pathlib.Path) -> tuple[pathlib.Path, list[list[float]], list[str]]:
    lines = (ROOT / f"models/holdout/{DIGITS}.csv").read_text().splitlines()[: DIGIT_COUNT + 1]
    labels = (ROOT / f"models/holdout/{DIGITS}_labels.csv").read_text().split()[1 : DIGIT_COUNT + 1]
    file = folder / "digits.csv"
    file.write_text("\n".join(lines) + "\n")
    return file, read_rows(file), labels


def picture(pixels: list[float]) -> str:
    """28 x 28 pixels from 0 to 255; two rows of them a line."""
    shades = " .:-=+*#%@"
    lines = []
    for top in range(0, 28, 2):
        pairs = zip(pixels[28 * top : 28 * top + 28], pixels[28 * top + 28 : 28 * top + 56])
        lines.append("    " + "".join(shades[round((a + b) / 2 / 255 * (len(shades) - 1))] for a, b in pairs).rstrip())
    return "\n".join(lines)


def report_digits(answers: list[dict], stats: dict, rows: list[list[float]], labels: list[str]) -> bool:
    right = sum(answer["label"] == label for answer, label in zip(answers, labels))
    seconds = stats["seconds"]
    print(f"{DIGITS}: handwritten digits, read by a convolutional network that saw ciphertexts only\n")
    print(picture(rows[0]))
    scores = ", ".join(f"{k}: {float(answers[0][f'output_{k}']):.1f}" for k in range(10))
    print(f"\n  read as {answers[0]['label']}  (scores {scores})")
    print(f"  {right} of {len(labels)} digits right; {1000 * seconds['round_trip'] / len(labels):.1f} ms each, round trip;")
    print(f"  evaluation keys made and sent once, {1000 * seconds['keys']:.0f} ms\n")
    return len(answers) == len(labels) and right >= len(labels) - 2


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
                answers, stats = encrypted(
                    binaries / "einfer", url, MODEL, ROOT / f"models/holdout/{MODEL}.csv", folder)
                digits, pixels, digit_labels = some_digits(folder)
                digit_answers, digit_stats = encrypted(binaries / "einfer", url, DIGITS, digits, folder)
            except (subprocess.SubprocessError, OSError) as fault:
                print((folder / "server.log").read_text(), file=sys.stderr)
                print(f"demo: failed: {fault}", file=sys.stderr)
                return 1
            finally:
                server.send_signal(signal.SIGTERM)
                stopped = server.wait(timeout=30)
        scores = [float(answer["prediction"]) for answer in answers]
        good = report(scores, clear, labels, stats)
        good = report_digits(digit_answers, digit_stats, pixels, digit_labels) and good and stopped == 0
    print("demo: ok" if good else "demo: FAILED: encrypted and clear answers disagree")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
