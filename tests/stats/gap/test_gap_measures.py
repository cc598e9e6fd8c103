from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naive import gap as naive
from numpy.typing import NDArray

from ucdver.stats.gap.a_distance import proxy_a_distance
from ucdver.stats.gap.mmd import squared_mmd
from ucdver.stats.gap.priors import prior_shift
from ucdver.stats.gap.scatter import scatter_ratio


def cloud(n: int, seed: int, shift: float = 0.0, d: int = 6) -> NDArray[np.float64]:
    return np.random.Generator(np.random.Philox(seed)).normal(shift, 1.0, (n, d))


def test_the_discrepancy_is_that_of_the_formula_whatever_the_block() -> None:
    x, y = cloud(17, 1), cloud(11, 2, 0.5)
    sigma = naive.median_distance([*x.tolist(), *y.tolist()])
    expected = naive.squared_mmd(x.tolist(), y.tolist(), sigma)
    for block in (1, 5, 512):
        found = squared_mmd(x, y, permutations=3, bootstraps=3, block=block)
        assert found.value == pytest.approx(expected, rel=1e-9)
        assert found.bandwidth == pytest.approx(sigma, rel=1e-9)


def test_two_samples_of_one_distribution_are_no_discrepancy_and_two_of_others_are() -> None:
    same = squared_mmd(cloud(80, 3), cloud(70, 4), permutations=200, bootstraps=200)
    assert same.low <= 0 <= same.high
    assert same.p_value > 0.05
    other = squared_mmd(cloud(80, 3), cloud(70, 4, 1.0), permutations=200, bootstraps=200)
    assert 0 < other.low < other.value < other.high
    assert other.p_value == pytest.approx(1 / 201)


def test_the_permutation_test_keeps_its_level() -> None:
    """At the 10 % level, 60 honest pairs give 6 rejections on average; 15 lie four standard errors above."""
    rejected = sum(
        squared_mmd(cloud(20, 100 + i, d=2), cloud(20, 500 + i, d=2), 60, 2, seed=i).p_value <= 0.1 for i in range(60)
    )
    assert rejected <= 15


def test_the_bootstrap_of_the_discrepancy_covers_its_true_value() -> None:
    """The true value comes from samples ten times as large; of 30 intervals of 95 %, 23 at least must hold it."""
    true = squared_mmd(cloud(1500, 1, d=2), cloud(1500, 2, 0.8, d=2), 1, 1).value
    held = 0
    for i in range(30):
        found = squared_mmd(cloud(60, 1000 + i, d=2), cloud(60, 2000 + i, 0.8, d=2), 1, 200, seed=i)
        held += found.low <= true <= found.high
    assert held >= 23


def test_memory_grows_with_the_number_of_images_and_not_with_its_square() -> None:
    def peak(n: int) -> int:
        tracemalloc.start()
        squared_mmd(cloud(n, 1), cloud(n, 2), 4, 4, block=64)
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(1000)
    assert peak(4000) < 6 * peak(1000)


def test_identical_domains_are_not_told_apart() -> None:
    x = cloud(60, 5)
    copies = proxy_a_distance(x, x.copy())
    assert copies.low is not None
    assert copies.high is not None
    assert copies.low <= 0 <= copies.high
    assert copies.mean == pytest.approx(0.0, abs=1e-12)
    halves = proxy_a_distance(cloud(150, 6), cloud(150, 7))
    assert halves.low is not None
    assert halves.high is not None
    assert halves.low <= 0 <= halves.high
    assert abs(halves.mean) < 0.4


def test_domains_far_apart_are_told_apart_and_sizes_do_not_matter() -> None:
    far = proxy_a_distance(cloud(150, 6), cloud(20, 7, 5.0))
    assert far.mean == pytest.approx(2.0)
    # A classifier that always says "source" errs by a half here, not by an eighth.
    uneven = proxy_a_distance(cloud(210, 8), cloud(30, 9))
    assert abs(uneven.mean) < 0.6


@pytest.mark.parametrize("shift", [0.0, 0.3, 1.0])
def test_the_interval_of_the_a_distance_says_which_t_is_behind_it(shift: float) -> None:
    found = proxy_a_distance(cloud(60, 6), cloud(60, 7, shift), repeats=10)
    p = found.p_value()
    assert found.df == 9 and found.low is not None and found.high is not None and p is not None
    assert (p < 0.05) == (not found.low <= 0 <= found.high)


def test_the_a_distance_grows_with_the_shift() -> None:
    found = [proxy_a_distance(cloud(150, 6), cloud(150, 7, shift)).mean for shift in (0.0, 0.5, 1.0, 2.0)]
    assert found == sorted(found)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=30), st.lists(st.integers(0, 3), min_size=1, max_size=30))
def test_prior_distances_are_those_of_the_formulas(a: list[int], b: list[int]) -> None:
    found = prior_shift(np.array(a), np.array(b), 4, draws=50)
    p, q = naive.shares(a, 4), naive.shares(b, 4)
    assert found.total_variation.value == pytest.approx(naive.total_variation(p, q))
    assert found.jensen_shannon.value == pytest.approx(naive.jensen_shannon(p, q), abs=1e-12)
    for part in (found.total_variation, found.jensen_shannon):
        assert 0 <= part.low <= part.value + 1e-12
        assert part.value <= part.high + 1e-12 <= 1 + 2e-12
    assert 0 < found.p_value <= 1


def test_equal_priors_are_no_shift_and_other_ones_are() -> None:
    labels = np.repeat([0, 1, 2], [50, 30, 20])
    same = prior_shift(labels, labels, 3)
    assert (same.total_variation.value, same.total_variation.low, same.p_value) == (0.0, 0.0, 1.0)
    other = prior_shift(labels, np.repeat([0, 1, 2], [20, 30, 50]), 3)
    assert other.p_value < 0.01
    assert 0.1 < other.total_variation.low < 0.3 < other.total_variation.high


def test_the_scatter_share_is_that_of_the_formula() -> None:
    x, labels = cloud(24, 10), np.arange(24) % 3
    x[labels == 1] += 2
    y, other = cloud(15, 11, 100.0), np.arange(15) % 2
    found = scatter_ratio((x, labels), (y, other), bootstraps=20)
    source = naive.scatter_share(x.tolist(), labels.tolist())
    target = naive.scatter_share(y.tolist(), other.tolist())
    assert found.source.value == pytest.approx(source)
    assert found.target.value == pytest.approx(target)
    assert found.ratio.value == pytest.approx(target / source)


def test_the_interval_of_the_scatter_lies_around_its_value() -> None:
    labels = np.arange(120) % 6
    centres = 2 * cloud(6, 12)
    tight, wide = centres[labels] + 0.5 * cloud(120, 13), centres[labels] + 2.0 * cloud(120, 14)
    found = scatter_ratio((tight, labels), (wide, labels))
    for part in (found.source, found.target, found.ratio):
        assert part.low < part.value < part.high
    assert found.ratio.low > 1
    same = scatter_ratio((tight, labels), (centres[labels] + 0.5 * cloud(120, 15), labels))
    assert same.ratio.low < 1 < same.ratio.high


@pytest.mark.parametrize("few", [2, 3, 4])
def test_of_very_few_images_the_interval_is_still_one_of_numbers(few: int) -> None:
    found = squared_mmd(cloud(20, 1), cloud(few, 2), permutations=20)
    assert np.isfinite([found.value, found.low, found.high]).all() and found.low <= found.high


def test_the_same_seed_gives_the_same_numbers() -> None:
    x, y = cloud(30, 1), cloud(30, 2)
    assert squared_mmd(x, y, 20, 20, seed=3) == squared_mmd(x, y, 20, 20, seed=3)
    assert squared_mmd(x, y, 20, 20, seed=3) != squared_mmd(x, y, 20, 20, seed=4)
    assert proxy_a_distance(x, y, seed=3) == proxy_a_distance(x, y, seed=3)


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(ValueError, match="do not compare"):
        squared_mmd(cloud(5, 1), cloud(5, 2, d=3))
    with pytest.raises(ValueError, match="same features"):
        squared_mmd(np.ones((5, 2)), np.ones((5, 2)))
    with pytest.raises(ValueError, match="ten distinct images"):
        proxy_a_distance(cloud(3, 1), cloud(3, 2))
    with pytest.raises(ValueError, match="needs labels"):
        prior_shift(np.array([], dtype=np.int64), np.array([1]), 2)
    with pytest.raises(ValueError, match="no class has two images"):
        scatter_ratio((cloud(3, 1), np.arange(3)), (cloud(3, 1), np.arange(3)))
    twins = np.repeat(cloud(2, 1), 3, axis=0), np.repeat([0, 1], 3)
    with pytest.raises(ValueError, match="do not differ within a class"):
        scatter_ratio(twins, (cloud(6, 2), np.arange(6) % 2))
