"""MDD: an adversarial classifier that disagrees on the target and agrees on the source (Zhang et al., ICML 2019)."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from ucdver import Backbone, Batch, Method, MethodConfig, TaskInfo, at_least_float32, both_images
from ucdver_uda.gradient_reversal import reversal_coefficient, reverse_gradient

#: Inside the logarithm, in TLlib; the authors' code clamps at 1e-7 (https://github.com/thuml/MDD).
OFFSET = 1e-6


def margin_disparity(
    source: Tensor, source_adversary: Tensor, target: Tensor, target_adversary: Tensor, margin: float
) -> Tensor:
    """Return the margin disparity discrepancy of main and adversarial logits, each [B, K], a scalar.

    margin * E_s log softmax(h')[argmax h] + E_t log(1 - softmax(h')[argmax h]). It is never above 0, and the nearer to
    0 the better the adversary repeats the main head on the source and contradicts it on the target. No gradient reaches
    the main head.
    """
    source_adversary, target_adversary = at_least_float32(source_adversary), at_least_float32(target_adversary)
    agreement = -margin * F.cross_entropy(source_adversary, source.argmax(1))
    repeated = target_adversary.softmax(1).gather(1, target.argmax(1, keepdim=True))
    return agreement + (1 - repeated + OFFSET).clamp_max(1.0).log().mean()


class MDD(Method):
    """Source cross entropy minus the margin disparity discrepancy, its features behind gradient reversal.

    L = CE(source) - trade_off * margin_disparity(...): the adversarial head raises the discrepancy, and the features,
    to which its gradient comes reversed, lower it.

    Paper: Zhang et al., Bridging Theory and Algorithm for Domain Adaptation, ICML 2019.
    """

    class Config(MethodConfig):
        """`margin`: gamma, 4 in the paper, 2 for very many classes; `hidden`: 0 is the width of the features.

        `reversal`: where the reversal's coefficient ends, 0.1 in the authors' code. Only the adversary has a hidden
        layer; the main head stays the linear one that every method of a suite has, where the paper gives it a hidden
        layer too.
        """

        margin: float = Field(default=4.0, gt=0, json_schema_extra={"search": [1.0, 4.0]})
        reversal: float = Field(default=0.1, gt=0, json_schema_extra={"search": [0.03, 1.0], "log": True})
        trade_off: float = Field(default=1.0, ge=0, json_schema_extra={"search": [0.1, 10.0], "log": True})
        hidden: int = Field(default=0, ge=0)

    config: Config

    def __init__(self, task: TaskInfo, backbone: Backbone, config: Config) -> None:
        super().__init__(task, backbone, config)
        hidden = config.hidden or self.feature_dim
        # Dropout 0.5 as in both codes.
        self.adversary = nn.Sequential(
            nn.Linear(self.feature_dim, hidden),
            nn.ReLU(inplace=True),
            nn.Dropout(0.5),
            nn.Linear(hidden, task.num_classes),
        )

    def step(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        """Return the losses; "mdd" is the discrepancy itself, at most 0, and enters the total with a minus."""
        num_source = len(batch.sources.labels)
        features = self.forward_features(both_images(batch))
        logits = self.classify(features)
        source = F.cross_entropy(logits[:num_source], batch.sources.labels)
        coefficient = reversal_coefficient(progress, high=self.config.reversal)
        adversary = self.adversary(reverse_gradient(features, coefficient))
        mdd = margin_disparity(
            logits[:num_source], adversary[:num_source], logits[num_source:], adversary[num_source:], self.config.margin
        )
        return {
            "total": source - self.config.trade_off * mdd,
            "source": source,
            "mdd": mdd,
            "reversal": torch.full((), coefficient, device=batch.target.images.device),
        }
