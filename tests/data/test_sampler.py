from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucdver.data.sampler import CounterSampler
from ucdver.errors import DataError

SIZES, BATCHES = st.integers(1, 30), st.integers(1, 40)


@given(SIZES, BATCHES, st.integers(1, 12))
def test_every_image_is_seen_exactly_once_an_epoch(size: int, batch: int, steps: int) -> None:
    sampler = CounterSampler(size, batch, 0, "source")
    order = np.concatenate([sampler.indices(step) for step in range(steps)])
    assert order.shape == (steps * batch,) and order.dtype == np.int64
    for start in range(0, len(order) - size + 1, size):
        assert sorted(order[start : start + size]) == list(range(size))


@given(SIZES, BATCHES, st.lists(st.integers(0, 40), min_size=1, max_size=8))
def test_a_batch_depends_on_its_step_alone(size: int, batch: int, steps: list[int]) -> None:
    used = CounterSampler(size, batch, 3, "target")
    for step in steps:
        np.testing.assert_array_equal(used.indices(step), CounterSampler(size, batch, 3, "target").indices(step))


@given(SIZES, BATCHES, st.integers(0, 50))
def test_epochs_are_counted_by_images(size: int, batch: int, step: int) -> None:
    sampler = CounterSampler(size, batch, 0)
    assert sampler.epoch(step) == (step * batch) // size
    assert sampler.steps_per_epoch == -(-size // batch)


def test_the_batch_size_does_not_change_the_order() -> None:
    few, many = CounterSampler(10, 2, 1, "s"), CounterSampler(10, 5, 1, "s")
    np.testing.assert_array_equal(
        np.concatenate([few.indices(step) for step in range(10)]),
        np.concatenate([many.indices(step) for step in range(4)]),
    )


def test_seeds_streams_and_epochs_differ() -> None:
    orders = {
        tuple(CounterSampler(20, 20, *parts).indices(step))
        for parts in ((0, "s"), (1, "s"), (0, "t"))
        for step in (0, 1)
    }
    assert len(orders) == 6


def test_orders_are_uniform() -> None:
    # Each image is as often first as any other: chi-squared with 4 degrees of freedom, 1 in 10,000.
    firsts = [CounterSampler(5, 5, seed).indices(0)[0] for seed in range(2000)]
    counts = np.bincount(firsts, minlength=5)
    assert ((counts - 400) ** 2 / 400).sum() < 23.5


def test_a_step_of_a_large_domain_does_not_make_its_permutation_again(monkeypatch: pytest.MonkeyPatch) -> None:
    sampler = CounterSampler(1000, 10, 0)
    made: list[int] = []
    original = CounterSampler._permutation

    def counted(self: CounterSampler, epoch: int) -> npt.NDArray[np.int64]:
        made.append(epoch)
        return original(self, epoch)

    monkeypatch.setattr(CounterSampler, "_permutation", counted)
    for step in range(250):
        sampler.indices(step)
    assert made == [0, 1, 2]


def test_nothing_to_sample_from_is_a_data_error() -> None:
    with pytest.raises(DataError, match="no images to sample from"):
        CounterSampler(0, 4, 0)
    with pytest.raises(ValueError, match="no batch"):
        CounterSampler(4, 0, 0)
