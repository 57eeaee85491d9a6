"""Networks with square activations, and how they are trained.

The square costs one multiplication under encryption and needs no approximation. It grows fast, so training keeps numbers
small: weight decay, label smoothing (no reward for large logits) and clipped gradients.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import affine_grid, cross_entropy, grid_sample

from images import SEED, Images


class SquareMlp(nn.Module):
    """pixels / largest, dense, square, dense: logits."""

    def __init__(self, side: int, largest: int, hidden: int) -> None:
        super().__init__()
        self.largest = float(largest)
        self.first = nn.Linear(side * side, hidden)
        self.last = nn.Linear(hidden, 10)

    def stages(self, pixels: Tensor) -> dict[str, Tensor]:
        """What comes out of each linear layer; the last is the answer."""
        first = self.first(pixels / self.largest)
        return {"first": first, "logits": self.last(first * first)}

    def forward(self, pixels: Tensor) -> Tensor:
        """Logits of a batch of flat images."""
        return self.stages(pixels)["logits"]


class SquareCnn(nn.Module):
    """pixels / 255, 4 kernels of 7 × 7 with stride 3, square, 256 → 64, square, 64 → 10: logits."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(1, 4, kernel_size=7, stride=3)
        self.dense = nn.Linear(4 * 8 * 8, 64)
        self.last = nn.Linear(64, 10)

    def stages(self, pixels: Tensor) -> dict[str, Tensor]:
        """What comes out of each linear layer; the last is the answer."""
        convolution = self.convolution(pixels / 255.0)
        dense = self.dense(torch.flatten(convolution * convolution, 1))
        return {"convolution": convolution, "dense": dense, "logits": self.last(dense * dense)}

    def forward(self, pixels: Tensor) -> Tensor:
        """Logits of a batch of images, [N, 1, 28, 28]."""
        return self.stages(pixels)["logits"]


@dataclass(frozen=True)
class Recipe:
    """Hyperparameters. The distortions of the images are drawn anew for every batch, evenly within ± these bounds."""

    epochs: int
    learning_rate: float
    weight_decay: float
    batch: int = 64
    label_smoothing: float = 0.05
    warm_up: float = 0.15  # share of the steps
    largest_gradient: float = 1.0
    degrees: float = 12.0
    zoom: float = 0.12
    shear: float = 0.15
    shift: float = 1.5  # pixels

    def facts(self) -> dict[str, Any]:
        """For the provenance."""
        return asdict(self) | {
            "optimizer": "AdamW, one-cycle learning rate",
            "augmentation": "rotation, zoom, shear, shift; bilinear",
        }


def distorted(images: Tensor, recipe: Recipe, generator: torch.Generator) -> Tensor:
    """Each image turned, zoomed, sheared and shifted a little."""

    def even(bound: float) -> Tensor:
        return (torch.rand(len(images), generator=generator) * 2 - 1) * bound

    angle, zoom, shear = even(math.radians(recipe.degrees)), 1 + even(recipe.zoom), even(recipe.shear)
    step = 2 / images.shape[-1]  # one pixel, in the units of affine_grid
    rows = [
        torch.stack([torch.cos(angle) / zoom, shear - torch.sin(angle) / zoom, even(recipe.shift * step)], 1),
        torch.stack([torch.sin(angle) / zoom, torch.cos(angle) / zoom, even(recipe.shift * step)], 1),
    ]
    grid = affine_grid(torch.stack(rows, 1), list(images.shape), align_corners=False)
    return grid_sample(images, grid, align_corners=False)


def train(network: nn.Module, images: Tensor, classes: Tensor, flat: bool, recipe: Recipe) -> nn.Module:
    """Train in place on raw images [N, 1, side, side]; the network takes them flat, or as they are."""
    generator = torch.Generator().manual_seed(SEED)
    optimizer = torch.optim.AdamW(network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    batches = len(images) // recipe.batch
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, recipe.learning_rate, total_steps=recipe.epochs * batches, pct_start=recipe.warm_up
    )
    for _ in range(recipe.epochs):
        order = torch.randperm(len(images), generator=generator)
        for number in range(batches):
            chosen = order[number * recipe.batch : (number + 1) * recipe.batch]
            inputs = distorted(images[chosen], recipe, generator)
            logits = network(inputs.flatten(1) if flat else inputs)
            loss = cross_entropy(logits, classes[chosen], label_smoothing=recipe.label_smoothing)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), recipe.largest_gradient)
            optimizer.step()
            schedule.step()
    return network.eval()


def as_images(images: Images, pixels: Any) -> Tensor:
    """Raw pixels as a tensor [N, 1, side, side]."""
    return torch.from_numpy(pixels).float().reshape(-1, 1, images.side, images.side)
