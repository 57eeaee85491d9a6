#!/usr/bin/env python3
"""Prints llvm-cov's summary as a table: each directory, then its files."""

import collections
import json
import os
import sys


def row(name: str, lines: tuple[int, int], branches: tuple[int, int]) -> None:
    def share(covered: int, count: int) -> str:
        return f"{covered:5d} of {count:5d} {100 * covered / count:6.1f} %" if count else f"{'-':>23}"

    print(f"{name:<36} {share(*lines)}   {share(*branches)}")


def main() -> None:
    files = json.load(open(sys.argv[1]))["data"][0]["files"]
    folders = collections.defaultdict(list)
    for file in files:
        name = os.path.relpath(file["filename"])
        counts = [(file["summary"][kind]["covered"], file["summary"][kind]["count"]) for kind in ("lines", "branches")]
        folders[os.path.dirname(name)].append((name, *counts))
    print(f"{'':<36} {'lines':>23}   {'branches':>23}")
    for folder, rows in sorted(folders.items()):
        def total(index: int) -> tuple[int, int]:
            return sum(r[index][0] for r in rows), sum(r[index][1] for r in rows)

        row(folder + "/", total(1), total(2))
        for name, lines, branches in sorted(rows):
            row("  " + os.path.basename(name), lines, branches)


if __name__ == "__main__":
    main()
