"""ToAlign: only what the classifier reads of a source feature takes part in the alignment (Wei et al., NeurIPS
2021)."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from ucdver import Backbone, Batch, Method, MethodConfig, TaskInfo, at_least_float32, both_images
from ucdver_uda.domain_discriminator import DomainDiscriminator, domain_loss
from ucdver_uda.entropy import certainty_weights
from ucdver_uda.gradient_reversal import reversal_coefficient, reverse_gradient

#: Squared length of a product that still says in which direction it points: below it scale and gradient overflow.
LEAST_ENERGY = 1e-16


def positive_features(features: Tensor, weight: Tensor, labels: Tensor) -> Tensor:
    """Return s_i * w_{y_i} * f_i, [n, d]: the part of each source feature that speaks for its class.

    `weight` [K, d] is the classifier's, whose row for a class is the gradient of its logit; it is a constant
    here, as in the authors' code. s_i gives the product the length of f_i, and the gradient goes through it. Computed
    in float32 at least.
    """
    features = at_least_float32(features)
    product = features * at_least_float32(weight.detach()[labels])
    before, after = features.square().sum(1), product.square().sum(1)
    # Where a feature has next to nothing in common with its class the product is 0, without a gradient.
    shared = after > LEAST_ENERGY
    scale = (before.where(shared, 1.0) / after.where(shared, 1.0)).sqrt() * shared
    return product * scale.unsqueeze(1)


class ToAlign(Method):
    """Source cross entropy plus a discriminator on predictions, the source's made of its positive features.

    L = CE(source) + trade_off * domain_loss(D(softmax(h(f_pos))), D(softmax(h(f_t)))), the images weighted by
    certainty as in CDAN+E, the gradient into the predictions reversed. The paper also builds on HDA, whose heuristic
    heads are not part of this method: its baseline is the discriminator on predictions ("DANNP"). The authors' code
    weighs with exp(-H), each domain's weights by themselves and with a reversed gradient of H, and its discriminator
    has dropout where this one has batch norms.

    Paper: Wei et al., ToAlign: Task-oriented Alignment for Unsupervised Domain Adaptation, NeurIPS 2021.
    """

    class Config(MethodConfig):
        """`trade_off`: 1 in the paper; `hidden`: width of the discriminator, 1,024 there.

        The authors' code: https://github.com/microsoft/UDA.
        """

        trade_off: float = Field(default=1.0, ge=0, json_schema_extra={"search": [0.1, 10.0], "log": True})
        hidden: int = Field(default=1024, ge=1, json_schema_extra={"search": [64, 1024], "log": True})

    config: Config

    def __init__(self, task: TaskInfo, backbone: Backbone, config: Config) -> None:
        super().__init__(task, backbone, config)
        self.discriminator = DomainDiscriminator(task.num_classes, config.hidden)

    def step(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        """Return the losses; "reversal" is lambda_p, as in DANN."""
        labels = batch.sources.labels
        n = len(labels)
        features = self.forward_features(both_images(batch))
        logits = self.classify(features)
        source = F.cross_entropy(logits[:n], labels)
        positive = positive_features(features[:n], self.head.weight, labels)
        read = torch.cat([self.classify(positive), logits[n:]])
        coefficient = reversal_coefficient(progress)
        weights = certainty_weights(read, n, coefficient, "joint")
        domain = domain_loss(self.discriminator(reverse_gradient(read.softmax(1), coefficient)), n, weights)
        return {
            "total": source + self.config.trade_off * domain,
            "source": source,
            "domain": domain,
            "reversal": torch.full((), coefficient, device=batch.target.images.device),
        }
