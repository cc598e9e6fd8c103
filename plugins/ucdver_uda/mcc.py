"""MCC: fewer confusions between classes on the target, without an adversary (Jin et al., ECCV 2020)."""

from __future__ import annotations

from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from ucdver import Batch, Method, MethodConfig, at_least_float32, both_images, no_autocast
from ucdver_uda.entropy import certainty

#: A class that no image of the batch gives this much probability mass has an empty row, not 0 / 0.
MIN_ROW = 1e-18


def mcc_loss(logits: Tensor, temperature: float) -> Tensor:
    """Return the minimum class confusion of target logits [B, K], a scalar in [0, (K - 1) / K].

    With P = softmax(logits / temperature), C = P^T diag(w) P, rows of C divided by their sums, the loss is
    the mean over classes of what lies off the diagonal. The weights w = 1 + exp(-H(P)), scaled to sum to B,
    carry no gradient: through them the loss could be lowered by being unsure. It is 0 when every prediction
    is one-hot and (K - 1) / K when every prediction is uniform. Computed in float32 at least.
    """
    with no_autocast(logits):
        probabilities = (at_least_float32(logits) / temperature).softmax(1)
        weights = certainty(probabilities.detach())
        weights = weights * (len(weights) / weights.sum())
        confusion = (probabilities * weights.unsqueeze(1)).T @ probabilities
        confusion = confusion / confusion.sum(1, keepdim=True).clamp_min(MIN_ROW)
        return (confusion.sum() - confusion.trace()) / confusion.shape[0]


class MCC(Method):
    """Source cross entropy plus the class confusion of the target predictions.

    L = CE(source) + trade_off * mcc_loss(target logits, temperature).

    Paper: Jin et al., Minimum Class Confusion for Versatile Domain Adaptation, ECCV 2020.
    """

    class Config(MethodConfig):
        """`temperature` softens the target predictions (2.5 in the paper; 3 for VisDA); `trade_off` is mu."""

        temperature: float = Field(default=2.5, gt=0, json_schema_extra={"search": [1.0, 5.0]})
        trade_off: float = Field(default=1.0, ge=0, json_schema_extra={"search": [0.1, 10.0], "log": True})

    config: Config

    def step(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        """Return the losses: "source" is the cross entropy, "confusion" the target's."""
        num_source = len(batch.sources.labels)
        logits = self(both_images(batch))
        source = F.cross_entropy(logits[:num_source], batch.sources.labels)
        confusion = mcc_loss(logits[num_source:], self.config.temperature)
        return {
            "total": source + self.config.trade_off * confusion,
            "source": source,
            "confusion": confusion,
        }
