"""FixMatch for adaptation: sure predictions on weak views are labels for strong views (Sohn et al., NeurIPS 2020)."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from ucdver import Backbone, Batch, Method, PseudoLabels, TaskInfo
from ucdver_uda.strong_view import StrongViewConfig, strong_view


def confident_loss(weak: Tensor, strong: Tensor, threshold: float) -> tuple[Tensor, PseudoLabels]:
    """Return the self-training loss and the pseudo-labels, whose weights are the mask [B] of images that count.

    mean_b 1[max p_b > threshold] CE(strong_b, argmax p_b), p being the softmax of the weak view's logits [B, K]; the
    mean is over all images, so that few sure ones weigh little. No gradient reaches `weak`.
    """
    confidence, labels = weak.detach().softmax(1).max(1)
    mask = (confidence > threshold).to(strong.dtype)
    loss = (mask * F.cross_entropy(strong, labels, reduction="none")).mean()
    return loss, PseudoLabels(labels, mask, confidence)


class FixMatch(Method):
    """Source cross entropy plus cross entropy of the target's strong views with sure predictions on their weak views.

    L = CE(source) + trade_off * confident_loss(z_weak, z_strong, threshold). Source, weak and strong target images go
    through the network apart, each with its own batch statistics, as in TLlib.

    Paper: Sohn et al., FixMatch: Simplifying Semi-Supervised Learning, NeurIPS 2020.
    """

    class Config(StrongViewConfig):
        """`threshold`: 0.95 in the paper, 0.9 in TLlib's adaptation (0.8 for VisDA); `trade_off`: 1 in both.

        TLlib: https://github.com/thuml/Transfer-Learning-Library.
        """

        threshold: float = Field(default=0.9, ge=0, lt=1, json_schema_extra={"search": [0.7, 0.95]})
        trade_off: float = Field(default=1.0, ge=0, json_schema_extra={"search": [0.1, 10.0], "log": True})

    config: Config

    def __init__(self, task: TaskInfo, backbone: Backbone, config: Config) -> None:
        super().__init__(task, backbone, config)
        self.strong = strong_view(task, config.strength)

    def step(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        """Return the losses; "mask" is the part of the target batch that was sure."""
        source = F.cross_entropy(self(batch.sources.images), batch.sources.labels)
        with torch.no_grad():
            weak = self(batch.target.images)
        strong = self(self.strong(batch.target.images))
        target, self.pseudo_labels = confident_loss(weak, strong, self.config.threshold)
        return {
            "total": source + self.config.trade_off * target,
            "source": source,
            "target": target,
            "mask": self.pseudo_labels.weights.mean(),
        }
