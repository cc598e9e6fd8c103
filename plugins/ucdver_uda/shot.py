"""SHOT: the source's classifier stays, and target features move to it, without the source (Liang et al., ICML 2020)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from ucdver import Backbone, Batch, ParameterGroup, TaskInfo, Views, at_least_float32
from ucdver_uda.entropy import EPSILON, entropy
from ucdver_uda.shot_labels import Distance, pseudo_labels
from ucdver_uda.source_free import SourceFree, SourceFreeConfig
from ucdver_uda.target_memory import TargetMemory


def diversity(probabilities: Tensor, prior: Tensor | None) -> Tensor:
    """Return the diversity term of probabilities [B, K], a scalar that is to be minimised.

    Without a `prior` -H(mean p), which is least when all classes are predicted as often: the paper's, for balanced
    classes. With one [K], KL(mean p || prior), which is 0 when the mean prediction is the prior.
    """
    mean = probabilities.mean(0)
    if prior is None:
        return (mean * (mean + EPSILON).log()).sum()
    return (mean * ((mean + EPSILON).log() - (prior + EPSILON).log())).sum()


class SHOT(SourceFree):
    """Certain and diverse target predictions, and pseudo-labels from centroids, under the source's frozen head.

    L = mean H(p) + trade_off_diversity * diversity + trade_off_labels * CE(pseudo-labels). Pseudo-labels are made anew
    every epoch.

    Paper: Liang et al., Do We Really Need to Access the Source Data?, ICML 2020.
    """

    class Config(SourceFreeConfig):
        """`trade_off_labels`: 0.3 in the paper, 0.1 for digits; 0 is SHOT-IM.

        `prior`: what the mean prediction should be. `uniform`: all classes alike, as published, which skewed emotions
        are not;
        `source`: the source's label frequencies; `none`: no diversity term. `distance` and `threshold` are those of the
        pseudo-labels: classes that at most `threshold` images are assigned to drop out, 0 in the published code
        (https://github.com/tim-learn/SHOT); `none`, its code for digits, keeps all.
        """

        trade_off_labels: float = Field(default=0.3, ge=0, json_schema_extra={"search": [0.0, 1.0]})
        trade_off_diversity: float = Field(default=1.0, ge=0, json_schema_extra={"search": [0.1, 1.0]})
        prior: Literal["uniform", "source", "none"] = "uniform"
        distance: Distance = "cosine"
        threshold: Annotated[int, Field(ge=0)] | Literal["none"] = 0

    config: Config

    def __init__(self, task: TaskInfo, backbone: Backbone, config: Config) -> None:
        super().__init__(task, backbone, config)
        self.labels = TargetMemory()

    def start_phase(self, phase: str) -> None:
        """Ask for views where pseudo-labels are made of them."""
        super().start_phase(phase)
        self.wants_views = self.adapting and self.config.trade_off_labels > 0

    def parameter_groups(self) -> list[ParameterGroup]:
        """Return the usual groups; while adapting, the head is frozen."""
        if not self.adapting:
            return super().parameter_groups()
        head = list(self.head.parameters())
        known = {id(p) for p in head}
        groups = [
            ParameterGroup([p for p in g.parameters if id(p) not in known], g.lr_multiplier, g.weight_decay, g.name)
            for g in super().parameter_groups()
        ]
        return [*(g for g in groups if g.parameters), ParameterGroup(head, lr_multiplier=0.0, name="frozen")]

    def on_epoch(self, views: Views | None, epoch: int) -> None:
        """Make the pseudo-labels of the epoch."""
        if views is not None and views.target is not None:
            features, logits = views.target
            threshold = None if self.config.threshold == "none" else self.config.threshold
            self.labels.fill(pseudo_labels(features, logits, self.config.distance, threshold))

    def adapt(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        """Return the losses: "entropy", "diversity" and, where they are used, "labels"."""
        logits = at_least_float32(self(batch.target.images))
        probabilities = logits.softmax(1)
        losses = {"entropy": entropy(probabilities).mean()}
        total = losses["entropy"]
        if self.config.prior != "none":
            prior = self.class_counts / self.class_counts.sum() if self.config.prior == "source" else None
            losses["diversity"] = diversity(probabilities, prior)
            total = total + self.config.trade_off_diversity * losses["diversity"]
        if self.config.trade_off_labels > 0:
            wanted = self.labels.all(logits).index_select(0, batch.target.ids)
            losses["labels"] = F.cross_entropy(logits, wanted)
            total = total + self.config.trade_off_labels * losses["labels"]
        return {"total": total, **losses}


class SHOTIM(SHOT):
    """SHOT without pseudo-labels: information maximisation alone (SHOT-IM in the paper)."""

    class Config(SHOT.Config):
        """As SHOT's, with `trade_off_labels` held at 0."""

        trade_off_labels: float = Field(default=0.0, ge=0, le=0)

    config: Config
