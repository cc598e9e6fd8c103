"""Student's interval: known values, what it refuses, and its coverage."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from ucdver.stats.intervals import sum_interval, t_interval

#: Quantiles of Student's t at 97.5 %, from printed tables.
T975 = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776, 10: 2.262}


@given(st.sampled_from(sorted(T975)).flatmap(lambda n: st.lists(st.floats(-1, 1), min_size=n, max_size=n)))
def test_it_equals_the_textbook_formula(values: list[float]) -> None:
    found = t_interval(values)
    mean = sum(values) / len(values)
    std = math.sqrt(sum((v - mean) ** 2 for v in values) / (len(values) - 1))
    half = T975[len(values)] * std / math.sqrt(len(values))
    assert found.mean == pytest.approx(mean, abs=1e-12)
    assert found.std == pytest.approx(std, abs=1e-9)
    assert found.half_width == pytest.approx(half, rel=1e-3, abs=1e-9)
    assert found.n == len(values)


def test_one_value_has_no_interval() -> None:
    found = t_interval([0.5])
    assert (found.mean, found.low, found.high, found.std, found.n) == (0.5, None, None, None, 1)
    assert found.half_width is None


@pytest.mark.parametrize("values", [[], [math.nan, 0.1], [math.inf]])
def test_what_has_no_mean_is_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match="needs"):
        t_interval(values)


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95.0])
def test_a_confidence_that_is_none_is_refused(confidence: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        t_interval([0.1, 0.2], confidence)


@given(st.floats(-50, 50), st.integers(2, 9))
def test_equal_values_have_no_deviation(value: float, n: int) -> None:
    found = t_interval([value] * n)
    assert (found.mean, found.low, found.high, found.std) == (value, value, value, 0.0)


def test_the_mean_does_not_depend_on_the_order() -> None:
    values = [0.1, 0.2, 0.3, 0.7]
    assert t_interval(values) == t_interval(values[::-1])


@pytest.mark.parametrize("confidence", [0.5, 0.95])
def test_it_covers_the_truth_as_often_as_it_says(confidence: float) -> None:
    draws = np.random.Generator(np.random.Philox(7)).normal(0.6, 0.02, size=(4000, 3)).tolist()
    intervals = [t_interval(row, confidence) for row in draws]
    covered = sum(i.low <= 0.6 <= i.high for i in intervals if i.low is not None and i.high is not None)
    # Four standard errors of a proportion over 4000 draws.
    slack = 4 * math.sqrt(confidence * (1 - confidence) / len(draws))
    assert covered / len(draws) == pytest.approx(confidence, abs=slack)


PARTS = st.lists(st.lists(st.floats(0, 1), min_size=2, max_size=5), min_size=1, max_size=6)


@given(PARTS)
def test_a_sum_of_one_part_is_students_interval_and_of_several_welchs(parts: list[list[float]]) -> None:
    found = sum_interval(parts)
    means, errors = [np.mean(p) for p in parts], [np.var(p, ddof=1) / len(p) for p in parts]
    assert found.mean == pytest.approx(sum(means), abs=1e-9)
    assert found.half_width is not None
    if sum(errors) < 1e-12:
        assert found.half_width < 1e-4
        return
    df = sum(errors) ** 2 / sum(e**2 / (len(p) - 1) for e, p in zip(errors, parts, strict=True))
    assert found.half_width == pytest.approx(scipy.stats.t.ppf(0.975, df) * sum(errors) ** 0.5, rel=1e-6)
    assert min(len(p) for p in parts) - 1 - 1e-6 <= df <= sum(len(p) - 1 for p in parts) + 1e-6


def test_a_sum_of_uneven_parts_covers_the_truth_about_as_often_as_it_says() -> None:
    draws = np.random.Generator(np.random.Philox(5))
    spreads = np.array([0.02, 0.05, 0.0, 0.1, 0.01, 0.03, 0.03])
    hits = 0
    for _ in range(2000):
        found = sum_interval((draws.normal(1.0, 1.0, (7, 3)) * spreads[:, None] / 7).tolist())
        truth = float(spreads.sum()) / 7
        assert found.low is not None and found.high is not None
        hits += found.low <= truth <= found.high
    # Satterthwaite's approximation may be a little wide where one part dominates, and never much too narrow.
    assert 0.93 <= hits / 2000 <= 0.985


def test_a_p_value_is_that_of_the_t_test() -> None:
    values = [0.02, 0.05, -0.01, 0.04]
    assert t_interval(values).p_value() == pytest.approx(scipy.stats.ttest_1samp(values, 0.0).pvalue)
    assert t_interval(values, 0.9).p_value(0.9) == pytest.approx(scipy.stats.ttest_1samp(values, 0.0).pvalue)
    assert t_interval([0.1]).p_value() is None
    assert (t_interval([0.0, 0.0]).p_value(), t_interval([0.1, 0.1]).p_value()) == (None, None)


def test_a_part_without_a_spread_of_its_own_gives_no_interval() -> None:
    assert sum_interval([[0.1, 0.2], [0.3]]).half_width is None
    for bad in ([], [[0.1], []], [[float("nan")]]):
        with pytest.raises(ValueError):
            sum_interval(bad)
