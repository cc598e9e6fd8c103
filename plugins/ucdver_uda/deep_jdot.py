"""DeepJDOT: target images are matched with labelled ones by optimal transport (Damodaran et al., ECCV 2018)."""

from __future__ import annotations

import math

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from ucdver import Batch, Method, MethodConfig, at_least_float32, both_images, no_autocast


@torch.no_grad()
def transport_plan(cost: Tensor, regularisation: float, iterations: int) -> Tensor:
    """Return the entropic transport plan [n, m] between uniform marginals for a cost matrix [n, m].

    Sinkhorn's algorithm in logarithms (Cuturi, NIPS 2013), a fixed number of iterations on the device: an exact solver
    runs on the CPU and would make the device wait at every step. `regularisation` is relative to the mean cost.
    The plan sums to 1, its columns exactly to 1 / m.
    """
    n, m = cost.shape
    scale = cost.mean().clamp_min(torch.finfo(cost.dtype).tiny) * regularisation
    kernel = -cost / scale
    rows, columns = cost.new_zeros(n), cost.new_zeros(m)
    for _ in range(iterations):
        rows = -math.log(n) - torch.logsumexp(kernel + columns, 1)
        columns = -math.log(m) - torch.logsumexp(kernel + rows[:, None], 0)
    return torch.exp(kernel + rows[:, None] + columns)


def joint_cost(f_s: Tensor, labels: Tensor, f_t: Tensor, logits: Tensor, alpha: float, beta: float) -> Tensor:
    """Return alpha ||f_s_i - f_t_j||^2 + beta CE(y_i, p_t_j), [n, m], of features [n, d] and [m, d].

    Args:
        f_s, labels: features and labels [n] of the source.
        f_t, logits: features and logits [m, K] of the target.
        alpha, beta: weights of the two costs.
    """
    distances = (f_s.unsqueeze(1) - f_t.unsqueeze(0)).square().sum(2)
    return alpha * distances - beta * logits.log_softmax(1).T[labels]


class DeepJDOT(Method):
    """Source cross entropy plus the cost of carrying the source's features and labels to the target.

    L = CE(source) + trade_off * sum_ij P_ij joint_cost_ij, the plan P being optimal for the cost at the present
    weights and constant in the backward pass.

    Paper: Damodaran et al., DeepJDOT, ECCV 2018, which solves for P exactly.
    """

    class Config(MethodConfig):
        """`alpha`, `beta`: weights of features and labels in the cost.

        0.01 and 1 are the defaults of the authors' code (https://github.com/bbdamodaran/deepJDOT), whose plan also
        sums to 1; the paper names 0.001 and 0.0001. That code finds the plan with the squared distance of one-hot
        labels and predictions in the place of the cross entropy that it then minimises; here both are the cross
        entropy, as in the paper.
        `regularisation` of the plan is relative to the mean cost: the nearer to 0, the nearer to the exact plan.
        """

        alpha: float = Field(default=0.01, ge=0, json_schema_extra={"search": [0.001, 1.0], "log": True})
        beta: float = Field(default=1.0, ge=0, json_schema_extra={"search": [0.01, 10.0], "log": True})
        trade_off: float = Field(default=1.0, ge=0, json_schema_extra={"search": [0.1, 10.0], "log": True})
        regularisation: float = Field(default=0.05, gt=0, json_schema_extra={"search": [0.01, 0.5], "log": True})
        iterations: int = Field(default=50, ge=1)

    config: Config

    def step(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        """Return the losses: "source" is the cross entropy, "transport" the cost of the plan."""
        num_source = len(batch.sources.labels)
        features = self.forward_features(both_images(batch))
        logits = self.classify(features)
        source = F.cross_entropy(logits[:num_source], batch.sources.labels)
        with no_autocast(features):
            f, z = at_least_float32(features), at_least_float32(logits[num_source:])
            cost = joint_cost(
                f[:num_source], batch.sources.labels, f[num_source:], z, self.config.alpha, self.config.beta
            )
            plan = transport_plan(cost.detach(), self.config.regularisation, self.config.iterations)
            transport = (plan * cost).sum()
        return {"total": source + self.config.trade_off * transport, "source": source, "transport": transport}
