"""Class names as token vectors, ready to be put behind learnt context tokens."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ucdver import SpecError
from ucdver_vlm.text_tower import TextTower


class ClassNames(nn.Module):
    """Puts prompts together: start, context tokens, a class's name with a full stop, end.

    Args:
        texts: gives the vectors of the names; not kept.
        names: one for each class, in class order.
        context: how many context tokens there will be; more than the text encoder has places for is a SpecError.
    """

    start: Tensor
    tails: Tensor
    lengths: Tensor

    def __init__(self, texts: TextTower, names: Sequence[str], context: int) -> None:
        super().__init__()
        with torch.no_grad():
            vectors, ends = texts.words([f"{name}." for name in names])
        longest = vectors.shape[1] + context
        if longest > texts.positions:
            raise SpecError(
                f"prompts of {longest} tokens do not fit the {texts.positions} places of CLIP's text encoder",
                "take fewer context tokens",
            )
        self.register_buffer("start", vectors[0, :1], persistent=False)
        self.register_buffer("tails", vectors[:, 1:], persistent=False)
        self.register_buffer("lengths", ends, persistent=False)

    def forward(self, context: Tensor) -> tuple[Tensor, Tensor]:
        """Return the prompts of n contexts for all K classes, class by class within each context.

        Args:
            context: [n, C, width], the same for every class, or [n, K, C, width].

        Returns:
            token vectors [n * K, T, width] and the place [n * K] of each end.
        """
        classes = len(self.tails)
        if context.dim() == 3:
            context = context.unsqueeze(1).expand(-1, classes, -1, -1)
        count, _, tokens, width = context.shape
        start = self.start.expand(count, classes, 1, width)
        tails = self.tails.expand(count, *self.tails.shape)
        vectors = torch.cat([start, context.to(start.dtype), tails], dim=2).flatten(0, 1)
        return vectors, (self.lengths + tokens).repeat(count)
