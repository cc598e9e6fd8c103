"""Mean teacher for adaptation: the student follows the average of its own past (French et al., ICLR 2018)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from ucdver import Backbone, Batch, Method, ParameterGroup, Prediction, TaskInfo
from ucdver_uda.network_copy import NetworkCopy, trained_groups
from ucdver_uda.strong_view import StrongViewConfig, strong_view


def consistency(student: Tensor, teacher: Tensor, confidence: float) -> tuple[Tensor, Tensor]:
    """Return mean_b 1[max q_b > confidence] mean_k (p_bk - q_bk)^2 and the mask [B].

    p and q are the softmax of the student's and the teacher's logits [B, K]; no gradient reaches the teacher.
    """
    wanted = teacher.detach().softmax(1)
    mask = (wanted.max(1).values > confidence).to(student.dtype)
    return (mask * (student.softmax(1) - wanted).square().mean(1)).mean(), mask


class MeanTeacher(Method):
    """Source cross entropy plus squared differences between the student's and a mean teacher's target predictions.

    L = CE(source) + trade_off * consistency(student on a strong view, teacher on the weak one). The teacher's weights
    are a moving average of the student's, brought up to date at the start of each step, and it is the teacher that
    predicts. Source and target images have batch statistics apart, as in the paper.

    Papers: Tarvainen & Valpola, Mean teachers are better role models, NIPS 2017; French et al., Self-ensembling for
    Visual Domain Adaptation, ICLR 2018.
    """

    class Config(StrongViewConfig):
        """`decay`: 0.99 in the paper on adaptation; `confidence`: 0.968 there; `trade_off`: 3 there.

        The paper adds a class balance term for some pairs, which presumes balanced classes; it is left out.
        """

        decay: float = Field(default=0.99, ge=0, lt=1, json_schema_extra={"search": [0.9, 0.999]})
        confidence: float = Field(default=0.968, ge=0, lt=1, json_schema_extra={"search": [0.5, 0.968]})
        trade_off: float = Field(default=3.0, ge=0, json_schema_extra={"search": [0.3, 30.0], "log": True})

    config: Config

    def __init__(self, task: TaskInfo, backbone: Backbone, config: Config) -> None:
        super().__init__(task, backbone, config)
        self.strong = strong_view(task, config.strength)
        self.teacher = NetworkCopy(self)

    def parameter_groups(self) -> list[ParameterGroup]:
        """Return the usual groups without the teacher."""
        return trained_groups(self, self.teacher)

    def step(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        """Return the losses; "mask" is the part of the target batch that the teacher is sure of."""
        # In a short run the average would stay near the random start: it covers the steps so far at most.
        self.teacher.pull(self, 1 - min(self.config.decay, batch.step / (batch.step + 1)))
        source = F.cross_entropy(self(batch.sources.images), batch.sources.labels)
        with torch.no_grad():
            _, wanted = self.teacher(batch.target.images)
        target, mask = consistency(self(self.strong(batch.target.images)), wanted, self.config.confidence)
        return {
            "total": source + self.config.trade_off * target,
            "source": source,
            "target": target,
            "mask": mask.mean(),
        }

    def predict(self, images: Tensor, extras: Mapping[str, Tensor]) -> Prediction:
        """Return the teacher's features and logits."""
        return Prediction(*self.teacher(images))
