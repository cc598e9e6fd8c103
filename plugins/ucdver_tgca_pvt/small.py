"""TGCA-PVT at the size of the suite `emoji`: its own little pyramid, from scratch, on one core."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Self

from pydantic import Field, model_validator
from torch import Tensor, nn

from ucdver import Backbone, MethodConfig, TaskInfo
from ucdver_tgca_pvt.backbone import assemble
from ucdver_tgca_pvt.config import TgcaConfig
from ucdver_tgca_pvt.method import TGCAPVT
from ucdver_tgca_pvt.pyramids import PYRAMIDS, Embedding, Pyramid

#: The pyramid that its own is made from.
PYRAMID = "pvt_mini"

Four = tuple[int, int, int, int]


class SmallConfig(TgcaConfig):
    """Options of `tgca_pvt_small`: those of TGCA-PVT, with what a small network from scratch needs.

    `embedding`, `patches`, `widths`, `depths`, `stage_heads`, `reductions` and `mlp_ratios` make its pyramid; see
    `Pyramid`. With `bottleneck` the recipe's bottleneck stands before the head, as in the other methods of a suite.
    How they were chosen, by source validation alone, is told in benchmarks/emoji.md.
    """

    alpha: int = Field(default=4, ge=1, le=64)
    hidden: int = Field(default=96, ge=0)
    drop_path: float = Field(default=0.0, ge=0, lt=1)
    lr_multiplier: float = Field(default=0.5, gt=0, json_schema_extra={"search": [0.1, 3.0], "log": True})
    embedding: Embedding = "conv"
    patches: Four = (4, 2, 2, 1)
    widths: Four = (32, 64, 64, 128)
    depths: Four = (2, 2, 2, 2)
    stage_heads: Four = (1, 2, 2, 4)
    reductions: Four = (2, 1, 1, 1)
    mlp_ratios: Four = (2, 2, 2, 2)
    bottleneck: bool = True

    @model_validator(mode="after")
    def _is_a_pyramid(self) -> Self:
        for width, heads in zip(self.widths, self.stage_heads, strict=True):
            if heads < 1 or width < 1 or width % heads:
                raise ValueError(f"a stage {width} wide cannot have {heads} heads")
        if min(self.depths[:3]) < 2 or self.depths[3] < 1:
            raise ValueError(f"depths {self.depths}: a stage's chain of attention maps needs two, the last stage's one")
        if any(patch < 1 or patch & (patch - 1) for patch in self.patches):
            raise ValueError(f"patches {self.patches} are not powers of 2")
        if min(*self.reductions, *self.mlp_ratios) < 1:
            raise ValueError("reductions and mlp_ratios are 1 at least")
        return self

    def pyramid(self) -> Pyramid:
        """Return the pyramid that the options describe."""
        return replace(
            PYRAMIDS[PYRAMID],
            embedding=self.embedding,
            patches=self.patches,
            widths=self.widths,
            depths=self.depths,
            heads=self.stage_heads,
            reductions=self.reductions,
            mlp_ratios=self.mlp_ratios,
        )


class TGCAPVTSmall(TGCAPVT):
    """TGCA-PVT on a pyramid of its own, from scratch; the recipe's backbone is left unused.

    The recipe's backbone is no part of the method: neither trained nor counted. For the same reason the recipe's
    multiplier for backbones, which is meant for pretrained layers, does not apply.

    Paper: Chen et al., TGCA-PVT: Topic-Guided Context-Aware Pyramid Vision Transformer for Sticker Emotion
    Recognition, ACM MM 2024.
    """

    Config: ClassVar[type[MethodConfig]] = SmallConfig
    #: The contract is tested on pictures so small that the last maps are single patches.
    contract_options: ClassVar[Mapping[str, Any]] = {"alpha": 1}

    def __init__(self, task: TaskInfo, backbone: Backbone, config: SmallConfig) -> None:
        own = assemble(PYRAMID, config.pyramid(), None, backbone.mean.shape[1])
        super().__init__(task, own, config)
        if config.bottleneck and task.bottleneck:
            width = task.bottleneck
            self.bottleneck = nn.Sequential(
                nn.Linear(self.feature_dim, width), nn.BatchNorm1d(width), nn.ReLU(inplace=True)
            )
            self.feature_dim = width
            self.head = nn.Linear(width, task.num_classes)

    def fuse(self, images: Tensor, extras: Mapping[str, Tensor]) -> Tensor:
        """Return the features [B, feature_dim] of pictures in [0, 1]: the fused token, behind the bottleneck if any."""
        features: Tensor = self.bottleneck(super().fuse(images, extras))
        return features

    def _group(self, name: str) -> str:
        return "pyramid" if name == "backbone" else name
