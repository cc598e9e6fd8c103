"""AFN: features of larger norm transfer better, so norms are raised step by step (Xu et al., ICCV 2019)."""

from __future__ import annotations

from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from ucdver import Batch, Method, MethodConfig, at_least_float32, both_images
from ucdver_uda.entropy import entropy


def norm_step_loss(features: Tensor, delta: float) -> Tensor:
    """Return mean_i (||f_i|| - stop(||f_i||) - delta)^2 of features [B, d], a scalar.

    Its value is always delta^2; its gradient, -2 delta f_i / (B ||f_i||), is what counts: every feature grows, whatever
    its length. Computed in float32 at least.
    """
    norms = at_least_float32(features).norm(dim=1)
    loss: Tensor = (norms - norms.detach() - delta).square().mean()
    return loss


class AFN(Method):
    """Source cross entropy, and norms of source and target features that grow (stepwise AFN).

    L = CE(source) + trade_off * (norm_step_loss(f_s) + norm_step_loss(f_t)) + trade_off_entropy * H(target).

    Paper: Xu et al., Larger Norm More Transferable, ICCV 2019.
    """

    class Config(MethodConfig):
        """`delta`: 1 in the paper, 0.3 for VisDA, 0.1 to 0.3 for digits; `trade_off`: 0.05 in the paper.

        `trade_off_entropy` weighs the target's entropy: 0.1 for Office-31 in TLlib
        (https://github.com/thuml/Transfer-Learning-Library), else 0. The published block rescales its dropout so that
        norms are kept; the recipe's dropout comes after these features, so they need none.
        """

        delta: float = Field(default=1.0, gt=0, json_schema_extra={"search": [0.1, 1.0], "log": True})
        trade_off: float = Field(default=0.05, ge=0, json_schema_extra={"search": [0.005, 0.5], "log": True})
        trade_off_entropy: float = Field(default=0.0, ge=0, json_schema_extra={"search": [0.0, 0.1]})

    config: Config

    def step(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        """Return the losses; "norm", the mean length of target features, is logged since "step" never moves."""
        num_source = len(batch.sources.labels)
        features = self.forward_features(both_images(batch))
        logits = self.classify(features)
        source = F.cross_entropy(logits[:num_source], batch.sources.labels)
        delta = self.config.delta
        step = norm_step_loss(features[:num_source], delta) + norm_step_loss(features[num_source:], delta)
        uncertainty = entropy(logits[num_source:].softmax(1)).mean()
        return {
            "total": source + self.config.trade_off * step + self.config.trade_off_entropy * uncertainty,
            "source": source,
            "step": step,
            "entropy": uncertainty,
            "norm": features[num_source:].detach().float().norm(dim=1).mean(),
        }
