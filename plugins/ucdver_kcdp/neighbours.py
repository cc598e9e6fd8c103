"""Captions without a captioner: the texts of the source images that are most like a picture."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256

import torch
from torch import Tensor

from ucdver import DataError, Item


class Neighbours:
    """Finds the source images nearest to a picture by frozen features, and joins the texts that they have.

    Only a task's sources are ever in it, so that a caption says nothing of a target but what it looks like. A picture's
    own text is never its caption either: on the source, what is the same pixel by pixel is passed over, or captions of
    the source would be of another kind than those of the target.

    Args:
        embed: gives unit vectors [n, d] of pictures, each uint8 [3, H, W].
        top: how many neighbours' texts make a caption, nearest first.
        batches: all images of the task's sources, with their texts; those without a text are left out.

    Raises:
        DataError: none of them has a text.
    """

    def __init__(
        self, embed: Callable[[Sequence[Tensor]], Tensor], top: int, batches: Iterable[Sequence[Item]]
    ) -> None:
        self._embed = embed
        self._top = top
        self._texts: list[str] = []
        pictures: list[bytes] = []
        features: list[Tensor] = []
        for batch in batches:
            told = [item for item in batch if item.text.strip()]
            if told:
                features.append(embed([item.image for item in told]))
                self._texts += [item.text.strip().rstrip(".") for item in told]
                pictures += [_pixels(item.image) for item in told]
        if not features:
            raise DataError(
                "no image of the task's sources has a text, and retrieval gives theirs to others",
                "ucdver prepare SUITE --import text=FILE.jsonl, or another source of captions",
            )
        self._features = torch.cat(features)
        self._number = {picture: number for number, picture in enumerate(dict.fromkeys(pictures))}
        numbers = [self._number[picture] for picture in pictures]
        self._numbers = torch.tensor(numbers, device=self._features.device)

    def captions(self, images: Sequence[Tensor]) -> list[str]:
        """Return one caption for each picture, uint8 [3, H, W]; empty where there is no source image but itself."""
        likeness = self._embed(images) @ self._features.T
        own = torch.tensor([self._number.get(_pixels(image), -1) for image in images], device=likeness.device)
        likeness = likeness.masked_fill(own[:, None] == self._numbers, -torch.inf)
        near = likeness.topk(min(self._top, len(self._texts)), dim=1)
        found = zip(near.values.tolist(), near.indices.tolist(), strict=True)
        return [self._joined([i for like, i in zip(*row, strict=True) if like > -torch.inf]) for row in found]

    def _joined(self, numbers: Sequence[int]) -> str:
        texts = dict.fromkeys(self._texts[i] for i in numbers)
        return ". ".join(texts) + "." if texts else ""


def _pixels(image: Tensor) -> bytes:
    return sha256(image.numpy().tobytes()).digest()
