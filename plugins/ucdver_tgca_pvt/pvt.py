"""PVT v1: the pyramid vision transformer, with the parameter names of its public checkpoints."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import torch
from torch import Tensor, nn

from ucdver_tgca_pvt.blocks import EPS, STD, initialise, plain_block
from ucdver_tgca_pvt.convolutions import ConvEmbedding
from ucdver_tgca_pvt.pyramids import STAGES, Pyramid
from ucdver_tgca_pvt.trunk import Stage, TokenPyramid


class PatchEmbedding(nn.Module):
    """Cut a map into patches that do not overlap, and make each a token."""

    def __init__(self, channels: int, width: int, patch: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(channels, width, patch, stride=patch)
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        """Return tokens [B, N, C'], row by row, of a map [B, C, H, W]."""
        tokens: Tensor = self.norm(self.proj(x).flatten(2).transpose(1, 2))
        return tokens


class PyramidVisionTransformer(TokenPyramid):
    """PVT v1 without its classifier; its features are the class token of the last stage.

    Paper: Wang et al., Pyramid Vision Transformer: A Versatile Backbone for Dense Prediction without Convolutions,
    ICCV 2021.
    """

    def __init__(self, name: str, pyramid: Pyramid, channels: int) -> None:
        super().__init__(name, pyramid)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, pyramid.widths[-1]))
        for number in range(STAGES):
            width, label = pyramid.widths[number], number + 1
            count = pyramid.grid(number, pyramid.side) ** 2 + (label == STAGES)
            block = (width, pyramid.heads[number], pyramid.reductions[number], pyramid.mlp_ratios[number])
            embedding = PatchEmbedding if pyramid.embedding == "patch" else ConvEmbedding
            self.add_module(f"patch_embed{label}", embedding(channels, width, pyramid.patches[number]))
            self.register_parameter(f"pos_embed{label}", nn.Parameter(torch.zeros(1, count, width)))
            self.add_module(f"block{label}", nn.ModuleList(plain_block(*block) for _ in range(pyramid.depths[number])))
            channels = width
        self.norm = nn.LayerNorm(pyramid.widths[-1], eps=EPS)
        self.apply(initialise)
        for parameter in (self.cls_token, *(self.get_parameter(f"pos_embed{label + 1}") for label in range(STAGES))):
            nn.init.trunc_normal_(parameter, std=STD)

    def stages(self) -> Iterator[Stage]:
        """Yield the four stages."""
        for label in range(1, STAGES + 1):
            yield Stage(
                self.get_submodule(f"patch_embed{label}"),
                self.get_parameter(f"pos_embed{label}"),
                cast(nn.ModuleList, self.get_submodule(f"block{label}")),
            )
