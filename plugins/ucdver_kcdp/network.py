"""The boxes of the figure put together: perceiver, neck, experts and alignment."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from ucdver import TaskInfo
from ucdver_kcdp.cesa import CESA
from ucdver_kcdp.cliea import CLIEA
from ucdver_kcdp.config import KCDPConfig
from ucdver_kcdp.diffusion import diffusion_sha256, load_diffusion, unet_config
from ucdver_kcdp.features import Layout
from ucdver_kcdp.knowledge import Knowledge
from ucdver_kcdp.moe import MixtureOfExperts, Routed
from ucdver_kcdp.neck import PyramidNeck
from ucdver_kcdp.perception import DiffusionPerceiver, PerceptionOptions
from ucdver_kcdp.prompts import emotion_prompts
from ucdver_kcdp.text_embedding import load_text_encoder, text_encoder_sha256


class Read(NamedTuple):
    """What the network makes of a batch.

    Attributes:
        visual: pooled features [B, levels * neck * grid^2].
        routed: the experts' logits and routing.
        alignment: logits [B, K], or None where there is no alignment or it was not asked for.
        knowledge: what was known.
    """

    visual: Tensor
    routed: Routed
    alignment: Tensor | None
    knowledge: Knowledge

    def part(self, rows: slice) -> Read:
        """Return the same of some images."""
        return Read(
            self.visual[rows],
            Routed(*(values[rows] for values in self.routed)),
            None if self.alignment is None else self.alignment[rows],
            Knowledge(self.knowledge.tokens[rows], self.knowledge.mask[rows]),
        )


class LinearHead(nn.Module):
    """One linear layer in the place of the experts (an ablation), told as one expert that reads every image."""

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, classes)

    def forward(self, inputs: Tensor) -> Routed:
        """Return the logits [B, K] of inputs [B, width]."""
        ones = torch.ones(len(inputs), 1, device=inputs.device)
        return Routed(self.linear(inputs), ones, ones, ones)


class KCDPNetwork(nn.Module):
    """Images and what is known of them to class logits and alignment logits.

    Args:
        task: classes, setting, and the shapes of the extras.
        config: the method's.
        aligned: whether there is an alignment.
    """

    nothing: Tensor

    def __init__(self, task: TaskInfo, config: KCDPConfig, aligned: bool) -> None:
        super().__init__()
        self.config = config
        # Frozen, and needed for a handful of texts: it is asked once and let go.
        encoder = load_text_encoder(config.text_encoder, _text_model(config), torch.device("cpu"))
        self.register_buffer("nothing", encoder.encode([""])[0], persistent=False)
        tokens = self.nothing.shape[1] if not config.knowledge_extra else task.extras[config.knowledge_extra][0]
        if config.knowledge in ("caption", "triples"):
            tokens //= 2
        self.perceiver: DiffusionPerceiver | None = None
        self.layout: Layout | None = None
        if config.uses_cache:
            length = task.extras[config.features_extra][0]
            self.layout = Layout(unet_config(config.model), tokens, length)
            channels = self.layout.channels
        else:
            self.perceiver = DiffusionPerceiver(load_diffusion(config.model), perception_options(config))
            channels = self.perceiver.channels(tokens)
        self.neck = PyramidNeck(channels, config.neck, config.grid)
        self.text_rule = moe_text_rule(config, task.setting)
        width = self.neck.num_features + self._add_text(encoder.width, tokens)
        self.experts: nn.Module = (
            MixtureOfExperts(width, task.num_classes, config.experts, config.top_k, config.hidden)
            if config.head == "moe"
            else LinearHead(width, task.num_classes)
        )
        self.alignment: CLIEA | CESA | None = None
        if aligned:
            prompts, mask = encoder.encode_prompts(emotion_prompts(task.classes, config.template))
            self.alignment = self._alignment(prompts, mask)

    def forward(
        self,
        images: Tensor,
        extras: Mapping[str, Tensor],
        aligned: int | None = None,
        latents: Tensor | None = None,
    ) -> Read:
        """Return what is made of images [B, C, H, W] in [0, 1].

        They are not looked at where features or latents are cached, or latents are given.

        Args:
            images: the pictures.
            extras: what the method's `needed_extras` names.
            aligned: how many images, the first ones, the alignment is computed for, where there is one; None for all.
            latents: what `latents` gave for them, where that was asked before.
        """
        knowledge = self._knowledge(extras, len(images))
        if self.layout is not None:
            features = self.layout.split(extras[self.config.features_extra])
        else:
            assert self.perceiver is not None
            read = self.latents(images, extras) if latents is None else latents
            features = self.perceiver.read(cast(Tensor, read), knowledge.tokens)
        visual = self.neck(features)
        routed = self.experts(torch.cat([visual, *self._text(knowledge)], dim=1))
        alignment = None
        if aligned != 0 and self.alignment is not None:
            first = slice(aligned)
            alignment = self.alignment(visual[first], knowledge.tokens[first], knowledge.mask[first])
        return Read(visual, routed, alignment, knowledge)

    def latents(self, images: Tensor, extras: Mapping[str, Tensor]) -> Tensor | None:
        """Return the latents [B, 4, h, w] that the U-Net reads of images, or None where it reads nothing."""
        if self.perceiver is None:
            return None
        return extras[self.config.latents_extra] if self.config.latents_extra else self.perceiver.latents(images)

    def _knowledge(self, extras: Mapping[str, Tensor], count: int) -> Knowledge:
        if not self.config.knowledge_extra:
            # All of the empty prompt counts, its padding too, which the U-Net attends to as well.
            return Knowledge(self.nothing.expand(count, -1, -1), self.nothing.new_ones(count, self.nothing.shape[1]))
        known = Knowledge.unpack(extras[self.config.knowledge_extra])
        if self.config.knowledge == "caption":
            return known.caption()
        return known.triples() if self.config.knowledge == "triples" else known

    def _add_text(self, width: int, tokens: int) -> int:
        """Return the width of what the experts read of the knowledge beside the image."""
        self.text_map: nn.Module = nn.Identity()
        if self.text_rule == "none":
            return 0
        if self.text_rule == "channel_mean":
            return tokens // 2 if self.config.knowledge == "caption+triples" else tokens
        if not self.config.moe_text_width:
            return width
        self.text_map = nn.Linear(width, self.config.moe_text_width)
        return self.config.moe_text_width

    def _text(self, knowledge: Knowledge) -> list[Tensor]:
        if self.text_rule == "none":
            return []
        if self.text_rule == "channel_mean":
            # As released: one number a token slot, the mean over the embedding's width.
            both = self.config.knowledge == "caption+triples"
            return [(knowledge.triples() if both else knowledge).tokens.mean(2)]
        weights = knowledge.mask.unsqueeze(2)
        return [self.text_map((knowledge.tokens * weights).sum(1) / weights.sum(1).clamp(min=1))]

    def _alignment(self, prompts: Tensor, mask: Tensor) -> CLIEA | CESA:
        config = self.config
        if config.alignment == "cesa":
            return CESA(self.neck.num_features, prompts, mask, config.subspace, config.anchors, config.temperature)
        return CLIEA(self.neck.num_features, prompts, mask, config.pool, config.temperature, config.heads)


def moe_text_rule(config: KCDPConfig, setting: str) -> str:
    """Return what the experts read of the knowledge; as released, the channel mean in `uc` and nothing in `uda`."""
    if config.knowledge == "none":
        return "none"
    if config.moe_text == "released":
        return "channel_mean" if setting == "uc" else "none"
    return config.moe_text


def perception_options(config: KCDPConfig) -> PerceptionOptions:
    """Return the perceiver's part of the method's options."""
    return PerceptionOptions(
        config.mode,
        config.normalisation,
        config.latent,
        config.detach_maps,
        config.lora_rank,
        config.lora_alpha,
        config.checkpointing,
        config.size,
    )


def network_sha256(config: KCDPConfig, *, fetch: bool) -> str:
    """Return one hash for the weights that the network is built from; empty where there are none.

    Cached features carry the U-Net's hash themselves, so here it is the text encoder's alone.
    """
    parts = [text_encoder_sha256(config.text_encoder, _text_model(config), fetch=fetch)]
    if not config.uses_cache:
        parts.append(diffusion_sha256(config.model, fetch=fetch))
    found = [part for part in parts if part]
    return hashlib.sha256(" ".join(found).encode()).hexdigest() if found else ""


def _text_model(config: KCDPConfig) -> str:
    return config.model if config.text_encoder == "clip" else config.text_model
