"""KCDP: knowledge-aligned counterfactual-enhancement diffusion perception (Yin et al., CVPR 2025).

An image is read by a latent diffusion model that attends to what is known of it (perception.py); its features go
through a pyramid (neck.py) to a mixture of experts (moe.py). For a target without labels, the emotion prompt that fits
image and knowledge best (cliea.py) is the label that the experts are trained with (pseudo_labels.py, objective.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn

from ucdver import AnnotatorConfig, Backbone, Batch, Method, ParameterGroup, Prediction, TaskInfo, Views, both_images
from ucdver_kcdp.cached import cached_misfit
from ucdver_kcdp.config import KCDPConfig
from ucdver_kcdp.diffusion import RANDOM_TINY
from ucdver_kcdp.network import KCDPNetwork, Read
from ucdver_kcdp.objective import Trade, source_losses, target_losses
from ucdver_kcdp.pseudo_labels import MeanTeacher, PseudoLabeller


class KCDP(Method):
    """Cross entropy of the experts and the contrast of prompts on the source; pseudo-labels on the target.

    The suite's backbone is not used: the diffusion model takes its place. In the setting `uc` there is no target, and
    so no alignment, as in the release.
    """

    Config: ClassVar[type[KCDPConfig]] = KCDPConfig
    contract_options: ClassVar[Mapping[str, Any]] = {
        "model": RANDOM_TINY,
        "text_encoder": "hashed",
        "neck": 8,
        "hidden": 16,
        "moe_text_width": 8,
    }
    contract_annotators: ClassVar[Mapping[str, Mapping[str, Any]]] = {"kcdp_caption": {"source": "text"}}
    config: KCDPConfig

    def __init__(self, task: TaskInfo, backbone: Backbone, config: KCDPConfig) -> None:
        super().__init__(task, backbone, config)
        # The suite's network and what follows it: they would count as parameters, and be averaged by nobody.
        del self.backbone, self.head
        self.bottleneck = nn.Identity()
        aligned = config.alignment != "none" and task.setting == "uda"
        self.network = KCDPNetwork(task, config, aligned)
        self.feature_dim = self.network.neck.num_features
        self.trade = Trade(
            config.supervised * (2 if config.supervised_twice and task.setting == "uda" else 1),
            config.contrastive,
            config.target,
            config.balance_weight,
            config.balance if config.head == "moe" else "none",
        )
        self.labeller = PseudoLabeller(task.num_classes, config.confidence, config.class_balance)
        self.teacher = MeanTeacher(self.network, config.teacher) if config.teacher and aligned else None

    @classmethod
    def needed_extras(cls, config: KCDPConfig) -> tuple[str, ...]:
        """Return the annotators of the knowledge and of what is cached: the U-Net's features, or its latents."""
        return tuple(name for name in (config.knowledge_extra, config.features_extra, config.latents_extra) if name)

    @classmethod
    def extras_misfit(cls, config: KCDPConfig, annotators: Mapping[str, AnnotatorConfig]) -> str:
        """Return which option of what was computed once is not the method's own: it would say what was never done."""
        return cached_misfit(config, annotators)

    @classmethod
    def weights_sha256(cls, config: KCDPConfig, *, fetch: bool) -> str:
        """Return the hash of what the network is built from: U-Net and VAE, and the text encoder of the prompts."""
        from ucdver_kcdp.network import network_sha256

        return network_sha256(config, fetch=fetch)

    @classmethod
    def estimated_cost(cls, config: KCDPConfig) -> dict[str, Any]:
        """Return what a run of Stable Diffusion's size costs, counted without its weights."""
        from ucdver_kcdp.cost import estimated_cost

        return estimated_cost(config)

    def step(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        """Return the losses; "believed" is the share of target images whose pseudo-label counted."""
        uses_target = batch.has_target and self.network.alignment is not None and progress >= self.config.warmup
        if self.teacher is not None:
            self.teacher.update(self.network, batch.step)
        if not uses_target:
            read = self.network(batch.sources.images, batch.sources.extras)
            losses = self._source(read, batch)
            return {"total": losses.pop("source_total"), **losses}
        count = len(batch.sources.labels)
        extras = {name: torch.cat([own, batch.target.extras[name]]) for name, own in batch.sources.extras.items()}
        images = both_images(batch)
        latents = self.network.latents(images, extras)
        # Student and teacher read the same: the encoder is frozen, and runs once. Of samples, the teacher has the mean.
        shared = latents is not None and self.config.latent != "scaled_sample"
        taught = self._taught(batch, latents[count:] if latents is not None and shared else None)
        # Where a teacher labels the target, nobody asks for the student's own alignment of it.
        read = self.network(images, extras, None if taught is None else count, latents)
        source, target = read.part(slice(0, count)), read.part(slice(count, None))
        aligned = target.alignment if taught is None else taught
        self.pseudo_labels = self.labeller(cast(Tensor, aligned))
        losses = self._source(source, batch)
        losses |= target_losses(target.routed, self.pseudo_labels, self.trade)
        return {"total": losses.pop("source_total") + losses.pop("target_total"), **losses}

    def predict(self, images: Tensor, extras: Mapping[str, Tensor]) -> Prediction:
        """Return pooled features [B, levels * neck * grid^2] and the experts' logits [B, K], a few images at a time."""
        size = self.config.predict_batch
        reads = [
            self.network(images[i : i + size], {name: rows[i : i + size] for name, rows in extras.items()}, aligned=0)
            for i in range(0, len(images), size)
        ]
        return Prediction(torch.cat([r.visual for r in reads]), torch.cat([r.routed.logits for r in reads]))

    def parameter_groups(self) -> list[ParameterGroup]:
        """Return the U-Net as "backbone" (its norms without decay, as released) or its LoRA, and the rest."""
        perceiver = self.network.perceiver
        own = [] if perceiver is None else [(n, p) for n, p in perceiver.named_parameters() if p.requires_grad]
        known = {id(p) for _, p in own} | (set() if perceiver is None else {id(p) for p in perceiver.parameters()})
        rest = [p for p in self.parameters() if id(p) not in known]
        groups = [ParameterGroup(rest, name="head")]
        if self.config.mode == "lora":
            return [ParameterGroup([p for _, p in own], lr_multiplier=self.config.lora_lr, name="lora"), *groups]
        if self.config.mode == "full":
            norms = [p for n, p in own if "norm" in n]
            others = [p for n, p in own if "norm" not in n]
            no_decay = ParameterGroup(norms, weight_decay=0.0, name="backbone")
            return [ParameterGroup(others, name="backbone"), no_decay, *groups]
        return groups

    def on_epoch(self, views: Views | None, epoch: int) -> None:
        """Tell the alignment that an epoch begins; CESA then fits its subspaces anew."""
        if self.network.alignment is not None:
            self.network.alignment.refit()

    def _source(self, read: Read, batch: Batch) -> dict[str, Tensor]:
        labels, alignment = batch.sources.labels, self.network.alignment
        if alignment is None:
            return source_losses(read.routed, None, labels, self.trade)
        alignment.observe(read.visual, read.knowledge.tokens, read.knowledge.mask, labels)
        counterfactuals, scale = self.config.counterfactuals, alignment.scale
        return source_losses(read.routed, read.alignment, labels, self.trade, counterfactuals, scale)

    def _taught(self, batch: Batch, latents: Tensor | None) -> Tensor | None:
        """Return the teacher's alignment logits of the target images, or None where there is no teacher."""
        if self.teacher is None:
            return None
        read = cast(Read, self.teacher.run(self.network, (batch.target.images, batch.target.extras, None, latents)))
        return read.alignment
