"""What the training loops of skada and pytorch-adapt cost beside the same bare loop of DANN on LeNet.

For an environment of its own, without ucdver; what is not installed there is left out, and that is said:

    python -m venv OTHERS
    OTHERS/bin/pip install torch skada skorch pytorch-adapt pytorch-ignite "setuptools<81"
    OTHERS/bin/python benchmarks/speed/other_loops.py

Each trains the same networks on the same uint8 pictures with its own data loading, at its defaults but for optimiser
and batch; the two take turns with the bare loop as in benchmarks/speed/loop.py.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import logging
import statistics
import time
import warnings
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import bare_dann
import torch
from torch import Tensor, nn

IMAGES, BLOCK = 7000, 8
OPTIMISER = {"lr": bare_dann.LR, "momentum": bare_dann.MOMENTUM, "nesterov": True}


class Turns:
    """Told when a step of another loop ends, and lets the bare loop make a block of steps after each of its blocks."""

    def __init__(self, blocks: int) -> None:
        self.blocks = blocks
        source, (target, _) = bare_dann.random_images(IMAGES, 0), bare_dann.random_images(IMAGES, 1)
        order = bare_dann.shuffled(IMAGES, 2), bare_dann.shuffled(IMAGES, 3)
        self.bare = bare_dann.train(bare_dann.Network(), source, target, 10**6, *order)
        self.last = 0.0
        self.block: list[float] = []
        self.theirs: list[float] = []
        self.ours: list[float] = []

    def ended(self) -> None:
        """Take note of the end of a step."""
        if self.last:
            self.block.append(time.thread_time() - self.last)
        if len(self.block) == BLOCK:
            self.theirs.append(statistics.median(self.block))
            marks = [time.thread_time()]
            for _ in range(BLOCK):
                next(self.bare)
                marks.append(time.thread_time())
            self.ours.append(statistics.median(b - a for a, b in pairwise(marks)))
            self.block = []
        self.last = time.thread_time()

    @property
    def enough(self) -> bool:
        """Whether all blocks are done."""
        return len(self.theirs) >= self.blocks

    def told(self) -> str:
        """Return both medians in milliseconds of processor, and the median of the ratios with its quartiles."""
        between = [(a + b) / 2 for a, b in pairwise(self.ours)]
        pairs = [theirs / bare for theirs, bare in zip(self.theirs[1:], between, strict=False)]
        low, middle, high = statistics.quantiles(pairs, n=4)
        mine, bare = 1000 * statistics.median(self.theirs), 1000 * statistics.median(self.ours)
        return f"{mine:8.3f} ms, bare {bare:8.3f} ms, ratio {middle:.3f}, quartiles {low:.3f} to {high:.3f}"


class Enough(Exception):  # noqa: N818 - no error: the only way out of either loop within an epoch
    """All blocks are done."""


class Classifier(nn.Module):
    """LeNet, bottleneck and head in one; skada reads the features of the layer `bottleneck`."""

    def __init__(self) -> None:
        super().__init__()
        whole = bare_dann.Network()
        self.body, self.bottleneck, self.head = whole.body, whole.bottleneck, whole.head

    def forward(self, images: Tensor, sample_weight: object = None) -> Tensor:
        """Return logits."""
        logits: Tensor = self.head(self.bottleneck(self.body((images.float().div(255) - 0.5) / 0.5)))
        return logits


class Features(nn.Module):
    """LeNet and bottleneck."""

    def __init__(self, network: bare_dann.Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """Return features."""
        return self.network.features(images)


class Discriminator(nn.Module):
    """The discriminator, behind gradient reversal where `coefficient` is given; logits [B]."""

    def __init__(self, layers: nn.Module, coefficient: float | None) -> None:
        super().__init__()
        self.layers, self.coefficient = layers, coefficient

    def forward(self, features: Tensor) -> Tensor:
        """Return logits."""
        if self.coefficient is not None:
            features = bare_dann.Reversal.apply(features, self.coefficient)
        logits: Tensor = self.layers(features)
        return logits.squeeze(1)


def skada(turns: Turns) -> None:
    """Train by skada.deep.DANN, which is a skorch net."""
    import numpy as np
    from skada.deep import DANN  # type: ignore[import-not-found]
    from skorch.callbacks import Callback  # type: ignore[import-not-found]

    class Ended(Callback):  # type: ignore[misc]
        def on_batch_end(self, *arguments: object, **more: object) -> None:
            turns.ended()
            if turns.enough:
                raise Enough

    (images, labels), (target, _) = bare_dann.random_images(IMAGES, 0), bare_dann.random_images(IMAGES, 1)
    net = DANN(
        Classifier(),
        layer_name="bottleneck",
        reg=0.5,
        domain_classifier=Discriminator(bare_dann.Network().discriminator, 1.0),
        domain_criterion=nn.BCEWithLogitsLoss(),
        optimizer=torch.optim.SGD,
        batch_size=bare_dann.BATCH,
        train_split=None,
        max_epochs=100,
        callbacks=[Ended()],
        **{f"optimizer__{name}": value for name, value in OPTIMISER.items()},
    )
    pictures = torch.cat([images, target]).numpy()
    classes = np.concatenate([labels.numpy(), np.full(IMAGES, -1)])
    net.fit(pictures, classes, sample_domain=np.repeat([1, -2], IMAGES))


def pytorch_adapt(turns: Turns) -> None:
    """Train by pytorch_adapt.adapters.DANN in its frame for ignite."""
    from ignite.engine import Events  # type: ignore[import-not-found]
    from pytorch_adapt.adapters import DANN  # type: ignore[import-not-found]
    from pytorch_adapt.containers import Models, Optimizers  # type: ignore[import-not-found]
    from pytorch_adapt.datasets import (  # type: ignore[import-not-found]
        CombinedSourceAndTargetDataset,
        DataloaderCreator,
        SourceDataset,
        TargetDataset,
    )
    from pytorch_adapt.frameworks.ignite import Ignite  # type: ignore[import-not-found]
    from torch.utils.data import TensorDataset

    network = bare_dann.Network()
    parts = {"G": Features(network), "C": network.head, "D": Discriminator(network.discriminator, None)}
    adapter = DANN(models=Models(parts), optimizers=Optimizers((torch.optim.SGD, OPTIMISER)))
    frame = Ignite(adapter, with_pbars=False, device=torch.device("cpu"))

    def ended(engine: Any) -> None:
        turns.ended()
        if turns.enough:
            raise Enough

    frame.trainer.add_event_handler(Events.ITERATION_COMPLETED, ended)
    (images, labels), (target, _) = bare_dann.random_images(IMAGES, 0), bare_dann.random_images(IMAGES, 1)
    both = CombinedSourceAndTargetDataset(
        SourceDataset(TensorDataset(images, labels)), TargetDataset(TensorDataset(target, labels))
    )
    frame.run(
        datasets={"train": both}, dataloader_creator=DataloaderCreator(batch_size=bare_dann.BATCH), max_epochs=100
    )


def main() -> None:
    """Print a line for each that is installed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blocks", type=int, default=30)
    blocks = parser.parse_args().blocks
    torch.set_num_threads(1)
    logging.disable(logging.ERROR)
    warnings.simplefilter("ignore")
    loops: dict[str, Callable[[Turns], None]] = {"skada": skada, "pytorch-adapt": pytorch_adapt}
    for name, train in loops.items():
        turns = Turns(blocks)
        try:
            train(turns)
        except ImportError as error:
            print(f"{name}: left out, {error}")
            continue
        except Enough:
            pass
        print(f"{name} {importlib.metadata.version(name)}: {turns.told()}", flush=True)


if __name__ == "__main__":
    main()
