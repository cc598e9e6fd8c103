"""GroupDRO: the source domain that does worst counts most (Sagawa et al., ICLR 2020)."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from ucdver import Backbone, Batch, Method, MethodConfig, TaskInfo


def domain_losses(losses: Tensor, domains: Tensor, num_domains: int) -> Tensor:
    """Return the mean loss of each domain, [D], of losses [B] and domain indices [B]; 0 for a domain without images."""
    member = (domains[:, None] == torch.arange(num_domains, device=domains.device)).to(losses.dtype)
    return (losses @ member) / member.sum(0).clamp_min(1.0)


class GroupDRO(Method):
    """Cross entropy weighted by domain, the weights following the losses.

    q_d <- q_d exp(eta L_d), normalised; L = sum_d q_d L_d. A domain that is absent from a batch keeps its weight but
    for the normalisation.

    Paper: Sagawa et al., Distributionally Robust Neural Networks, ICLR 2020.
    """

    class Config(MethodConfig):
        """`eta`: 0.01 in the paper and in DomainBed (https://github.com/facebookresearch/DomainBed: 10^U(-3, -1))."""

        eta: float = Field(default=0.01, ge=0, json_schema_extra={"search": [0.001, 0.1], "log": True})

    config: Config
    weights: Tensor

    def __init__(self, task: TaskInfo, backbone: Backbone, config: Config) -> None:
        super().__init__(task, backbone, config)
        domains = len(task.source_domains)
        self.register_buffer("weights", torch.full((domains,), 1 / domains))

    def step(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        """Return the losses: "total" is the weighted one, "source" the plain mean, "largest" the largest weight."""
        losses = F.cross_entropy(self(batch.sources.images), batch.sources.labels, reduction="none")
        each = domain_losses(losses, batch.sources.domains, len(self.weights))
        weights = self.weights * torch.exp(self.config.eta * each.detach())
        self.weights.copy_(weights / weights.sum())
        # A clone: the buffer may be written again before the backward pass of a loss that holds on to it.
        total = (self.weights.clone() * each).sum()
        return {"total": total, "source": losses.mean(), "largest": self.weights.max().clone()}
