"""Tent: only normalisation layers adapt, by the entropy of target predictions (Wang et al., ICLR 2021)."""

from __future__ import annotations

from pydantic import Field
from torch import Tensor, nn

from ucdver import Batch, ParameterGroup, SpecError, at_least_float32
from ucdver_uda.source_free import SourceFree, SourceFreeConfig

_NORMS = (nn.modules.batchnorm._BatchNorm, nn.LayerNorm, nn.GroupNorm)


def prediction_entropy(logits: Tensor) -> Tensor:
    """Return -sum_k p_k log p_k, [B], of logits [B, K], in float32 at least.

    No epsilon, as in the published code (https://github.com/DequanWang/tent).
    """
    log_p = at_least_float32(logits).log_softmax(1)
    return -(log_p.exp() * log_p).sum(1)


class Tent(SourceFree):
    """After the source phase, scales and shifts of normalisation layers minimise the entropy of target predictions.

    L = mean H(p). Batch normalisation uses the batch's statistics while adapting, as in the paper. Predictions are made
    afterwards with the running statistics, which by then are the target's, so that they do not depend on a batch; the
    paper predicts on the fly.

    Paper: Wang et al., Tent: Fully Test-Time Adaptation by Entropy Minimization, ICLR 2021.
    """

    class Config(SourceFreeConfig):
        """The source model is a plain one, since Tent takes any; `lr_multiplier`: on the recipe's learning rate.

        The paper adapts with Adam at 0.001 or SGD at 0.00025, far below the rate of training, without weight decay.
        """

        label_smoothing: float = Field(default=0.0, ge=0, lt=1)
        weight_norm: bool = False
        lr_multiplier: float = Field(default=0.1, gt=0, json_schema_extra={"search": [0.01, 1.0], "log": True})

    config: Config

    def parameter_groups(self) -> list[ParameterGroup]:
        """Return the usual groups; while adapting, scales and shifts alone, all else frozen."""
        if not self.adapting:
            return super().parameter_groups()
        norms = [m for m in self.modules() if isinstance(m, _NORMS)]
        affine = [p for m in norms for p in m.parameters(recurse=False)]
        if not affine:
            raise SpecError(
                "tent adapts normalisation layers, and this network has none", "set a bottleneck in [recipe]"
            )
        known = {id(p) for p in affine}
        rest = [p for p in self.parameters() if id(p) not in known]
        return [
            ParameterGroup(affine, lr_multiplier=self.config.lr_multiplier, weight_decay=0.0, name="norms"),
            ParameterGroup(rest, lr_multiplier=0.0, name="frozen"),
        ]

    def adapt(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        """Return the entropy, which is the whole loss."""
        loss = prediction_entropy(self(batch.target.images)).mean()
        return {"total": loss, "entropy": loss}
