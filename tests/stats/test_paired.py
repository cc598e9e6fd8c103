"""The paired bootstrap: against one that resamples indices in a loop, and its coverage."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from ucdver.stats.paired import paired_difference


def draw(seed: int, share: float, shape: tuple[int, int]) -> NDArray[np.bool_]:
    return np.random.Generator(np.random.Philox(seed)).random(shape) < share


def naive(a: NDArray[np.bool_], b: NDArray[np.bool_], n: int) -> tuple[float, float]:
    generator = np.random.Generator(np.random.Philox(99))
    gain = [np.mean(a[:, i]) - np.mean(b[:, i]) for i in range(a.shape[1])]
    samples = []
    for _ in range(n):
        chosen = generator.integers(0, len(gain), len(gain))
        samples.append(sum(gain[i] for i in chosen) / len(gain))
    low, high = np.quantile(samples, [0.025, 0.975])
    return float(low), float(high)


@pytest.mark.parametrize(("seeds", "images"), [(1, 60), (3, 80), (5, 30)])
def test_it_agrees_with_resampling_images_one_by_one(seeds: int, images: int) -> None:
    a, b = draw(1, 0.7, (seeds, images)), draw(2, 0.5, (seeds, images))
    found = paired_difference(a, b, n=4000)
    low, high = naive(a, b, 2000)
    assert found.difference == pytest.approx(a.mean() - b.mean())
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.1 * (high - low))
    assert found.n == images


def test_it_is_a_function_of_its_seed() -> None:
    a, b = draw(1, 0.7, (3, 50)), draw(2, 0.5, (3, 50))
    assert paired_difference(a, b, seed=4) == paired_difference(a, b, seed=4)
    assert paired_difference(a, b, seed=4) != paired_difference(a, b, seed=5)


def test_the_order_of_images_and_seeds_does_not_matter() -> None:
    a, b = draw(1, 0.7, (3, 50)), draw(2, 0.5, (3, 50))
    order = np.random.Generator(np.random.Philox(3)).permutation(50)
    assert paired_difference(a[::-1][:, order], b[:, order]) == paired_difference(a, b)


def test_pairing_narrows_the_interval_of_methods_that_err_together() -> None:
    a = draw(1, 0.6, (1, 200))
    b = a.copy()
    b[0, :10] = False
    together = paired_difference(a, b)
    apart = paired_difference(a, b[:, ::-1].copy())
    assert together.difference == pytest.approx(apart.difference)
    assert together.high is not None and together.low is not None
    assert apart.high is not None and apart.low is not None
    assert together.high - together.low < 0.5 * (apart.high - apart.low)


def test_it_covers_the_truth_about_as_often_as_it_says() -> None:
    covered = 0
    for trial in range(300):
        a, b = draw(2 * trial, 0.7, (2, 100)), draw(2 * trial + 1, 0.6, (2, 100))
        found = paired_difference(a, b, n=500, seed=trial)
        assert found.low is not None and found.high is not None
        covered += found.low <= 0.1 <= found.high
    assert covered / 300 == pytest.approx(0.95, abs=0.04)


def test_one_image_has_no_interval() -> None:
    found = paired_difference(np.array([[True]]), np.array([[False]]))
    assert (found.difference, found.low, found.high, found.n) == (1.0, None, None, 1)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (np.ones((2, 3), dtype=bool), np.ones((2, 4), dtype=bool)),
        (np.ones(3, dtype=bool), np.ones(3, dtype=bool)),
        (np.ones((2, 0), dtype=bool), np.ones((2, 0), dtype=bool)),
        (np.ones((2, 3)), np.ones((2, 3))),
    ],
)
def test_arrays_that_are_no_pair_are_refused(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> None:
    with pytest.raises(ValueError):
        paired_difference(a, b)
