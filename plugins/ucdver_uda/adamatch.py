"""AdaMatch: FixMatch with aligned pseudo-labels and a threshold that follows the source (ICLR 2022)."""

from __future__ import annotations

import math

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from ucdver import Backbone, Batch, Method, PseudoLabels, TaskInfo
from ucdver_uda.strong_view import StrongViewConfig, strong_view

#: Against division by zero where a class gets no probability at all.
TINY = 1e-6


@torch.no_grad()
def aligned_labels(source: Tensor, target: Tensor, threshold: float) -> tuple[Tensor, Tensor]:
    """Return soft pseudo-labels [m, K] of the target and the mask [m] of those that count.

    The target's probabilities, of logits [m, K], are multiplied by mean p_s / mean p_t class by class and normalised,
    so that the target's label distribution follows the source's. One counts when its largest is at least `threshold`
    times the mean largest probability of the source, of logits [n, K].
    """
    p_s, p_t = source.softmax(1), target.softmax(1)
    aligned = p_t * (p_s.mean(0) / p_t.mean(0).clamp_min(TINY))
    aligned = aligned / aligned.sum(1, keepdim=True).clamp_min(TINY)
    relative = threshold * p_s.max(1).values.mean()
    return aligned, (aligned.max(1).values >= relative).to(target.dtype)


def ramp(progress: float) -> float:
    """Return 1/2 - cos(min(pi, 2 pi progress)) / 2: from 0 to 1 in the first half of the run."""
    return 0.5 - math.cos(min(math.pi, 2 * math.pi * progress)) / 2


class AdaMatch(Method):
    """Both views of the source are learnt, and strong target views from aligned predictions on weak ones.

    L = CE(weak source) + CE(strong source) + ramp(progress) * trade_off * mean(mask * CE(strong target, aligned
    labels)). The source's logits are a random mix, one weight a logit, of those from a pass with the target and those
    from a pass without. The paper's code leaves running batch statistics to the joint pass; here both move them.

    Paper: Berthelot et al., AdaMatch: A Unified Approach to Semi-Supervised Learning and Domain Adaptation, ICLR 2022.
    """

    class Config(StrongViewConfig):
        """`threshold`: relative to the source's confidence, 0.9 in the paper; `trade_off`: 1 in the paper.

        The authors' code: https://github.com/google-research/adamatch.
        """

        threshold: float = Field(default=0.9, ge=0, le=1, json_schema_extra={"search": [0.7, 0.95]})
        trade_off: float = Field(default=1.0, ge=0, json_schema_extra={"search": [0.1, 10.0], "log": True})

    config: Config

    def __init__(self, task: TaskInfo, backbone: Backbone, config: Config) -> None:
        super().__init__(task, backbone, config)
        self.strong = strong_view(task, config.strength)

    def step(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        """Return the losses; "mask" is the part of the target batch that counts."""
        labels = batch.sources.labels
        n = len(labels)
        sources = torch.cat([batch.sources.images, self.strong(batch.sources.images)])
        targets = torch.cat([batch.target.images, self.strong(batch.target.images)])
        joint = self(torch.cat([sources, targets]))
        of_sources, of_targets = joint[: 2 * n], joint[2 * n :]
        weight = torch.rand_like(of_sources)
        mixed = weight * of_sources + (1 - weight) * self(sources)
        source = F.cross_entropy(mixed[:n], labels) + F.cross_entropy(mixed[n:], labels)
        weak, strong = of_targets.chunk(2)
        wanted, mask = aligned_labels(mixed[:n].detach(), weak, self.config.threshold)
        self.pseudo_labels = PseudoLabels(wanted.argmax(1), mask, wanted.amax(1))
        target = (mask * F.cross_entropy(strong, wanted, reduction="none")).mean()
        return {
            "total": source + self.config.trade_off * ramp(progress) * target,
            "source": source,
            "target": target,
            "mask": mask.mean(),
        }
