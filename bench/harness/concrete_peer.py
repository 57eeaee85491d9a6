"""Concrete ML's logistic regression on 30 features, in this process: a program of its own, for it has its own packages.

    python concrete_peer.py RUNS

Trains on scikit-learn's copy of the Wisconsin data with 8-bit quantization, compiles, makes keys, and prints one JSON
object with the seconds of encrypting, running and decrypting one row, RUNS times.
"""

from __future__ import annotations

import importlib.metadata
import itertools
import json
import sys
import time


def main() -> None:
    runs = int(sys.argv[1])
    from concrete.ml.sklearn import LogisticRegression
    from sklearn.datasets import load_breast_cancer
    from sklearn.preprocessing import StandardScaler

    data = load_breast_cancer()
    rows = StandardScaler().fit_transform(data.data)
    model = LogisticRegression(n_bits=8)
    model.fit(rows, data.target)
    circuit = model.compile(rows)
    started = time.perf_counter()
    circuit.client.keygen()
    keygen = time.perf_counter() - started

    samples = []
    for number in range(runs + 1):  # the first one warms up
        quantized = model.quantize_input(rows[number : number + 1])
        marks = [time.perf_counter()]
        encrypted = circuit.encrypt(quantized)
        marks.append(time.perf_counter())
        result = circuit.run(encrypted)
        marks.append(time.perf_counter())
        circuit.decrypt(result)
        marks.append(time.perf_counter())
        if number > 0:
            samples.append([after - before for before, after in itertools.pairwise(marks)])
    versions = {name: importlib.metadata.version(name) for name in ("concrete-ml", "concrete-python")}
    print(json.dumps({"versions": versions, "keygen": keygen, "samples": samples}))


if __name__ == "__main__":
    main()
