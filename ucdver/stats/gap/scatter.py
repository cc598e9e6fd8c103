"""How much images differ within a class, as part of how much they differ at all: expression variability."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ucdver.stats.gap.priors import Distance

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ScatterRatio:
    """The share of within-class scatter on either side, and that of the target as a multiple of the source's."""

    source: Distance
    target: Distance
    ratio: Distance


def scatter_ratio(
    source: tuple[NDArray[np.floating], NDArray[np.int64]],
    target: tuple[NDArray[np.floating], NDArray[np.int64]],
    bootstraps: int = 500,
    seed: int = 0,
    confidence: float = 0.95,
) -> ScatterRatio:
    """Return tr(S_w) / tr(S_t) of the source and of the target, and target over source, with bootstrap intervals.

    S_w is the covariance within classes (n - K degrees of freedom), S_t that of all images (n - 1). A share near 1
    means that the classes do not show in these features. The bootstrap draws images within each class. What that takes
    from the scatter of a class (a part 1 / n_k of it), and adds to that between classes since the means of replicates
    move, is known, and is given back.

    Args:
        source: features [N, D] and class indices [N].
        target: the same.
        bootstraps: of the intervals.
        seed: of the Philox generator.
        confidence: of the intervals.

    Raises:
        ValueError: a side on which no class has two images, or whose images are all the same; a source whose classes
            have no scatter, so that there is nothing to compare with.
    """
    rng = np.random.Generator(np.random.Philox(seed))
    shares = [_shares(np.asarray(x, dtype=np.float64), labels, bootstraps, rng) for x, labels in (source, target)]
    if not (shares[0] > 0).all():
        raise ValueError("the source's images do not differ within a class, so there is no ratio to it")
    ratios = shares[1] / shares[0]
    tails = [(1 - confidence) / 2, (1 + confidence) / 2]
    found = [Distance(float(v[0]), *map(float, np.quantile(v[1:], tails))) for v in (*shares, ratios)]
    return ScatterRatio(*found)


def _shares(x: Array, labels: NDArray[np.int64], bootstraps: int, rng: np.random.Generator) -> Array:
    """Return the share of the images themselves, and then that of each replicate, [1 + bootstraps]."""
    # Squares of numbers far from 0 would drown their differences.
    x = x - x.mean(axis=0)
    classes, sizes = np.unique(labels, return_counts=True)
    n = len(labels)
    if n <= len(classes):
        raise ValueError("no class has two images, so there is no scatter within one")
    within, between = np.zeros(1 + bootstraps), np.zeros(1 + bootstraps)
    whole_sum = np.zeros((1 + bootstraps, x.shape[1]))
    for name, size in zip(classes, sizes, strict=True):
        members = x[labels == name]
        drawn = np.concatenate([np.ones((1, size)), rng.multinomial(size, np.full(size, 1 / size), size=bootstraps)])
        sums = drawn @ members
        between += (sums**2).sum(axis=1) / size
        squares = drawn @ (members**2).sum(axis=1) - (sums**2).sum(axis=1) / size
        squares[1:] *= size / (size - 1) if size > 1 else 1.0
        between[1:] -= squares[0] * (1 / size - 1 / n)
        within += squares
        whole_sum += sums
    between -= (whole_sum**2).sum(axis=1) / n
    whole = (within + between) / (n - 1)
    if not (whole > 0).all():
        raise ValueError("the images all have the same features")
    return np.asarray(within / (n - len(classes)) / whole)
