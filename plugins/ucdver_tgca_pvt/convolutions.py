"""Tokens by overlapping convolutions, for pyramids that learn from a few hundred pictures."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ConvEmbedding(nn.Module):
    """Halve a map by 3x3 convolutions, which overlap, until a token is left for each patch of the published cut.

    A batch norm and a ReLU follow each; each doubles the width. A patch of one pixel gets one convolution of
    stride 1. Not of PVT v1 nor of TGCA-PVT. A stem of convolutions: Xiao et al., Early Convolutions Help Transformers
    See Better, NeurIPS 2021; overlapping patches between stages: Wang et al., PVT v2, Computational Visual Media 2022.

    Args:
        channels: C.
        width: C'.
        patch: side of the patch, a power of 2.
    """

    def __init__(self, channels: int, width: int, patch: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for left in range(max(0, patch.bit_length() - 2), -1, -1):
            narrow = width >> left
            layers += [
                nn.Conv2d(channels, narrow, 3, stride=min(2, patch), padding=1, bias=False),
                nn.BatchNorm2d(narrow),
                nn.ReLU(inplace=True),
            ]
            channels = narrow
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """Return tokens [B, N, C'], row by row, of a map [B, C, H, W]."""
        # Channels last is what convolutions of these sizes are fastest in on a CPU, and what tokens are.
        tokens: Tensor = self.layers(x.contiguous(memory_format=torch.channels_last)).flatten(2).transpose(1, 2)
        return tokens
