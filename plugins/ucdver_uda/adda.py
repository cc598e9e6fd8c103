"""ADDA: a target encoder of its own, moved until a discriminator takes it for the source's (CVPR 2017)."""

from __future__ import annotations

import math

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from ucdver import Backbone, Batch, Method, MethodConfig, ParameterGroup, TaskInfo
from ucdver_uda.domain_discriminator import DomainDiscriminator, domain_loss
from ucdver_uda.gradient_reversal import reversal_coefficient, reverse_gradient
from ucdver_uda.network_copy import NetworkCopy, trained_groups


class ADDA(Method):
    """First cross entropy on the source; then the encoder, starting from the source's, is adapted to the target.

    In the second stage the source encoder and the head stay as they are, the discriminator tells source features of the
    frozen encoder from target features of the moving one, and the latter gets its gradient reversed:
    L = trade_off * domain_loss(D(f_s), D(f_t)). Predictions are the target encoder's.

    The original alternates updates with inverted labels and Adam; this is TLlib's variant in one backward pass
    (https://github.com/thuml/Transfer-Learning-Library).

    Paper: Tzeng et al., Adversarial Discriminative Domain Adaptation, CVPR 2017.
    """

    class Config(MethodConfig):
        """`source_share`: part of the steps that are spent on the source, 3 of some 23 epochs in TLlib.

        TLlib starts from ImageNet's weights and trains 1,000 steps an epoch. A suite here may have a network from
        scratch and a few hundred steps in all, and what has not learnt the source has nothing to adapt: hence half.

        `reversal`: where the coefficient ends, 2 in TLlib; `hidden`: the discriminator's width, 1,024 there.
        """

        source_share: float = Field(default=0.5, gt=0, lt=1, json_schema_extra={"search": [0.13, 0.5]})
        reversal: float = Field(default=2.0, gt=0, json_schema_extra={"search": [0.1, 2.0], "log": True})
        trade_off: float = Field(default=1.0, ge=0, json_schema_extra={"search": [0.1, 10.0], "log": True})
        hidden: int = Field(default=1024, ge=1, json_schema_extra={"search": [64, 1024], "log": True})

    config: Config

    def __init__(self, task: TaskInfo, backbone: Backbone, config: Config) -> None:
        super().__init__(task, backbone, config)
        self.source_networks = NetworkCopy(self)
        self.discriminator = DomainDiscriminator(self.feature_dim, config.hidden)

    def parameter_groups(self) -> list[ParameterGroup]:
        """Return the usual groups without the frozen source networks."""
        return trained_groups(self, self.source_networks)

    def step(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        """Return "source" in the first stage; "domain" and "reversal" in the second."""
        switch = min(math.ceil(self.config.source_share * batch.total_steps), batch.total_steps - 1)
        if batch.step < switch:
            source = F.cross_entropy(self(batch.sources.images), batch.sources.labels)
            return {"total": source, "source": source}
        if batch.step == switch:
            self.source_networks.pull(self, 1.0)
        # The frozen encoder keeps the batch statistics that it was trained with.
        self.source_networks.eval()
        with torch.no_grad():
            fixed, _ = self.source_networks(batch.sources.images)
        moving = self.forward_features(batch.target.images)
        stage_progress = (batch.step - switch) / (batch.total_steps - switch)
        coefficient = reversal_coefficient(stage_progress, high=self.config.reversal)
        read = self.discriminator(torch.cat([fixed, reverse_gradient(moving, coefficient)]))
        domain = domain_loss(read, len(fixed))
        reversal = torch.full((), coefficient, device=batch.target.images.device)
        return {"total": self.config.trade_off * domain, "domain": domain, "reversal": reversal}
