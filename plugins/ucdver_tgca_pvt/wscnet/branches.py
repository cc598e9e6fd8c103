"""The two branches of WSCNet: a sentiment map detected, and coupled with the features."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

Pooling = Literal["average", "maximum"]


class CoupledBranches(nn.Module):
    """Detect a map of the sentiment by a 1x1 convolution, and weight the features by it.

    The convolution makes M maps for each of K classes. Their mean over M is the class's map, and their cross-spatial
    pooling its score v_k, the detection logit. S = sum_k v_k map_k / K is the sentiment map, its weights the logits as
    they are. The coupled vector is the spatial mean of the features and of their product with S.

    Args:
        width: C.
        classes: K.
        maps: M.
        pooling: over places, of each of a class's maps before their mean is taken. The order is of no account for
            `average`.
    """

    def __init__(self, width: int, classes: int, maps: int, pooling: Pooling) -> None:
        super().__init__()
        self.classes = classes
        self.pooling = pooling
        self.detect = nn.Conv2d(width, classes * maps, 1)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return detection logits [B, K] and coupled vectors [B, 2 C] of features [B, C, H, W]."""
        logits, sentiment = self.sentiment(features)
        return logits, torch.cat([features.mean(dim=(2, 3)), (features * sentiment).mean(dim=(2, 3))], dim=1)

    def sentiment(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return detection logits [B, K] and the sentiment map [B, 1, H, W] of features [B, C, H, W]."""
        maps = self.detect(features).unflatten(1, (self.classes, -1))
        pooled = maps.mean(dim=(3, 4)) if self.pooling == "average" else maps.amax(dim=(3, 4))
        logits = pooled.mean(dim=2)
        weighted = logits[:, :, None, None] * maps.mean(dim=2)
        return logits, weighted.mean(dim=1, keepdim=True)
