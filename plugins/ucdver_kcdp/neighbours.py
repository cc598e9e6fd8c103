"""Captions without a captioner: the texts of the source images that are most like a picture."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256

import torch
from torch import Tensor

from ucdver import DataError, Item


class Neighbours:
    """Finds the source images nearest to a picture by frozen features, and joins the texts that they have.

    Only a task's training sources are ever in it, so that a caption says nothing of a target but what it looks like. A
    source image is no neighbour of itself, or captions of the source would be of another kind than those of the target:
    what is the same pixel by pixel is passed over, and of several such images the first that has a text is kept.

    Args:
        embed: gives unit vectors [n, d] of pictures, each uint8 [C, H, W].
        top: how many neighbours' texts make a caption, nearest first.
        batches: the images that are shown of the task's sources, with their texts; those without one are left out.

    Raises:
        DataError: none of them has a text.
    """

    def __init__(
        self, embed: Callable[[Sequence[Tensor]], Tensor], top: int, batches: Iterable[Sequence[Item]]
    ) -> None:
        self._embed = embed
        self._top = top
        self._texts: list[str] = []
        #: Which row a picture is, by its pixels.
        self._number: dict[bytes, int] = {}
        features: list[Tensor] = []
        for batch in batches:
            new = self._new(batch)
            if new:
                features.append(embed(new))
        if not features:
            raise DataError(
                "no image of the task's sources has a text, and retrieval gives theirs to others",
                "ucdver prepare SUITE --import text=FILE.jsonl, or another source of captions",
            )
        self._features = torch.cat(features)

    def captions(self, images: Sequence[Tensor]) -> list[str]:
        """Return one caption for each picture, uint8 [C, H, W]; empty where there is no source image but itself."""
        likeness = self._embed(images) @ self._features.T
        own = torch.tensor([self._number.get(_pixels(image), -1) for image in images], device=likeness.device)
        itself = own[:, None] == torch.arange(len(self._texts), device=likeness.device)
        near = likeness.masked_fill(itself, -torch.inf).topk(min(self._top, len(self._texts)), dim=1)
        found = zip(near.values.tolist(), near.indices.tolist(), strict=True)
        return [self._joined([i for like, i in zip(*row, strict=True) if like > -torch.inf]) for row in found]

    def _new(self, batch: Sequence[Item]) -> list[Tensor]:
        """Keep the texts of the pictures that have one and were not there before, and return these pictures."""
        new = []
        for item in batch:
            text, picture = item.text.strip().rstrip(". "), _pixels(item.image)
            if text and picture not in self._number:
                self._number[picture] = len(self._texts)
                self._texts.append(text)
                new.append(item.image)
        return new

    def _joined(self, numbers: Sequence[int]) -> str:
        texts = dict.fromkeys(self._texts[i] for i in numbers)
        return ". ".join(texts) + "." if texts else ""


def _pixels(image: Tensor) -> bytes:
    return sha256(image.numpy().tobytes()).digest()
