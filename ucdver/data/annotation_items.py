"""The items that an annotator is given: what it says it reads of an image, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from ucdver.data.annotation_cache import Values
from ucdver.data.annotator import Item
from ucdver.data.feeder import to_extra
from ucdver.data.manifest import Row
from ucdver.data.rows import MappedRows


class Items:
    """Makes the items of a batch of one domain's rows.

    Args:
        owner: the annotator's name.
        reads: what it is given of an image, and no more.
        rows: the domain's.
        images: their pictures, where it reads them.
        digests: the hash of each file by row id.
        needs: what other annotators gave for the rows, by name.
    """

    def __init__(
        self,
        owner: str,
        reads: Sequence[str],
        rows: Sequence[Row],
        images: MappedRows | None,
        digests: Mapping[str, str],
        needs: Mapping[str, Values],
    ) -> None:
        self._owner = owner
        self._reads = reads
        self._rows = rows
        self._images = images
        self._digests = digests
        self._needs = needs

    def of(self, numbers: Sequence[int]) -> list[Item]:
        """Return the items of the rows with these numbers."""
        rows = np.array(numbers, dtype=np.int64)
        images = self._images.gather(rows) if self._images is not None else None
        return [self._one(number, None if images is None else images[i]) for i, number in enumerate(numbers)]

    def _one(self, number: int, image: Tensor | None) -> Item:
        row = self._rows[number]
        annotations = {need: _plain(values[number]) for need, values in self._needs.items()}
        text = annotations.pop("text", None) if self._owner != "text" else row.text
        return Item(
            self._owner,
            image=image,
            digest=self._digests[row.id] if "digest" in self._reads else None,
            text=text if isinstance(text, str) else None,
            topic=row.topic if "topic" in self._reads else None,
            annotations=annotations,
        )


def _plain(value: object) -> str | Tensor:
    return value if isinstance(value, str) else to_extra(torch.from_numpy(np.array(value)))
