#!/usr/bin/env python3
"""From PyTorch to files that `einfer import` reads: a small convolutional network on 8 x 8 images of digits.

    pip install torch onnx scikit-learn
    python examples/export_torch.py OUT

writes

    OUT/digits.onnx               takes raw pixels, 0 to 16
    OUT/digits_calibration.csv    training rows, for `einfer import OUT/digits.onnx --calibration OUT/digits_calibration.csv`
    OUT/digits_rows.csv           rows held out, for `einfer infer --input OUT/digits_rows.csv`
"""

import csv
import inspect
import pathlib
import sys

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

CALIBRATION_ROWS = 200
EPOCHS = 60
BATCH = 64


class SquareCnn(nn.Module):
    """4 kernels of 3 x 3 with stride 2, square, 36 -> 10."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(1, 4, kernel_size=3, stride=2)
        self.dense = nn.Linear(4 * 3 * 3, 10)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        # Scaling inside the model lets clients send pixels as they are.
        x = self.convolution(pixels / 16.0)
        # The square is the cheapest activation under encryption, and exact. ReLU, sigmoid and tanh become polynomials.
        x = x * x
        # Logits: softmax, where wanted, is for the client, after decryption.
        return self.dense(torch.flatten(x, 1))


def train(model: nn.Module, x: torch.Tensor, y: torch.Tensor) -> None:
    """Weight decay and label smoothing keep weights and logits small: large numbers cost precision under encryption."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)
    loss_of = nn.CrossEntropyLoss(label_smoothing=0.05)
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(x)).split(BATCH):
            optimizer.zero_grad()
            loss_of(model(x[rows]), y[rows]).backward()
            optimizer.step()
        schedule.step()
    model.eval()  # dropout and batch normalisation, if any, behave as in use


def write_rows(path: pathlib.Path, header: list[str], rows: np.ndarray) -> None:
    """A header, then a row a sample: an image is flat, channel by channel, row by row."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows.astype(int).tolist())


def main() -> None:
    if len(sys.argv) != 2:
        raise SystemExit(f"usage: {sys.argv[0]} OUT")
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)

    data = load_digits()
    train_x, test_x, train_y, test_y = train_test_split(
        data.data, data.target, test_size=0.25, stratify=data.target, random_state=0
    )

    def images(rows: np.ndarray) -> torch.Tensor:
        return torch.tensor(rows, dtype=torch.float32).reshape(-1, 1, 8, 8)

    model = SquareCnn()
    train(model, images(train_x), torch.tensor(train_y))

    # PyTorch has two exporters. This is the one that traces the model; newer versions want to be asked for it.
    newer = "dynamo" in inspect.signature(torch.onnx.export).parameters
    torch.onnx.export(
        model, (images(test_x[:1]),), str(out / "digits.onnx"), opset_version=17, input_names=["pixels"],
        output_names=["logits"], dynamic_axes={"pixels": {0: "rows"}, "logits": {0: "rows"}},
        **({"dynamo": False} if newer else {}),
    )
    write_rows(out / "digits_calibration.csv", list(data.feature_names), train_x[:CALIBRATION_ROWS])
    write_rows(out / "digits_rows.csv", list(data.feature_names), test_x)

    with torch.no_grad():
        right = (model(images(test_x)).argmax(1) == torch.tensor(test_y)).float().mean().item()
    print(f"digits: 64 pixels, accuracy on {len(test_y)} held-out images {right:.3f}")


if __name__ == "__main__":
    main()
