"""The pyramids that are registered, as numbers; read without torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

STAGES = 4

#: How a stage makes tokens of its input map; see `Pyramid`.
Embedding = Literal["patch", "conv"]


@dataclass(frozen=True)
class Pyramid:
    """The numbers of one pyramid vision transformer, a tuple having one entry for each of the four stages.

    Attributes:
        widths: channels.
        depths: blocks.
        heads: attention heads.
        mlp_ratios: hidden width of a block's MLP over its width.
        reductions: side of the patches of the map that share one key and value.
        patches: side of the patch that becomes one token of the stage.
        side: pictures' side, in pixels, for which the position embeddings are made; other sides resize them. 0 where
            positions are not embedded.
        class_token: whether the last stage has a class token of its own.
        embedding: `patch`, as published: each token is made of a patch. `conv`, of v1 alone: convolutions in its place.
    """

    widths: tuple[int, int, int, int]
    depths: tuple[int, int, int, int]
    heads: tuple[int, int, int, int]
    mlp_ratios: tuple[int, int, int, int]
    reductions: tuple[int, int, int, int]
    patches: tuple[int, int, int, int]
    side: int
    class_token: bool = True
    embedding: Embedding = "patch"

    def shrink(self, stage: int, side: int) -> int:
        """Return how many tokens stage `stage` (0 to 3) makes along a side of its input map."""
        patch = self.patches[stage]
        # A patch needs all its pixels; a convolution with padding rounds up.
        return -(-side // patch) if self.embedding == "conv" else side // patch

    def grid(self, stage: int, side: int) -> int:
        """Return how many tokens stage `stage` (0 to 3) has along a side of `side` pixels."""
        for number in range(stage + 1):
            side = self.shrink(number, side)
        return side

    @property
    def step(self) -> int:
        """The picture's side must be a multiple of this, or some token or key would lack pixels."""
        pixels, needed = 1, [1]
        for patch, reduction in zip(self.patches, self.reductions, strict=True):
            pixels *= patch
            if self.embedding == "patch" or reduction > 1:
                needed.append(pixels * reduction)
        return max(needed)


#: PVT v1 as published: Wang et al., Pyramid Vision Transformer, ICCV 2021, table 1.
PYRAMIDS: dict[str, Pyramid] = {
    "pvt_tiny": Pyramid(
        (64, 128, 320, 512), (2, 2, 2, 2), (1, 2, 5, 8), (8, 8, 4, 4), (8, 4, 2, 1), (4, 2, 2, 2), side=224
    ),
    "pvt_small": Pyramid(
        (64, 128, 320, 512), (3, 4, 6, 3), (1, 2, 5, 8), (8, 8, 4, 4), (8, 4, 2, 1), (4, 2, 2, 2), side=224
    ),
    # Not of the paper: PVT's structure for 24 to 96 pixels on one core. Two blocks a stage, because a stage's chain of
    # attention maps needs two; a fourth map as large as the third, because 48 pixels leave nothing to halve.
    "pvt_mini": Pyramid(
        (32, 48, 64, 96), (2, 2, 2, 2), (1, 2, 2, 3), (2, 2, 2, 2), (2, 1, 1, 1), (4, 2, 1, 1), side=48
    ),
}
