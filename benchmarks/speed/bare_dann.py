"""DANN on LeNet as a person would write it by hand: PyTorch alone, no frame around it.

Same network, losses, optimiser and schedules as ucdver's `dann` with the recipe of the suite `digits`, without
augmentation. It knows nothing of ucdver, so that it can be measured in other environments too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SIDE, CLASSES, BATCH = 28, 10, 64
LR, MOMENTUM = 0.01, 0.9


class Reversal(torch.autograd.Function):
    """Turns gradients round."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, coefficient: float) -> Tensor:
        ctx.coefficient = coefficient
        return features.view_as(features)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return -ctx.coefficient * gradients[0], None


class Network(nn.Module):
    """LeNet, a bottleneck, a head and a domain discriminator, in this order of parameters."""

    def __init__(self, bottleneck: int = 128, hidden: int = 1024) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 20, 5), nn.MaxPool2d(2), nn.ReLU(inplace=True),
            nn.Conv2d(20, 50, 5), nn.Dropout2d(0.5), nn.MaxPool2d(2), nn.ReLU(inplace=True),
            nn.Flatten(), nn.Linear(800, 500), nn.ReLU(inplace=True), nn.Dropout(0.5),
        )  # fmt: skip
        self.bottleneck = nn.Sequential(nn.Linear(500, bottleneck), nn.BatchNorm1d(bottleneck), nn.ReLU(inplace=True))
        self.head = nn.Linear(bottleneck, CLASSES)
        self.discriminator = nn.Sequential(
            nn.Linear(bottleneck, hidden), nn.BatchNorm1d(hidden), nn.ReLU(inplace=True),
            nn.Linear(hidden, hidden), nn.BatchNorm1d(hidden), nn.ReLU(inplace=True),
            nn.Linear(hidden, 1),
        )  # fmt: skip

    def features(self, images: Tensor) -> Tensor:
        """Return features [B, bottleneck] of uint8 or float images [B, 1, 28, 28]."""
        scaled = images.float().div_(255) if images.dtype == torch.uint8 else images
        features: Tensor = self.bottleneck(self.body((scaled - 0.5) / 0.5))
        return features


def random_images(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return uint8 [count, 1, 28, 28] and labels int64 [count]: what they show does not matter for time."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (count, 1, SIDE, SIDE), generator=generator, dtype=torch.uint8)
    return images, torch.randint(0, CLASSES, (count,), generator=generator)


def shuffled(count: int, seed: int) -> Callable[[int], Tensor]:
    """Return the rows of each step, batches cut from one permutation an epoch."""
    generator = torch.Generator().manual_seed(seed)
    state = {"order": torch.randperm(count, generator=generator), "at": 0}

    def rows(step: int) -> Tensor:
        if state["at"] + BATCH > count:
            state["order"], state["at"] = torch.randperm(count, generator=generator), 0
        at = int(state["at"])
        state["at"] = at + BATCH
        return torch.as_tensor(state["order"])[at : at + BATCH]

    return rows


def train(
    network: Network,
    source: tuple[Tensor, Tensor],
    target: Tensor,
    steps: int,
    source_rows: Callable[[int], Tensor],
    target_rows: Callable[[int], Tensor],
) -> Iterator[int]:
    """Make one step each time that the next item is asked for, and yield its number."""
    images, labels = source
    optimiser = torch.optim.SGD(network.parameters(), lr=LR, momentum=MOMENTUM, nesterov=True, fused=True)
    network.train()
    half = torch.cat([torch.ones(BATCH), torch.zeros(BATCH)])
    for step in range(steps):
        progress = step / steps
        for group in optimiser.param_groups:
            group["lr"] = LR * 0.5 * (1 + math.cos(math.pi * progress))
        rows = source_rows(step)
        batch = torch.cat([images[rows], target[target_rows(step)]])
        features = network.features(batch)
        loss = F.cross_entropy(network.head(features[:BATCH]), labels[rows])
        coefficient = 2 / (1 + math.exp(-10 * progress)) - 1
        domain = network.discriminator(Reversal.apply(features, coefficient)).squeeze(1)
        loss = loss + F.binary_cross_entropy_with_logits(domain, half)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        yield step
