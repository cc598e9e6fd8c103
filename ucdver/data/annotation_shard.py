"""Rows of an annotation that were computed just now, on their way to the disk."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from ucdver.data.annotation_cache import AnnotationStore, RowKey, Values

#: What is computed is put on disk after so many seconds or bytes, whatever comes first.
SHARD_SECONDS = 30.0
SHARD_BYTES = 64 * 1024**2


class Shard:
    """Collects rows, and writes them when enough time has passed or enough bytes have come together.

    Args:
        store: where they are written.
        keys: what each row of the domain was made from.
    """

    def __init__(self, store: AnnotationStore, keys: Sequence[RowKey]) -> None:
        self._store = store
        self._keys = keys
        self._numbers: list[int] = []
        self._values: list[Values] = []
        self._since = time.monotonic()

    def add(self, numbers: Sequence[int], values: Values) -> None:
        """Take the values of the rows with these numbers."""
        self._numbers += numbers
        self._values.append(values)
        held = sum(part.nbytes for part in self._values if isinstance(part, np.ndarray))
        if time.monotonic() - self._since > SHARD_SECONDS or held > SHARD_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what was taken since the last time."""
        if self._numbers:
            self._store.write_shard([self._keys[n] for n in self._numbers], _joined(self._values))
        self._numbers, self._values, self._since = [], [], time.monotonic()


def _joined(parts: Sequence[Values]) -> Values:
    if isinstance(parts[0], list):
        return [text for part in parts for text in part]
    return np.concatenate([part for part in parts if isinstance(part, np.ndarray)])
