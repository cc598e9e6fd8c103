"""Paired comparison of two methods on the same images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class PairedDifference:
    """Accuracy of one method less that of another on the same images.

    Attributes:
        difference: a - b in accuracy, averaged over seeds and images, in [-1, 1].
        low: lower end of the interval, or None for a single image.
        high: upper end of the interval, or None for a single image.
        n: how many images there were.
    """

    difference: float
    low: float | None
    high: float | None
    n: int


def paired_difference(
    correct_a: NDArray[np.bool_],
    correct_b: NDArray[np.bool_],
    n: int = 2000,
    seed: int = 0,
    confidence: float = 0.95,
) -> PairedDifference:
    """Return the difference in accuracy with a percentile interval from a paired bootstrap over images.

    The seeds are averaged first, image by image; what is drawn again with replacement are images, so the
    interval speaks of other images and not of other seeds.

    Args:
        correct_a: bool [S, N], whether a was right, by seed and image.
        correct_b: bool [S, N], the same images in the same order.
        n: number of bootstrap samples.
        seed: of the Philox generator.
        confidence: of the interval.

    Raises:
        ValueError: shapes that differ, no image or seed, or a value that is not a truth value.
    """
    if correct_a.shape != correct_b.shape or correct_a.ndim != 2 or correct_a.size == 0:
        raise ValueError(f"[seeds, images] arrays must be equal, not {correct_a.shape}, {correct_b.shape}")
    if correct_a.dtype != np.bool_ or correct_b.dtype != np.bool_:
        raise ValueError("correctness is boolean")
    if n < 1 or not 0 < confidence < 1:
        raise ValueError(f"{n} samples at confidence {confidence} make no interval")
    seeds, images = correct_a.shape
    gain = correct_a.sum(axis=0, dtype=np.int64) - correct_b.sum(axis=0, dtype=np.int64)
    difference = float(gain.sum()) / (seeds * images)
    if images == 1:
        return PairedDifference(difference, None, None, 1)
    # Only 2 S + 1 gains are possible, and drawing images is drawing from their counts: the same distribution
    # as resampled indices, in memory that does not grow with the number of images.
    values, counts = np.unique(gain, return_counts=True)
    generator = np.random.Generator(np.random.Philox(seed))
    drawn = generator.multinomial(images, counts / images, size=n)
    samples = drawn @ values / (seeds * images)
    low, high = np.quantile(samples, [(1 - confidence) / 2, (1 + confidence) / 2])
    return PairedDifference(difference, float(low), float(high), images)
