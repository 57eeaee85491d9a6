"""Instruction counts of the main paths, by callgrind: a regression shows without a clock.

    python bench/instructions.py [--build DIR]            compares with bench/results/instructions.json
    python bench/instructions.py [--build DIR] --record   writes it

Exit code 1: a path takes more than `TOLERANCE` above what is recorded.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
RECORD = ROOT / "bench" / "results" / "instructions.json"
TOLERANCE = 0.02


def count(build: pathlib.Path, kernels: str) -> dict[str, int]:
    """Instructions of each path with these kernels."""
    with tempfile.TemporaryDirectory() as scratch:
        command = [
            "valgrind", "--quiet", "--tool=callgrind", "--collect-atstart=no",
            f"--callgrind-out-file={scratch}/out", str(build / "bin" / "main_paths"), str(ROOT / "models"),
        ]  # fmt: skip
        said = subprocess.run(
            command, env=os.environ | {"EINFER_KERNELS": kernels}, capture_output=True, text=True, check=True
        )
        assert said.stdout.strip() == kernels, said.stdout
        counts: dict[str, int] = {}
        for file in sorted(pathlib.Path(scratch).iterdir(), key=lambda file: file.name):
            text = file.read_text()
            name = re.search(r"^desc: Trigger: Client Request: (\w+)$", text, re.MULTILINE)
            total = re.search(r"^(?:summary|totals): (\d+)", text, re.MULTILINE)
            if name and total:
                counts[name[1]] = int(total[1])
        return counts


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build" / "release")
    parser.add_argument("--record", action="store_true", help="write the counts down instead of comparing")
    options = parser.parse_args()
    counts = {kernels: count(options.build, kernels) for kernels in ("avx2", "scalar")}
    if options.record:
        RECORD.write_text(json.dumps(counts, indent=2) + "\n")
        return 0
    recorded = json.loads(RECORD.read_text())
    worse = 0
    for kernels, paths in counts.items():
        for path, now in paths.items():
            before = recorded.get(kernels, {}).get(path)
            change = f"{now / before - 1:+.2%}" if before else "new"
            bad = bool(before) and now > before * (1 + TOLERANCE)
            worse += bad
            print(f"{kernels:7} {path:24} {now:>13,} {change}{'  MORE THAN RECORDED' if bad else ''}")
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
