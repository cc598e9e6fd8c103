"""What a token network asks of the pyramid that it is built on."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import NamedTuple, cast

import torch
from timm.layers.drop import DropPath
from torch import Tensor, nn
from torch.nn import functional as F

from ucdver import SpecError
from ucdver_tgca_pvt.blocks import Block, as_map
from ucdver_tgca_pvt.pyramids import STAGES, Pyramid


class Stage(NamedTuple):
    """The parts of one stage.

    Attributes:
        embed: makes tokens [B, N, C], row by row, of a map.
        position: [1, N, C], with a class token [1, 1 + N, C]; None where positions are not embedded.
        blocks: of the class `Block`.
        norm: of the stage's tokens before the next stage; None where there is none, as after the last stage, whose norm
            is the pyramid's.
    """

    embed: nn.Module
    position: nn.Parameter | None
    blocks: nn.ModuleList
    norm: nn.Module | None = None


class TokenPyramid(nn.Module):
    """A pyramid of four stages of tokens, v1 or v2, taken apart so that a token network can run them one by one.

    Its features are the normed class token of the last stage or, without one, the mean of that stage's normed tokens.
    A subclass sets `norm` and, where it has one, `cls_token`.
    """

    cls_token: nn.Parameter | None
    norm: nn.Module

    def __init__(self, name: str, pyramid: Pyramid) -> None:
        super().__init__()
        self.name = name
        self.pyramid = pyramid

    @abstractmethod
    def stages(self) -> Iterator[Stage]:
        """Yield the four stages."""

    def forward(self, images: Tensor) -> Tensor:
        """Return features [B, widths[-1]] of normalised images [B, C, S, S]."""
        self.check(images)
        x = tokens = images
        for number, stage in enumerate(self.stages()):
            grid = self.grid(number, x)
            tokens = stage.embed(x)
            if stage.position is not None:
                own, position = split_position(stage.position, grid, has_class_slot=number == STAGES - 1)
                tokens = tokens + position
                if own is not None and self.cls_token is not None:
                    tokens = torch.cat([(self.cls_token + own).expand(len(tokens), -1, -1), tokens], dim=1)
            for block in stage.blocks:
                tokens, _ = block(tokens, grid)
            if number < STAGES - 1:
                x = as_map(tokens if stage.norm is None else stage.norm(tokens), grid)
        features: Tensor = self.norm(tokens if self.cls_token is None else tokens[:, :1]).mean(1)
        return features

    def set_drop_path(self, rate: float) -> None:
        """Let training drop residual paths with a probability that grows from 0 at the first block to `rate`."""
        blocks = [block for stage in self.stages() for block in stage.blocks]
        for block, probability in zip(blocks, torch.linspace(0, rate, len(blocks)).tolist(), strict=True):
            cast(Block, block).drop_path = DropPath(probability)

    def check(self, images: Tensor) -> None:
        """Refuse pictures that are not square, or whose side leaves a token without its pixels."""
        height, width = images.shape[-2:]
        step = self.pyramid.step
        if height != width or height % step or height < step:
            raise SpecError(
                f"backbone '{self.name}' takes square pictures whose side is a multiple of {step}, "
                f"not {height}x{width}",
                f"set size = {max(step, round(height / step) * step)} in [recipe.image]",
            )

    def grid(self, stage: int, x: Tensor) -> tuple[int, int]:
        """Return the grid of tokens that stage `stage` (0 to 3) makes of its input map [B, C, H, W]."""
        return self.pyramid.shrink(stage, x.shape[-2]), self.pyramid.shrink(stage, x.shape[-1])


def split_position(position: Tensor, grid: tuple[int, int], has_class_slot: bool) -> tuple[Tensor | None, Tensor]:
    """Return the class token's slot [1, 1, C], if there is one, and the embeddings [1, H * W, C] of a grid.

    Those of another grid are resized bilinearly, without aligned corners, from the square one they were made for.
    """
    own, rest = (position[:, :1], position[:, 1:]) if has_class_slot else (None, position)
    side = round(rest.shape[1] ** 0.5)
    if (side, side) != grid:
        resized = F.interpolate(as_map(rest, (side, side)), size=grid, mode="bilinear", align_corners=False)
        rest = resized.flatten(2).transpose(1, 2)
    return own, rest
