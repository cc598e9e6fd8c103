"""DANN: features from which a discriminator cannot tell the domains apart (Ganin et al., JMLR 2016)."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from ucdver import Backbone, Batch, Method, MethodConfig, TaskInfo, both_images
from ucdver_uda.domain_discriminator import DomainDiscriminator, domain_loss
from ucdver_uda.gradient_reversal import reversal_coefficient, reverse_gradient


class DANN(Method):
    """Source cross entropy plus a domain discriminator behind gradient reversal.

    L = CE(source) + trade_off * (BCE(D(f_s), 1) + BCE(D(f_t), 0)) / 2, where the gradient that reaches the
    features from D is multiplied by -lambda_p. Source and target share one forward pass, hence their batch
    statistics.

    Paper: Ganin et al., Domain-Adversarial Training of Neural Networks, JMLR 17(59), 2016.
    """

    class Config(MethodConfig):
        """`trade_off` weighs the domain loss; `hidden` is the discriminator's width.

        The paper's discriminators differ by data set (100 units for digits, 1,024 twice for Office-31); 1,024
        twice with batch normalisation is what later code, and the tables that cite it, use throughout
        (https://github.com/thuml/Transfer-Learning-Library).
        """

        trade_off: float = Field(default=1.0, ge=0, json_schema_extra={"search": [0.1, 10.0], "log": True})
        hidden: int = Field(default=1024, ge=1, json_schema_extra={"search": [64, 1024], "log": True})

    config: Config

    def __init__(self, task: TaskInfo, backbone: Backbone, config: Config) -> None:
        super().__init__(task, backbone, config)
        self.discriminator = DomainDiscriminator(self.feature_dim, config.hidden)

    def step(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        """Return the losses; "reversal" is lambda_p, logged because it says how hard the adversary pulls."""
        num_source = len(batch.sources.labels)
        features = self.forward_features(both_images(batch))
        source = F.cross_entropy(self.classify(features[:num_source]), batch.sources.labels)
        coefficient = reversal_coefficient(progress)
        domain = domain_loss(self.discriminator(reverse_gradient(features, coefficient)), num_source)
        return {
            "total": source + self.config.trade_off * domain,
            "source": source,
            "domain": domain,
            "reversal": torch.full((), coefficient, device=batch.target.images.device),
        }
