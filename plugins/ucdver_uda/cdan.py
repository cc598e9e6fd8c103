"""CDAN: an adversary that also sees what the classifier predicts (Long et al., NeurIPS 2018)."""

from __future__ import annotations

import math
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from ucdver import Backbone, Batch, Method, MethodConfig, TaskInfo, both_images
from ucdver_uda.domain_discriminator import DomainDiscriminator, domain_loss
from ucdver_uda.entropy import certainty_weights
from ucdver_uda.gradient_reversal import reversal_coefficient, reverse_gradient

#: Above this many products K * d the random map takes the place of the full one (section 3.2 of the paper).
MAX_PRODUCTS = 4096


def multilinear_map(features: Tensor, probabilities: Tensor) -> Tensor:
    """Return the outer products [B, K * d], class-major, of probabilities [B, K] and features [B, d]."""
    return (probabilities.unsqueeze(2) * features.unsqueeze(1)).flatten(1)


def random_map(features: Tensor, probabilities: Tensor, r_features: Tensor, r_classes: Tensor) -> Tensor:
    """Return (f R_f) * (p R_p) / sqrt(r), [B, r].

    Features f are [B, d], probabilities p [B, K], and the random matrices [d, r] and [K, r].
    """
    return (features @ r_features) * (probabilities @ r_classes) / math.sqrt(r_features.shape[1])


class CDAN(Method):
    """Source cross entropy plus a discriminator that reads the product of features and predictions.

    L = CE(source) + trade_off * domain_loss(D(p (x) f)), p being the softmax without gradient. With `entropy`
    the images that the classifier is sure of count more (CDAN+E).

    Paper: Long et al., Conditional Adversarial Domain Adaptation, NeurIPS 2018.
    """

    class Config(MethodConfig):
        """`trade_off`, `hidden`: as in DANN; `random_width`: the random map's; `entropy`: weights of images.

        `off`: not at all. The paper's best rows are CDAN+E, but the code whose tables are cited today (TLlib,
        https://github.com/thuml/Transfer-Learning-Library) reports plain CDAN, so that is the default. `joint`: CDAN+E
        as TLlib has it: weights without gradient, mean 1 over both domains. `per_domain`: CDAN+E as the authors' code
        has it (https://github.com/thuml/CDAN): each domain's weights sum to the same, and the gradient passes through
        the entropy, reversed.
        """

        trade_off: float = Field(default=1.0, ge=0, json_schema_extra={"search": [0.1, 10.0], "log": True})
        hidden: int = Field(default=1024, ge=1, json_schema_extra={"search": [64, 1024], "log": True})
        random_width: int = Field(default=1024, ge=1)
        entropy: Literal["off", "joint", "per_domain"] = "off"

    config: Config
    r_features: Tensor
    r_classes: Tensor

    def __init__(self, task: TaskInfo, backbone: Backbone, config: Config) -> None:
        super().__init__(task, backbone, config)
        width = task.num_classes * self.feature_dim
        self.randomised = width > MAX_PRODUCTS
        if self.randomised:
            width = config.random_width
            # Buffers, so that a resumed run goes on with the map it began with.
            self.register_buffer("r_features", torch.randn(self.feature_dim, width))
            self.register_buffer("r_classes", torch.randn(task.num_classes, width))
        self.discriminator = DomainDiscriminator(width, config.hidden)

    def condition(self, features: Tensor, probabilities: Tensor) -> Tensor:
        """Return what the discriminator reads: the full map, or the random one where that is too wide."""
        if self.randomised:
            return random_map(features, probabilities, self.r_features, self.r_classes)
        return multilinear_map(features, probabilities)

    def step(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        """Return the losses; "reversal" is lambda_p, as in DANN."""
        num_source = len(batch.sources.labels)
        features = self.forward_features(both_images(batch))
        logits = self.classify(features)
        source = F.cross_entropy(logits[:num_source], batch.sources.labels)
        coefficient = reversal_coefficient(progress)
        conditioned = self.condition(features, logits.detach().softmax(1))
        weights = certainty_weights(logits, num_source, coefficient, self.config.entropy)
        domain = domain_loss(self.discriminator(reverse_gradient(conditioned, coefficient)), num_source, weights)
        return {
            "total": source + self.config.trade_off * domain,
            "source": source,
            "domain": domain,
            "reversal": torch.full((), coefficient, device=batch.target.images.device),
        }
