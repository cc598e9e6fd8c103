"""PVT v1: the pyramid vision transformer, with the parameter names of its public checkpoints."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, cast

import torch
from timm.layers.drop import DropPath
from torch import Tensor, nn
from torch.nn import functional as F

from ucdver import SpecError
from ucdver_tgca_pvt.pyramids import STAGES, Pyramid

#: Of the norms before attention and MLP and of the last one; the others have torch's 1e-5 (whai362/PVT).
EPS = 1e-6
#: Of new parameters, cut off at two deviations' distance as timm's (whai362/PVT).
STD = 0.02


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


class Attention(nn.Module):
    """Spatial-reduction attention: keys and values come from a map whose side is `reduction` times smaller.

    Tokens beyond the map's, which stand before it, are class tokens: they have their own key and value.
    """

    def __init__(self, width: int, heads: int, reduction: int) -> None:
        super().__init__()
        self.heads = heads
        self.reduction = reduction
        self.q = nn.Linear(width, width)
        self.kv = nn.Linear(width, 2 * width)
        self.proj = nn.Linear(width, width)
        if reduction > 1:
            self.sr = nn.Conv2d(width, width, reduction, stride=reduction)
            self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor, grid: tuple[int, int], want_map: bool = False) -> tuple[Tensor, Tensor | None]:
        """Return tokens [B, N, C] and, where wanted, the attention probabilities [B, heads, N, K], cut off.

        The probabilities carry no gradient: what they are wanted for is to choose tokens.
        """
        batch, count, width = x.shape
        q = self.q(x).view(batch, count, self.heads, -1).transpose(1, 2)
        k, v = self.kv(self._reduce(x, grid)).view(batch, -1, 2, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        if not want_map:
            mixed = F.scaled_dot_product_attention(q, k, v)
            return self.proj(mixed.transpose(1, 2).flatten(2)), None
        probabilities = (q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5).softmax(-1)
        mixed = probabilities @ v
        return self.proj(mixed.transpose(1, 2).flatten(2)), probabilities.detach()

    def _reduce(self, x: Tensor, grid: tuple[int, int]) -> Tensor:
        if self.reduction == 1:
            return x
        extra = x.shape[1] - grid[0] * grid[1]
        reduced = self.sr(as_map(x[:, extra:], grid)).flatten(2).transpose(1, 2)
        normed: Tensor = self.norm(torch.cat([x[:, :extra], reduced], dim=1))
        return normed


class Mlp(nn.Module):
    """Two linear layers with an exact GELU between them."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        """Return tokens of the same shape."""
        mapped: Tensor = self.fc2(F.gelu(self.fc1(x)))
        return mapped


class Block(nn.Module):
    """Norm, attention, norm, MLP, both on residual paths that training drops at random."""

    def __init__(self, width: int, heads: int, reduction: int, mlp_ratio: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=EPS)
        self.attn = Attention(width, heads, reduction)
        self.norm2 = nn.LayerNorm(width, eps=EPS)
        self.mlp = Mlp(width, mlp_ratio * width)
        self.drop_path = DropPath(0.0)

    def forward(self, x: Tensor, grid: tuple[int, int], want_map: bool = False) -> tuple[Tensor, Tensor | None]:
        """Return tokens [B, N, C] and, where wanted, the attention probabilities, as `Attention` does."""
        mixed, probabilities = self.attn(self.norm1(x), grid, want_map)
        x = x + self.drop_path(mixed)
        return x + self.drop_path(self.mlp(self.norm2(x))), probabilities


class Stage(NamedTuple):
    """The parts of one stage; `position` is [1, N, C], in the last stage [1, 1 + N, C]."""

    embed: PatchEmbedding
    position: nn.Parameter
    blocks: nn.ModuleList


class PyramidVisionTransformer(nn.Module):
    """PVT v1 without its classifier; its features are the class token of the last stage.

    Paper: Wang et al., Pyramid Vision Transformer: A Versatile Backbone for Dense Prediction without Convolutions,
    ICCV 2021.
    """

    def __init__(self, name: str, pyramid: Pyramid, channels: int) -> None:
        super().__init__()
        self.name = name
        self.pyramid = pyramid
        self.cls_token = nn.Parameter(torch.zeros(1, 1, pyramid.widths[-1]))
        for number in range(STAGES):
            width, label = pyramid.widths[number], number + 1
            count = pyramid.grid(number, pyramid.side) ** 2 + (label == STAGES)
            block = (width, pyramid.heads[number], pyramid.reductions[number], pyramid.mlp_ratios[number])
            self.add_module(f"patch_embed{label}", PatchEmbedding(channels, width, pyramid.patches[number]))
            self.register_parameter(f"pos_embed{label}", nn.Parameter(torch.zeros(1, count, width)))
            self.add_module(f"block{label}", nn.ModuleList(Block(*block) for _ in range(pyramid.depths[number])))
            channels = width
        self.norm = nn.LayerNorm(pyramid.widths[-1], eps=EPS)
        self.apply(initialise)
        for parameter in (self.cls_token, *(stage.position for stage in self.stages())):
            nn.init.trunc_normal_(parameter, std=STD)

    def stages(self) -> Iterator[Stage]:
        """Yield the four stages."""
        for label in range(1, STAGES + 1):
            yield Stage(
                cast(PatchEmbedding, self.get_submodule(f"patch_embed{label}")),
                self.get_parameter(f"pos_embed{label}"),
                cast(nn.ModuleList, self.get_submodule(f"block{label}")),
            )

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

    def forward(self, images: Tensor) -> Tensor:
        """Return features [B, widths[-1]] of normalised images [B, C, S, S]."""
        self.check(images)
        x = images
        for label, stage in enumerate(self.stages(), start=1):
            grid = self.grid(label - 1, x)
            tokens = stage.embed(x)
            own, position = split_position(stage.position, grid, has_class_slot=label == STAGES)
            tokens = tokens + position
            if own is not None:
                tokens = torch.cat([(self.cls_token + own).expand(len(tokens), -1, -1), tokens], dim=1)
            for block in stage.blocks:
                tokens, _ = block(tokens, grid)
            x = tokens if label == STAGES else as_map(tokens, grid)
        features: Tensor = self.norm(x[:, 0])
        return features

    def grid(self, stage: int, x: Tensor) -> tuple[int, int]:
        """Return the grid of tokens that stage `stage` (0 to 3) makes of its input map [B, C, H, W]."""
        patch = self.pyramid.patches[stage]
        return x.shape[-2] // patch, x.shape[-1] // patch


def as_map(tokens: Tensor, grid: tuple[int, int]) -> Tensor:
    """Return the map [B, C, H, W] of tokens [B, H * W, C]."""
    return tokens.transpose(1, 2).reshape(len(tokens), tokens.shape[2], *grid)


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


def initialise(module: nn.Module) -> None:
    """Draw the weights of linear layers from a normal distribution of deviation 0.02 and set their biases to 0.

    Convolutions keep torch's initialisation, as in the published code.
    """
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=STD)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
