"""AaD: target images attract their neighbours' predictions and disperse the rest (Yang et al., NeurIPS 2022)."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from ucdver import Backbone, Batch, TaskInfo, Views, at_least_float32, no_autocast
from ucdver_uda.source_free import SourceFree, SourceFreeConfig
from ucdver_uda.target_memory import TargetMemory


def attraction(probabilities: Tensor, neighbours: Tensor) -> Tensor:
    """Return -mean_i sum_k p_i . q_ik of probabilities [B, K] and those of neighbours [B, k, K], a scalar."""
    return -(probabilities.unsqueeze(1) * neighbours).sum((1, 2)).mean()


def dispersion(probabilities: Tensor) -> Tensor:
    """Return mean_i sum_{j != i} p_i . p_j of probabilities [B, K], a scalar."""
    products = probabilities @ probabilities.T
    return (products.sum() - products.trace()) / len(products)


@torch.no_grad()
def nearest(features: Tensor, bank: Tensor, count: int) -> Tensor:
    """Return the rows [B, count] of `bank` [N, D] that are nearest to features [B, D], both normalised.

    The first, which is left out, is the image itself: it is in the bank.
    """
    count = min(count, len(bank) - 1)
    return (features @ bank.T).topk(count + 1, dim=1).indices[:, 1:]


class AaD(SourceFree):
    """Predictions agree with those of the nearest target images and differ from the rest of the batch.

    L = attraction + (1 + 10 p)^-beta * dispersion, p being progress. Banks of features and predictions hold all target
    images; a batch's rows are renewed before it is compared, and all rows at every epoch, which the published code
    (https://github.com/Albert0147/AaD_SFDA) does not do. The head is trained too, as there.

    Paper: Yang et al., Attracting and Dispersing: A Simple Approach for Source-free Domain Adaptation, NeurIPS 2022.
    """

    class Config(SourceFreeConfig):
        """`neighbours`: K, 5 for VisDA, 3 for Office in the paper; `beta`: 5 for VisDA, else 0 to 2."""

        neighbours: int = Field(default=5, ge=1, json_schema_extra={"search": [2, 5]})
        beta: float = Field(default=5.0, ge=0, json_schema_extra={"search": [0.0, 5.0]})

    config: Config

    def __init__(self, task: TaskInfo, backbone: Backbone, config: Config) -> None:
        super().__init__(task, backbone, config)
        self.features, self.predictions = TargetMemory(), TargetMemory()

    def start_phase(self, phase: str) -> None:
        """Ask for views where the banks are made of them."""
        super().start_phase(phase)
        self.wants_views = self.adapting

    def on_epoch(self, views: Views | None, epoch: int) -> None:
        """Fill the banks."""
        if views is not None and views.target is not None:
            self.features.fill(F.normalize(views.target.features, dim=1))
            self.predictions.fill(views.target.logits.softmax(1))

    def adapt(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        """Return the losses: "attraction" and the unweighted "dispersion"."""
        raw = self.forward_features(batch.target.images)
        logits = at_least_float32(self.classify(raw))
        with no_autocast(logits):
            probabilities = logits.softmax(1)
            features = F.normalize(at_least_float32(raw.detach()), dim=1)
            banks = self.features.all(features), self.predictions.all(features)
            banks[0].index_copy_(0, batch.target.ids, features)
            banks[1].index_copy_(0, batch.target.ids, probabilities.detach())
            attracted = attraction(probabilities, banks[1][nearest(features, banks[0], self.config.neighbours)])
            dispersed = dispersion(probabilities)
        weight = (1 + 10 * progress) ** -self.config.beta
        return {"total": attracted + weight * dispersed, "attraction": attracted, "dispersion": dispersed}
