"""The annotators that every ucdver has: the text of an image, and its topic as a number."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor

from ucdver.data.annotator import Annotator, Item


class Text(Annotator):
    """Gives the row's text as it is."""

    def annotate(self, items: Sequence[Item]) -> list[str]:
        """Return the texts."""
        return [item.text for item in items]


class Topic(Annotator):
    """Gives group ids, int64 [B]: the same for the same topic, in every data set.

    An image without a topic forms a group of its own, apart from copies of the same file. The numbers are hashes, so
    they depend neither on labels nor on what other images there are.
    """

    dtype = "int64"
    batch_size = 4096

    def annotate(self, items: Sequence[Item]) -> Tensor:
        """Return the ids, each in [0, 2^63)."""
        names = [f"topic {item.topic}" if item.topic else f"image {item.digest}" for item in items]
        digests = [hashlib.sha256(name.encode()).digest() for name in names]
        return torch.tensor([int.from_bytes(digest[:8], "big") >> 1 for digest in digests], dtype=torch.int64)
