"""DAPL: prompts with tokens of each domain, learnt with zero-shot pseudo-labels (Ge et al., 2022)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from ucdver import Batch, ParameterGroup, Prediction, at_least_float32, both_images, no_autocast
from ucdver_vlm.base import ClipConfig, ClipMethod, cosine_logits
from ucdver_vlm.class_names import ClassNames
from ucdver_vlm.clip import Clip
from ucdver_vlm.frozen import Frozen
from ucdver_vlm.prompts import nouns

#: Standard deviation of context tokens before training: CoOp's, on which DAPL is built (Zhou et al., IJCV 2022).
INIT_STD = 0.02


def domain_cross_entropy(logits: Tensor, domains: Tensor, labels: Tensor, joint: bool) -> Tensor:
    """Return -log P(class, domain | x) of each image, [B].

    Args:
        logits: [B, domains, K].
        domains: int64 [B], the domain of each image.
        labels: int64 [B].
        joint: whether the softmax runs over the classes of all domains (the paper), or of the image's own.
    """
    if joint:
        return F.cross_entropy(logits.flatten(1), domains * logits.shape[2] + labels, reduction="none")
    own = logits[torch.arange(len(logits), device=logits.device), domains]
    return F.cross_entropy(own, labels, reduction="none")


def pseudo_labels(logits: Tensor, threshold: float, temperature: float) -> tuple[Tensor, Tensor]:
    """Return the likeliest class [B] of zero-shot logits [B, K], and the mask [B] of those that are sure enough.

    Sure is a probability of at least `threshold` at `temperature`.
    """
    confidence, labels = (logits.detach() / temperature).softmax(1).max(1)
    return labels, (confidence >= threshold).to(logits.dtype)


class DAPrompt(ClipMethod):
    """Learnt context tokens before a class's name, some shared by all domains and some of a domain's own.

    Prompts are [v]_1..[v]_M1 [d]_1..[d]_M2 [class]. L = CE(source) + trade_off * mean_b mask_b CE(target_b, zero-shot
    label_b), each cross entropy being that of class and domain together. Predictions, of source images too, are made
    with the target's prompts. CLIP is frozen. Several source domains have tokens of their own. The published code
    (https://github.com/LeapLabTHU/DAPrompt) moreover puts a domain's name behind that of the class, and can take the
    K logits of the zero-shot prompts into the softmax; here no text is told of a domain, and the softmax is the
    paper's.

    Paper: Ge et al., Domain Adaptation via Prompt Learning, arXiv 2202.06687, 2022.
    """

    class Config(ClipConfig):
        """`context`, `domain_context`: M1 and M2, 16 in the paper; `class_specific`: [v] of each class, as on VisDA.

        `threshold`: 0.5 and `temperature`: 1 for pseudo-labels, `trade_off`: 1, as in the paper. `joint`: the softmax
        runs over classes and domains (paper); the published code takes the source's own classes for the source.
        `lr_multiplier`: on the recipe's learning rate; the paper trains with SGD at 0.003 and a cosine schedule.
        """

        context: int = Field(default=16, ge=0, json_schema_extra={"search": [4, 16]})
        domain_context: int = Field(default=16, ge=1, json_schema_extra={"search": [4, 16]})
        class_specific: bool = False
        threshold: float = Field(default=0.5, ge=0, lt=1, json_schema_extra={"search": [0.3, 0.9]})
        temperature: float = Field(default=1.0, gt=0)
        trade_off: float = Field(default=1.0, ge=0, json_schema_extra={"search": [0.1, 10.0], "log": True})
        joint: bool = True
        lr_multiplier: float = Field(default=1.0, gt=0, json_schema_extra={"search": [0.1, 100.0], "log": True})

    config: Config

    def begin(self, clip: Clip) -> None:
        """Keep both encoders frozen, and make the tokens; the target's are the last domain's."""
        super().begin(clip)
        config, width = self.config, clip.texts.width
        self.names = ClassNames(clip.texts, nouns(self.task.classes), config.context + config.domain_context)
        self.texts = Frozen(clip.texts)
        sets = self.task.num_classes if config.class_specific else 1
        domains = len(self.task.source_domains) + 1
        self.shared = nn.Parameter(INIT_STD * torch.randn(sets, config.context, width))
        self.own = nn.Parameter(INIT_STD * torch.randn(domains, config.domain_context, width))
        self.scale = clip.scale

    def text_embeddings(self, own: Tensor) -> Tensor:
        """Return the embeddings [d, K, D] of all classes' prompts with the tokens [d, M2, width] of d domains."""
        count, classes = len(own), self.task.num_classes
        shared = self.shared.expand(classes, -1, -1).expand(count, -1, -1, -1)
        context = torch.cat([shared, own.unsqueeze(1).expand(-1, classes, -1, -1)], dim=2)
        found: Tensor = self.texts(*self.names(context))
        return found.view(count, classes, -1)

    def step(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        """Return the losses; "mask" is the part of the target batch whose pseudo-label is sure."""
        labels, count = batch.sources.labels, len(batch.sources.labels)
        with torch.no_grad():
            features = self.forward_features(both_images(batch))
            with no_autocast(features):
                zero_shot: Tensor = self.head(at_least_float32(features[count:]))
            pseudo, mask = pseudo_labels(zero_shot, self.config.threshold, self.config.temperature)
        texts = self.text_embeddings(self.own)
        logits = cosine_logits("bd,mkd->bmk", features, texts, self.scale)
        source = domain_cross_entropy(logits[:count], batch.sources.domains, labels, self.config.joint).mean()
        last = torch.full_like(pseudo, len(self.own) - 1)
        target = (mask * domain_cross_entropy(logits[count:], last, pseudo, self.config.joint)).mean()
        total = source + self.config.trade_off * target
        return {"total": total, "source": source, "target": target, "mask": mask.mean()}

    def predict(self, images: Tensor, extras: Mapping[str, Tensor]) -> Prediction:
        """Return image embeddings, and logits by the target's prompts."""
        features = self.forward_features(images)
        texts = self.text_embeddings(self.own[-1:])[0]
        return Prediction(features, cosine_logits("bd,kd->bk", features, texts, self.scale))

    def parameter_groups(self) -> list[ParameterGroup]:
        """Return the context tokens."""
        return [ParameterGroup([self.shared, self.own], lr_multiplier=self.config.lr_multiplier, name="prompts")]
