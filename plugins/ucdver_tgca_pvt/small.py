"""TGCA-PVT at the size of the suite `emoji`: its own little pyramid, from scratch, on one core."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from ucdver import Backbone, MethodConfig, TaskInfo
from ucdver_tgca_pvt.backbone import build
from ucdver_tgca_pvt.config import TgcaConfig
from ucdver_tgca_pvt.method import TGCAPVT

#: The pyramid that it brings.
PYRAMID = "pvt_mini"


class SmallConfig(TgcaConfig):
    """Options of `tgca_pvt_small`: those of TGCA-PVT, with what a small network from scratch needs.

    `alpha` and `drop_path` were set beforehand: half the published tokens, no dropped paths in a few hundred steps. For
    `lr_multiplier`, 0.5 and 1 were tried by source validation (benchmarks/choose_tgca.py, two folds, one seed: accuracy
    .606 and .535, balanced .457 and .252).
    """

    alpha: int = Field(default=4, ge=1, le=64)
    drop_path: float = Field(default=0.0, ge=0, lt=1)
    lr_multiplier: float = Field(default=0.5, gt=0, json_schema_extra={"search": [0.1, 3.0], "log": True})


class TGCAPVTSmall(TGCAPVT):
    """TGCA-PVT on a pyramid of its own, `pvt_mini` from scratch; the recipe's backbone is left unused.

    The recipe's backbone is no part of the method: neither trained nor counted. For the same reason the recipe's
    multiplier for backbones, which is meant for pretrained layers, does not apply.

    Paper: Chen et al., TGCA-PVT: Topic-Guided Context-Aware Pyramid Vision Transformer for Sticker Emotion
    Recognition, ACM MM 2024.
    """

    Config: ClassVar[type[MethodConfig]] = SmallConfig

    def __init__(self, task: TaskInfo, backbone: Backbone, config: SmallConfig) -> None:
        own = build(PYRAMID, None, backbone.mean.shape[1])
        super().__init__(task, own, config)

    def _group(self, name: str) -> str:
        return "pyramid" if name == "backbone" else name
