"""`kcdp_small` with LoRA and without one part each: the rows of the suite `emoji_kcdp_ablation`."""

from __future__ import annotations

from typing import ClassVar, Literal

from ucdver_kcdp.config import KCDPConfig
from ucdver_kcdp.small import KCDPSmall, KCDPSmallConfig


class _Lora(KCDPSmallConfig):
    mode: Literal["lora", "full", "frozen"] = "lora"


class _NoKnowledge(_Lora):
    knowledge: Literal["caption+triples", "caption", "triples", "none"] = "none"


class _NoLora(_Lora):
    mode: Literal["lora", "full", "frozen"] = "frozen"
    # Augmented anew in every step, as for the rest: a cache has a few versions.
    cached: bool = False


class _NoMoe(_Lora):
    head: Literal["moe", "linear"] = "linear"


class _NoCliea(_Lora):
    alignment: Literal["cliea", "cesa", "none"] = "none"


class _NoCounterfactuals(_Lora):
    counterfactuals: bool = False


class _CaptionOnly(_Lora):
    knowledge: Literal["caption+triples", "caption", "triples", "none"] = "caption"


class _TriplesOnly(_Lora):
    knowledge: Literal["caption+triples", "caption", "triples", "none"] = "triples"


class WithoutKnowledge(KCDPSmall):
    """The empty prompt in place of caption and triples, for U-Net, experts and alignment."""

    Config: ClassVar[type[KCDPConfig]] = _NoKnowledge


class WithoutLora(KCDPSmall):
    """The U-Net frozen."""

    Config: ClassVar[type[KCDPConfig]] = _NoLora


class WithoutMoe(KCDPSmall):
    """One linear layer in place of the experts."""

    Config: ClassVar[type[KCDPConfig]] = _NoMoe


class WithoutCliea(KCDPSmall):
    """No alignment, and so neither pseudo-labels nor a loss on the target."""

    Config: ClassVar[type[KCDPConfig]] = _NoCliea


class WithoutCounterfactuals(KCDPSmall):
    """The factual prompt alone is drawn near."""

    Config: ClassVar[type[KCDPConfig]] = _NoCounterfactuals


class CaptionOnly(KCDPSmall):
    """Captions without triples."""

    Config: ClassVar[type[KCDPConfig]] = _CaptionOnly


class TriplesOnly(KCDPSmall):
    """Triples without captions."""

    Config: ClassVar[type[KCDPConfig]] = _TriplesOnly
