"""PVT v2: timm's own, whose attention shows its maps and leaves room for a class token in every stage."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import torch
from timm.models.pvt_v2 import OverlapPatchEmbed
from timm.models.pvt_v2 import PyramidVisionTransformerV2 as TimmPyramid
from torch import Tensor, nn

from ucdver import Backbone, SpecError
from ucdver_tgca_pvt.blocks import Attention, Block, as_map
from ucdver_tgca_pvt.pyramids import STAGES, Pyramid
from ucdver_tgca_pvt.trunk import Stage, TokenPyramid


class OverlappingEmbedding(nn.Module):
    """Patches that overlap, each made a token: timm's, as a sequence."""

    def __init__(self, theirs: nn.Module) -> None:
        super().__init__()
        self.theirs = theirs

    def forward(self, x: Tensor) -> Tensor:
        """Return tokens [B, N, C'], row by row, of a map [B, C, H, W]."""
        tokens: Tensor = self.theirs(x).flatten(1, 2)
        return tokens


class ConvolvingMlp(nn.Module):
    """timm's MLP with a depthwise convolution between its layers, which class tokens pass by.

    Tokens beyond the map's, which stand before it, are class tokens: they have no neighbours to be convolved with.
    """

    def __init__(self, theirs: Any) -> None:
        super().__init__()
        self.fc1, self.dwconv, self.act = theirs.fc1, theirs.dwconv, theirs.act
        self.fc2, self.drop = theirs.fc2, theirs.drop

    def forward(self, x: Tensor, grid: tuple[int, int]) -> Tensor:
        """Return tokens of the same shape as x [B, N, C], whose last ones lie on the grid."""
        extra = x.shape[1] - grid[0] * grid[1]
        hidden = self.fc1(x)
        convolved = self.dwconv(as_map(hidden[:, extra:], grid)).flatten(2).transpose(1, 2)
        hidden = self.drop(self.act(torch.cat([hidden[:, :extra], convolved], dim=1)))
        mapped: Tensor = self.drop(self.fc2(hidden))
        return mapped


class PyramidVisionTransformerV2(TokenPyramid):
    """PVT v2 with the modules and weights of timm's, and attention that shows its maps in place of timm's.

    Its features are those of timm, up to rounding. The norm after the last stage is the pyramid's, as in v1. It has
    neither position embeddings nor a class token; those that a token network brings pass by the convolutions that
    reduce the map in attention, as in v1, and by those in the MLPs.

    Args:
        name: what errors call it.
        theirs: timm's network, whose modules are taken over.

    Paper: Wang et al., PVT v2: Improved Baselines with Pyramid Vision Transformer, CVMJ 2022.
    """

    def __init__(self, name: str, theirs: Any) -> None:
        super().__init__(name, numbers_of(name, theirs))
        self.register_parameter("cls_token", None)
        embeds = (theirs.patch_embed, *(stage.downsample for stage in theirs.stages[1:]))
        self.embeds = nn.ModuleList(map(OverlappingEmbedding, embeds))
        self.blocks = nn.ModuleList(
            nn.ModuleList(_block(block, reduction) for block in stage.blocks)
            for stage, reduction in zip(theirs.stages, self.pyramid.reductions, strict=True)
        )
        self.norms = nn.ModuleList(stage.norm for stage in theirs.stages[:-1])
        self.norm = theirs.stages[-1].norm

    def stages(self) -> Iterator[Stage]:
        """Yield the four stages."""
        for number in range(STAGES):
            norm = self.norms[number] if number < STAGES - 1 else None
            yield Stage(self.embeds[number], None, cast(nn.ModuleList, self.blocks[number]), norm)


def adapt(backbone: Backbone) -> Backbone:
    """Return a backbone whose body is timm's PVT v2 as one with a `PyramidVisionTransformerV2`; else a SpecError."""
    body = backbone.body
    if not isinstance(body, TimmPyramid):
        raise SpecError(
            f"this method rebuilds a PVT v2, and the recipe's backbone is a {type(body).__name__}",
            "set backbone = 'pvt_v2_b2@hub' in [recipe]",
        )
    adapted = PyramidVisionTransformerV2(str(getattr(backbone, "name", "pvt_v2_mini")), body)
    mean, std = backbone.mean.flatten().tolist(), backbone.std.flatten().tolist()
    return Backbone(adapted, adapted.pyramid.widths[-1], mean, std).to(backbone.mean.device)


def numbers_of(name: str, theirs: Any) -> Pyramid:
    """Return the numbers of a PVT v2 of timm; one whose keys do not come from patches of the map is a SpecError."""
    first = [stage.blocks[0] for stage in theirs.stages]
    if any(block.attn.pool is not None for block in first):
        raise SpecError(
            f"'{name}' pools its keys, so that its attention maps do not say which patch is looked at",
            "set backbone = 'pvt_v2_b2@hub' in [recipe]",
        )
    embeds = (theirs.patch_embed, *(stage.downsample for stage in theirs.stages[1:]))

    def each(values: Iterator[int]) -> tuple[int, int, int, int]:
        return cast(tuple[int, int, int, int], tuple(values))

    return Pyramid(
        widths=each(block.attn.dim for block in first),
        depths=each(len(stage.blocks) for stage in theirs.stages),
        heads=each(block.attn.num_heads for block in first),
        mlp_ratios=each(block.mlp.fc1.out_features // block.attn.dim for block in first),
        reductions=each(1 if block.attn.sr is None else block.attn.sr.stride[0] for block in first),
        patches=each(embed.proj.stride[0] for embed in embeds),
        side=0,
        class_token=False,
    )


def small_pyramid(numbers: Pyramid, channels: int) -> TimmPyramid:
    """Return timm's PVT v2 with these numbers, `numbers.patches` being the strides of its embeddings."""
    body = TimmPyramid(
        in_chans=channels,
        num_classes=0,
        depths=numbers.depths,
        embed_dims=numbers.widths,
        num_heads=numbers.heads,
        sr_ratios=numbers.reductions,
        mlp_ratios=numbers.mlp_ratios,
    )
    for number in range(1, STAGES):
        # timm halves every map; a small picture leaves the last ones nothing to halve.
        if numbers.patches[number] == 1:
            inner, outer = numbers.widths[number - 1 : number + 1]
            embed = OverlapPatchEmbed(3, 1, inner, outer)
            embed.apply(body._init_weights)
            body.stages[number].downsample = embed
    return body


def _block(theirs: Any, reduction: int) -> Block:
    """Return timm's block with attention that shows its map, which has the same parameters under the same names."""
    attention = Attention(theirs.attn.dim, theirs.attn.num_heads, reduction).to(theirs.attn.q.weight)
    attention.load_state_dict(theirs.attn.state_dict())
    return Block(theirs.norm1, attention, theirs.norm2, ConvolvingMlp(theirs.mlp))
