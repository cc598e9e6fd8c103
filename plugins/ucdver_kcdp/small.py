"""`kcdp_small`: KCDP at a size that a laptop runs, on models that the project trained itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from ucdver_kcdp.config import KCDPConfig
from ucdver_kcdp.method import KCDP
from ucdver_kcdp.model_files import EMOJI_SMALL
from ucdver_kcdp.small_annotators import SIDE


class KCDPSmallConfig(KCDPConfig):
    """The options of `kcdp`, every one of them, with the small models and the widths that go with them.

    The frozen mode is the default, since it trains in under a minute; `mode = "lora"` learns in the U-Net too. What a
    frozen U-Net shows of a face says little once it is averaged over the picture, so that `grid` keeps where it was;
    that, `neck`, `confidence`, `class_balance`, `warmup` and `target` were chosen by source validation (docs/kcdp.md).
    Other widths were set beforehand.
    """

    model: str = EMOJI_SMALL
    mode: Literal["lora", "full", "frozen"] = "frozen"
    size: int = Field(default=SIDE, ge=0, le=2048, description="side at which pictures are read; 0: as they come")
    neck: int = Field(default=8, ge=1, description="channels of each level")
    grid: int = Field(default=8, ge=1, le=16, description="cells along a side that a level is averaged in")
    confidence: float = Field(default=0.9, ge=0, lt=1, json_schema_extra={"search": [0.3, 0.95]})
    class_balance: float = Field(default=1.0, ge=1, description="the most a rare class is weighed up; 1 is off")
    warmup: float = Field(default=0.5, ge=0, le=1, description="share of the steps without a target loss")
    target: float = Field(default=0.1, ge=0, json_schema_extra={"search": [0.01, 1.0], "log": True})
    # The one that its U-Net was trained with, which `kcdp` has no annotators for.
    text_encoder: Literal["minilm_small"] = "minilm_small"  # type: ignore[assignment]
    hidden: int = Field(default=64, ge=1)
    pool: Literal["mean", "masked_mean", "label_tokens"] = "label_tokens"
    moe_text_width: int = Field(default=32, ge=0, description="token_mean: width it is mapped to; 0 keeps it")

    @property
    def has_plain_features(self) -> bool:
        """Whether there is an annotator of features without knowledge: here there is."""
        return True

    @property
    def _prefix(self) -> str:
        return "kcdp_small"

    @property
    def _suffix(self) -> str:
        return ""


class KCDPSmall(KCDP):
    """KCDP, all of it, on a U-Net, an autoencoder and an image-text model that were trained on emoji without a face.

    Paper: Yin et al., CVPR 2025. What the weights saw: docs/kcdp.md, and PRETRAINING.json beside them.
    """

    Config: ClassVar[type[KCDPConfig]] = KCDPSmallConfig
    contract_options: ClassVar[Mapping[str, Any]] = {}
    contract_annotators: ClassVar[Mapping[str, Mapping[str, Any]]] = {}

    @classmethod
    def estimated_cost(cls, config: KCDPConfig) -> dict[str, Any]:
        """Return nothing: a run is cheap enough to be measured."""
        return {}
