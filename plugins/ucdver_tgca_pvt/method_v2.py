"""TGCA-PVT on PVT v2, which nobody published: a network of its own, reported under a name of its own."""

from __future__ import annotations

from typing import ClassVar

from pydantic import field_validator

from ucdver import Backbone, MethodConfig
from ucdver_tgca_pvt.config import TgcaConfig
from ucdver_tgca_pvt.method import TGCAPVT
from ucdver_tgca_pvt.pvt_v2 import adapt


class TgcaV2Config(TgcaConfig):
    """Options of `tgca_pvtv2`: those of TGCA-PVT but for `share_position`, since PVT v2 embeds no positions."""

    @field_validator("share_position")
    @classmethod
    def _no_position(cls, value: bool | None) -> bool | None:
        if value is not None:
            raise ValueError("PVT v2 embeds no positions that a class token could share; leave it out")
        return value


class TGCAPVTv2(TGCAPVT):
    """TGCA-PVT with PVT v2 in place of v1, the recipe's backbone being any of timm's `pvt_v2_b0` to `pvt_v2_b5`.

    Frequency gates stand before each downsampling. Since PVT v2 has no class token, every stage is given a new one,
    without a position; see `PyramidVisionTransformerV2` for what it passes by. All else is TGCA-PVT's.

    Papers: Chen et al., TGCA-PVT, ACM MM 2024; Wang et al., PVT v2: Improved Baselines with Pyramid Vision Transformer,
    CVMJ 2022. No paper puts them together.
    """

    Config: ClassVar[type[MethodConfig]] = TgcaV2Config

    @classmethod
    def pyramid_of(cls, backbone: Backbone) -> Backbone:
        """Return the recipe's backbone taken apart; what is no PVT v2 of timm is a SpecError."""
        return adapt(backbone)
