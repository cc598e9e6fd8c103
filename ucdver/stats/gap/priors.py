"""How far the class priors of two domains are apart: label shift, the affective distribution shift of an image set."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Distance:
    """A distance in [0, 1] with its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class PriorShift:
    """The distance of two class histograms.

    Attributes:
        total_variation: half the sum of absolute differences.
        jensen_shannon: the divergence (not its root), with logarithms to base 2.
        p_value: of the permutation test on total variation: how often labels dealt out anew lie as far apart.
    """

    total_variation: Distance
    jensen_shannon: Distance
    p_value: float


def prior_shift(
    source: NDArray[np.int64],
    target: NDArray[np.int64],
    classes: int,
    draws: int = 2000,
    seed: int = 0,
    confidence: float = 0.95,
) -> PriorShift:
    """Return how far the class shares of two sets of labels are apart.

    The intervals are basic bootstrap intervals over images, cut to [0, 1]: both distances are never negative, and those
    of drawn samples are too large, which the basic interval takes back. Near 0 the p-value says more than they do.

    Args:
        source: int [N], class indices.
        target: int [M].
        classes: K.
        draws: of the bootstrap and of the test.
        seed: of the Philox generator.
        confidence: of the intervals.

    Raises:
        ValueError: a side without labels.
    """
    if not len(source) or not len(target):
        raise ValueError("a class prior needs labels")
    rng = np.random.Generator(np.random.Philox(seed))
    counts = [np.bincount(labels, minlength=classes) for labels in (source, target)]
    p, q = (c / c.sum() for c in counts)
    drawn_p, drawn_q = (rng.multinomial(c.sum(), c / c.sum(), size=draws) / c.sum() for c in counts)
    pooled = counts[0] + counts[1]
    dealt = rng.multivariate_hypergeometric(pooled, int(counts[0].sum()), size=draws)
    apart = total_variation(dealt / counts[0].sum(), (pooled - dealt) / counts[1].sum())
    value = total_variation(p, q)
    return PriorShift(
        _basic(float(value), total_variation(drawn_p, drawn_q), confidence),
        _basic(float(jensen_shannon(p, q)), jensen_shannon(drawn_p, drawn_q), confidence),
        (1 + int((apart >= value - 1e-12).sum())) / (1 + draws),
    )


def total_variation(p: Array, q: Array) -> Array:
    """Return half the sum of |p - q| over the last axis."""
    return np.asarray(np.abs(p - q).sum(axis=-1) / 2)


def jensen_shannon(p: Array, q: Array) -> Array:
    """Return the Jensen-Shannon divergence over the last axis, in bits, so that it lies in [0, 1] (Lin, 1991)."""
    middle = (p + q) / 2
    return (_divergence(p, middle) + _divergence(q, middle)) / 2


def _divergence(p: Array, middle: Array) -> Array:
    # Where p is 0 the term is 0; where it is not, the middle is not either.
    ratio = np.where(p > 0, p, 1.0) / np.where(p > 0, middle, 1.0)
    return np.asarray((p * np.log2(ratio)).sum(axis=-1))


def _basic(value: float, drawn: Array, confidence: float) -> Distance:
    low, high = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2])
    # Cut so that the value itself stays inside: a sample's own distance is no less likely than 0.
    lower, upper = max(0.0, 2 * value - float(high)), min(1.0, max(value, 2 * value - float(low)))
    return Distance(value, min(lower, value), upper)
