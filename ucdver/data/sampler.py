"""The order of images as a function of (seed, step), so that a resumed run needs nothing restored."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from ucdver.errors import DataError
from ucdver.seeds import generator


class CounterSampler:
    """Permutations of `size` images, one an epoch, laid end to end and cut into batches.

    Epochs run into each other, so that every batch is full and every image is seen exactly once an epoch; a
    batch larger than the domain runs through several.

    Args:
        size: number of images; none is a DataError.
        batch_size: images in a batch.
        parts: what the order depends on, seed and stream.
    """

    def __init__(self, size: int, batch_size: int, *parts: int | str) -> None:
        if size < 1:
            raise DataError("there are no images to sample from", "check the split and the label map of the task")
        if batch_size < 1:
            raise ValueError(f"a batch of {batch_size} images is no batch")
        self.size = size
        self.batch_size = batch_size
        self._parts = parts
        self._permutations: dict[int, npt.NDArray[np.int64]] = {}

    @property
    def steps_per_epoch(self) -> int:
        """Steps that see every image at least once: ceil(size / batch_size)."""
        return math.ceil(self.size / self.batch_size)

    def epoch(self, step: int) -> int:
        """Return the epoch that the first image of a step's batch belongs to."""
        return step * self.batch_size // self.size

    def indices(self, step: int) -> npt.NDArray[np.int64]:
        """Return the batch of a step, int64 [batch_size], whatever steps were asked for before."""
        start = step * self.batch_size
        stop = start + self.batch_size
        epochs = range(start // self.size, (stop - 1) // self.size + 1)
        held = self._permutations
        self._permutations = {e: held[e] if e in held else self._permutation(e) for e in epochs}
        pieces = [self._permutations[e][max(start - e * self.size, 0) : stop - e * self.size] for e in epochs]
        return np.concatenate(pieces)

    def _permutation(self, epoch: int) -> npt.NDArray[np.int64]:
        # Raw bits and a stable sort give the same order in every numpy; Generator.permutation promises no
        # such thing.
        bits = generator(*self._parts, epoch).bit_generator.random_raw(self.size)
        return np.argsort(np.asarray(bits), kind="stable")
