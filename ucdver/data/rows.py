"""Rows of memory maps that are read when a batch asks for them, so that a worker need not hold a domain."""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Indices = npt.NDArray[np.int64]

#: Scattered rows up to this many bytes are copied into memory: a gather is then one index of one tensor.
HELD_BYTES = 64 * 1024**2
#: So many bytes may be mapped in by gathering before they are given back; the system keeps its own copy while it can.
MAPPED_BYTES = 64 * 1024**2


@dataclass(frozen=True)
class Part:
    """Rows `numbers` (int64) of `array` [N, ...], which usually is a memory map."""

    array: npt.NDArray[Any]
    numbers: Indices

    @property
    def unbroken(self) -> bool:
        """Whether the rows are one ascending stretch."""
        n = self.numbers
        return bool(n.size and n[-1] - n[0] + 1 == n.size and (np.diff(n) == 1).all())


class MappedRows:
    """Rows of several arrays laid end to end, looked up when they are asked for; to read, like a CPU tensor [N, ...].

    Args:
        parts: at least one; all arrays have the same type and the same shape but for the number of rows.
    """

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = tuple(parts)
        first = parts[0].array
        self._starts = np.cumsum([0, *(part.numbers.size for part in parts)])
        self.shape = torch.Size((int(self._starts[-1]), *first.shape[1:]))
        self.dtype = torch.from_numpy(np.empty(0, first.dtype)).dtype
        self._type = first.dtype
        self._mapped = 0

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def nbytes(self) -> int:
        """Bytes of all rows together, on disk."""
        return int(np.prod(self.shape, dtype=np.int64)) * self._type.itemsize

    def __getitem__(self, which: slice | Tensor) -> Tensor:
        """Return the rows of a slice, or of an int64 tensor, as a new CPU tensor."""
        if isinstance(which, slice):
            return self.gather(np.arange(*which.indices(len(self)), dtype=np.int64))
        return self.gather(which.cpu().numpy())

    def gather(self, rows: Indices, out: Tensor | None = None) -> Tensor:
        """Return the given rows [len(rows), ...] as a CPU tensor, in `out` where it is given."""
        if rows.size and not 0 <= rows.min() <= rows.max() < len(self):
            raise IndexError(f"rows {rows.min()} to {rows.max()} of {len(self)}")
        found = torch.empty((rows.size, *self.shape[1:]), dtype=self.dtype) if out is None else out
        into = found.numpy()
        if len(self._parts) == 1:
            part = self._parts[0]
            # The rows are known to be there; in its mode "raise" numpy would copy through a buffer.
            np.take(part.array, part.numbers[rows], axis=0, out=into, mode="clip")
        else:
            of = np.searchsorted(self._starts, rows, side="right") - 1
            for number in np.unique(of):
                part, here = self._parts[number], np.flatnonzero(of == number)
                into[here] = part.array[part.numbers[rows[here] - self._starts[number]]]
        self._mapped += into.nbytes
        if self._mapped > MAPPED_BYTES:
            self._give_back()
        return found

    def take(self, which: Indices) -> MappedRows:
        """Return the rows `which`, ascending, looked up when they are asked for like these."""
        bounds = np.searchsorted(which, self._starts)
        kept = [
            Part(part.array, part.numbers[which[low:high] - start])
            for part, low, high, start in zip(self._parts, bounds[:-1], bounds[1:], self._starts[:-1], strict=True)
        ]
        return MappedRows(kept)

    def _give_back(self) -> None:
        """Unmap the pages read so far; nothing was written to them, so they can be read again."""
        self._mapped = 0
        for part in self._parts:
            held: object = part.array
            while isinstance(held, np.ndarray) and held.base is not None:
                held = held.base
            if isinstance(held, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
                held.madvise(mmap.MADV_DONTNEED)


class ViewedRows:
    """Rows [N, ...] of which several versions are stored [N, V, ...]: to read, as if there were the first alone.

    Args:
        rows: all versions [N * V, ...], those of one row after the other.
        views: V.
    """

    def __init__(self, rows: Tensor | MappedRows, views: int) -> None:
        self.all = rows
        self.views = views
        self.shape = torch.Size((len(rows) // views, *rows.shape[1:]))
        self.dtype = rows.dtype

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def nbytes(self) -> int:
        """Bytes of all versions together."""
        return self.all.nbytes

    def draw(self, count: int) -> Tensor:
        """Return so many numbers of versions, int64, from torch's default generator on the CPU."""
        return torch.randint(self.views, (count,))

    def __getitem__(self, which: slice | Tensor) -> Tensor:
        """Return the first version of the rows of a slice, or of an int64 tensor."""
        rows = torch.arange(*which.indices(len(self))) if isinstance(which, slice) else which
        return self.all[rows * self.views]


#: What a view holds: a tensor where it is small or whole, else rows that are looked up.
Rows = Tensor | MappedRows | ViewedRows


def select_rows(rows: Rows, which: Tensor) -> Rows:
    """Return the rows `which` (int64): of a tensor, or where they do not ascend, a copy, else without reading any."""
    if not bool((which[1:] >= which[:-1]).all()):
        return rows[which]
    if isinstance(rows, MappedRows):
        return rows.take(which.numpy())
    if isinstance(rows, ViewedRows):
        versions = (which[:, None] * rows.views + torch.arange(rows.views)).flatten()
        return ViewedRows(cast("Tensor | MappedRows", select_rows(rows.all, versions)), rows.views)
    return rows[which]


def as_viewed_rows(parts: Sequence[Part]) -> ViewedRows:
    """Return the rows of arrays [n, V, ...] whose second axis is versions of one thing; V is the same in all."""
    views = parts[0].array.shape[1]
    flat = [
        Part(
            part.array.reshape(-1, *part.array.shape[2:]),
            (part.numbers[:, None] * views + np.arange(views, dtype=np.int64)).ravel(),
        )
        for part in parts
    ]
    return ViewedRows(as_rows(flat), views)


def as_rows(parts: Sequence[Part]) -> Tensor | MappedRows:
    """Return the rows of all parts: one tensor where they fit in `HELD_BYTES`, else `MappedRows`.

    A small unbroken stretch of one array stays on that array, without a copy.
    """
    rows = MappedRows(parts)
    if rows.nbytes > HELD_BYTES:
        return rows
    if len(parts) == 1 and parts[0].unbroken:
        first, last = parts[0].numbers[[0, -1]]
        return torch.from_numpy(parts[0].array[first : last + 1])
    return rows[:]
