"""The neck: a feature pyramid over the scales of the U-Net, and one vector an image."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torchvision.ops import FeaturePyramidNetwork

#: Channels of every level, in the release.
WIDTH = 256


class PyramidNeck(nn.Module):
    """A feature pyramid (Lin et al., CVPR 2017) whose levels are averaged over space and put side by side.

    Args:
        channels: of the scales that come in, finest first.
        width: of each level that goes out.
    """

    def __init__(self, channels: Sequence[int], width: int = WIDTH) -> None:
        super().__init__()
        self.fpn = FeaturePyramidNetwork(list(channels), width)
        self.num_features = len(channels) * width

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Return [B, levels * width] for features [B, C_i, h_i, w_i], finest first."""
        levels = self.pyramid(features)
        return torch.cat([level.mean((2, 3)) for level in levels], dim=1)

    def pyramid(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Return the levels [B, width, h_i, w_i], finest first."""
        levels: dict[str, Tensor] = self.fpn({str(i): level for i, level in enumerate(features)})
        return list(levels.values())
