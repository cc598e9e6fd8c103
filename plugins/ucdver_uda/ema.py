"""EMA: trained like source only, and predicted with a moving average of the weights (Polyak & Juditsky, 1992)."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from ucdver import Backbone, Batch, Method, MethodConfig, ParameterGroup, Prediction, TaskInfo
from ucdver_uda.network_copy import NetworkCopy, trained_groups


def decay_at(step: int, decay: float) -> float:
    """Return min(decay, (1 + step) / (10 + step)): TensorFlow's rule, so that a short run forgets its random start."""
    return min(decay, (1 + step) / (10 + step))


class EMA(Method):
    """Cross entropy on the source; weights and running statistics are averaged, and the average predicts.

    The average is brought up to date at the start of each step.

    Papers: Polyak & Juditsky, SIAM J. Control and Optimization 30(4), 1992; Arpit et al., Ensemble of Averages,
    NeurIPS 2022 (for domain generalisation, with a plain mean after a burn-in).
    """

    class Config(MethodConfig):
        """`decay`: 0.999 is usual; the average then covers about the last 1,000 steps."""

        decay: float = Field(default=0.999, ge=0, lt=1, json_schema_extra={"search": [0.9, 0.9999]})

    config: Config

    def __init__(self, task: TaskInfo, backbone: Backbone, config: Config) -> None:
        super().__init__(task, backbone, config)
        self.average = NetworkCopy(self)

    def parameter_groups(self) -> list[ParameterGroup]:
        """Return the usual groups without the average."""
        return trained_groups(self, self.average)

    def step(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        """Return the cross entropy, under "total"."""
        self.average.pull(self, 1 - decay_at(batch.step, self.config.decay))
        return {"total": F.cross_entropy(self(batch.sources.images), batch.sources.labels)}

    def predict(self, images: Tensor, extras: Mapping[str, Tensor]) -> Prediction:
        """Return the average's features and logits."""
        return Prediction(*self.average(images))
