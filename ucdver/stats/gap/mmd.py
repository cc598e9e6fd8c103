"""The maximum mean discrepancy of two samples, in memory that grows with their number and not with its square."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

#: Points whose distances give the bandwidth.
_MEDIAN_POINTS = 1000


@dataclass(frozen=True)
class Discrepancy:
    """A squared maximum mean discrepancy.

    Attributes:
        value: the unbiased estimate, which is about 0, and may be below it, where the distributions are the same.
        low: lower end of the bootstrap interval.
        high: upper end.
        p_value: share of permutations of the pooled sample, itself among them, with at least this value.
        bandwidth: sigma of the kernel exp(-d^2 / (2 sigma^2)).
    """

    value: float
    low: float
    high: float
    p_value: float
    bandwidth: float


def squared_mmd(
    source: NDArray[np.floating],
    target: NDArray[np.floating],
    permutations: int = 500,
    bootstraps: int = 500,
    seed: int = 0,
    confidence: float = 0.95,
    block: int = 512,
) -> Discrepancy:
    """Return the unbiased squared MMD with a Gaussian kernel whose sigma is the median distance in the pooled sample.

    Gretton et al., A kernel two-sample test, JMLR 13, 2012, eq. 3, and its median heuristic. The p-value is that of the
    permutation test. The interval is a percentile bootstrap over the images of each side, in which an image is never
    compared with itself, however often it was drawn: with those pairs every replicate would be too large.

    Args:
        source: [N, D].
        target: [M, D].
        permutations: of the test.
        bootstraps: of the interval.
        seed: of the Philox generator.
        confidence: of the interval.
        block: rows of the kernel matrix that are held at a time.

    Raises:
        ValueError: fewer than two images on a side, other numbers of features, or images that are all the same.
    """
    if source.ndim != 2 or target.ndim != 2 or source.shape[1] != target.shape[1] or min(len(source), len(target)) < 2:
        raise ValueError(f"samples of shape {source.shape} and {target.shape} do not compare")
    z = np.concatenate([source, target]).astype(np.float64)
    n, m = len(source), len(target)
    rng = np.random.Generator(np.random.Philox(seed))
    sigma = median_distance(z, rng)
    left, right = _columns(n, m, permutations, bootstraps, rng)
    products = _kernel_times(z, np.concatenate([left, right], axis=1), sigma, block)
    values = _estimates(left, right, products[:, : left.shape[1]], products[:, left.shape[1] :])
    value, permuted, drawn = values[0], values[1 : 1 + permutations], values[1 + permutations :]
    # Of very few images a replicate may hold one alone, which has no pair to compare: it says nothing.
    low, high = np.quantile(drawn[np.isfinite(drawn)], [(1 - confidence) / 2, (1 + confidence) / 2])
    extreme = int((permuted >= value - 1e-12).sum())  # rounding must not make what is equal smaller
    return Discrepancy(float(value), float(low), float(high), (1 + extreme) / (1 + permutations), sigma)


def median_distance(z: Array, rng: np.random.Generator) -> float:
    """Return the median distance between points of `z`, or of a thousand of them; points all alike are an error."""
    points = z if len(z) <= _MEDIAN_POINTS else z[rng.choice(len(z), _MEDIAN_POINTS, replace=False)]
    squares = _squared_distances(points, points)[np.triu_indices(len(points), k=1)]
    median = float(np.sqrt(np.median(squares)))
    if median == 0.0:
        median = float(np.sqrt(squares.mean()))
    if median == 0.0:
        raise ValueError("the images all have the same features")
    return median


def _columns(n: int, m: int, permutations: int, bootstraps: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return how often each image counts on the left and on the right, [N + M, 1 + permutations + bootstraps] each."""
    total = n + m
    left = np.zeros((total, 1 + permutations + bootstraps))
    left[:n, 0] = 1
    for column in range(1, 1 + permutations):
        left[rng.permutation(total)[:n], column] = 1
    right = 1 - left
    first = 1 + permutations
    right[:n, first:] = 0
    left[:n, first:] = rng.multinomial(n, np.full(n, 1 / n), size=bootstraps).T
    right[n:, first:] = rng.multinomial(m, np.full(m, 1 / m), size=bootstraps).T
    return left, right


def _estimates(left: Array, right: Array, k_left: Array, k_right: Array) -> Array:
    """Return the estimate of each column; the products are with the kernel matrix whose diagonal is 0."""

    def within(weights: Array, product: Array) -> Array:
        pairs = weights.sum(axis=0) ** 2 - (weights**2).sum(axis=0)
        found: Array = np.full(len(pairs), np.nan)
        np.divide((weights * product).sum(axis=0), pairs, out=found, where=pairs > 0)
        return found

    across = (left * k_right).sum(axis=0) / (left.sum(axis=0) * right.sum(axis=0))
    return np.asarray(within(left, k_left) + within(right, k_right) - 2 * across)


def _kernel_times(z: Array, weights: Array, sigma: float, block: int) -> Array:
    """Return K W, where K has a diagonal of 0, a block of its rows at a time."""
    product = np.empty_like(weights)
    for start in range(0, len(z), block):
        rows = slice(start, min(start + block, len(z)))
        kernel = np.exp(_squared_distances(z[rows], z) / (-2 * sigma**2))
        kernel[np.arange(rows.stop - start), np.arange(start, rows.stop)] = 0
        product[rows] = kernel @ weights
    return product


def _squared_distances(a: Array, b: Array) -> Array:
    squares = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)[None] - 2 * a @ b.T
    return np.asarray(np.maximum(squares, 0.0))
