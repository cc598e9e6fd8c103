from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucdver.data import near
from ucdver.data.near import hamming, near_groups


def naive_groups(hashes: list[int], limit: int) -> list[set[int]]:
    """Group by comparing everything with everything."""
    groups = [{number} for number in range(len(hashes))]
    for i in range(len(hashes)):
        for j in range(i):
            if (hashes[i] ^ hashes[j]).bit_count() <= limit:
                first = next(group for group in groups if i in group)
                second = next(group for group in groups if j in group)
                if first is not second:
                    groups.remove(second)
                    first |= second
    return groups


@st.composite
def clouds(draw: st.DrawFn) -> list[int]:
    """Hashes around few centres, so that distances near the limit are common."""
    centres = draw(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=3))
    flips = st.lists(st.integers(0, 63), max_size=13)
    return [
        draw(st.sampled_from(centres)) ^ sum(1 << bit for bit in set(draw(flips)))
        for _ in range(draw(st.integers(0, 14)))
    ]


@given(clouds(), st.integers(0, 11))
def test_groups_are_those_of_comparing_everything(hashes: list[int], limit: int) -> None:
    found = near_groups(np.array(hashes, dtype=np.uint64), limit)
    grouped = {frozenset(np.flatnonzero(found == name).tolist()) for name in set(found.tolist())}
    assert grouped == {frozenset(group) for group in naive_groups(hashes, limit)}


def test_small_blocks_find_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.Generator(np.random.Philox(5))
    centres = rng.integers(0, 1 << 64, 6, dtype=np.uint64)
    hashes = centres[rng.integers(0, 6, 300)] ^ (np.uint64(1) << rng.integers(0, 64, 300).astype(np.uint64))
    whole = near_groups(hashes, 2)
    monkeypatch.setattr(near, "_BLOCK", 7)
    assert (near_groups(hashes, 2) == whole).all()
    assert len(set(whole.tolist())) == 6


def test_distances_are_counted_bit_by_bit() -> None:
    left = np.array([0, 2**64 - 1, 0b1011], dtype=np.uint64)
    right = np.array([0, 0, 0b0110], dtype=np.uint64)
    assert hamming(left, right).tolist() == [0, 64, 3]


def test_a_limit_that_cannot_be_searched_is_refused() -> None:
    with pytest.raises(ValueError, match="0 to 11"):
        near_groups(np.zeros(1, dtype=np.uint64), 12)
