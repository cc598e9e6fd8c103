"""Finding the hashes that differ in few bits among very many, without comparing all of them.

Multi-index hashing (Norouzi, Punjani & Fleet, Fast Search in Hamming Space with Multi-Index Hashing, CVPR 2012): of
64-bit hashes at most 4 r + 3 bits apart, one of the four 16-bit bands is at most r bits apart. So each hash is compared
only with those whose band is near its own, block by block, and memory does not depend on how many pairs there are.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

_BANDS = 4
_WIDTH = 16
_BUCKETS = 1 << _WIDTH
_BLOCK = 1 << 20
#: A band is looked up with at most two bits changed; farther hashes hardly mean the same picture.
MOST_BITS = 11

_ONES = np.array([number.bit_count() for number in range(_BUCKETS)], dtype=np.uint8)

Hashes = npt.NDArray[np.uint64]
Numbers = npt.NDArray[np.int64]


def hamming(left: Hashes, right: Hashes) -> npt.NDArray[np.uint8]:
    """Return in how many bits the hashes differ, uint8 [N], for two uint64 [N]."""
    bands = np.ascontiguousarray(left ^ right).view(np.uint16).reshape(-1, _BANDS)
    return np.asarray(_ONES[bands].sum(axis=1, dtype=np.uint8))


def near_groups(hashes: Hashes, limit: int) -> Numbers:
    """Return the number of each hash's group, int64 [N]: equal where a chain of near hashes joins two.

    Args:
        hashes: uint64 [N], in any order.
        limit: two hashes are near when at most so many bits differ; 0 to 11.
    """
    if not 0 <= limit <= MOST_BITS:
        raise ValueError(f"limit is {limit}, and 0 to {MOST_BITS} can be searched")
    distinct, place = np.unique(hashes, return_inverse=True)
    groups = np.arange(distinct.size, dtype=np.int64)
    if limit:
        for left, right in _near_pairs(distinct, limit):
            # Joined at once, so that a cloud of near hashes never has all its pairs in memory.
            links = (np.ones(left.size, dtype=bool), (groups[left], groups[right]))
            _, joined = connected_components(coo_array(links, shape=(distinct.size, distinct.size)), directed=False)
            groups = joined.astype(np.int64)[groups]
    return np.asarray(groups[place.reshape(-1)])


def _near_pairs(hashes: Hashes, limit: int) -> Iterator[tuple[Numbers, Numbers]]:
    """Yield blocks of row numbers of pairs at most `limit` bits apart; a pair may come more than once."""
    for band in range(_BANDS):
        values = (hashes >> np.uint64(band * _WIDTH) & np.uint64(_BUCKETS - 1)).astype(np.int64)
        order = np.argsort(values, kind="stable")
        starts = np.searchsorted(values[order], np.arange(_BUCKETS + 1))
        for mask in _masks(limit // _BANDS):
            wanted = values[order] ^ mask
            # Of two buckets the lower one asks, and within one each row asks for those behind it.
            first = starts[wanted] if mask else np.arange(1, order.size + 1)
            counts = starts[wanted + 1] - first
            counts[wanted < values[order]] = 0
            yield from _verified(hashes, order, first, counts, limit)


def _verified(
    hashes: Hashes, order: Numbers, first: Numbers, counts: Numbers, limit: int
) -> Iterator[tuple[Numbers, Numbers]]:
    ends = np.cumsum(counts)
    done = 0
    while done < counts.size:
        before = ends[done - 1] if done else 0
        stop = max(done + 1, int(np.searchsorted(ends, before + _BLOCK, side="right")))
        block = counts[done:stop]
        offsets = np.arange(block.sum()) - np.repeat(ends[done:stop] - block - before, block)
        left = np.repeat(order[done:stop], block)
        right = order[np.repeat(first[done:stop], block) + offsets]
        near = hamming(hashes[left], hashes[right]) <= limit
        if near.any():
            yield left[near], right[near]
        done = stop


def _masks(radius: int) -> list[int]:
    bits = range(_WIDTH)
    return [sum(1 << bit for bit in chosen) for n in range(radius + 1) for chosen in combinations(bits, n)]
