"""BSP: an adversary with the largest singular values of the features held down (Chen et al., ICML 2019)."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from ucdver import Batch, both_images
from ucdver_uda.dann import DANN
from ucdver_uda.domain_discriminator import domain_loss
from ucdver_uda.gradient_reversal import reversal_coefficient, reverse_gradient
from ucdver_uda.precision import at_least_float32, no_autocast


def spectral_penalty(source: Tensor, target: Tensor, largest: int) -> Tensor:
    """Return the sum of the `largest` squared singular values of source [n, d] and of target [m, d] features.

    Computed in float32 at least.
    """
    with no_autocast(source):
        of_source = torch.linalg.svdvals(at_least_float32(source))[:largest]
        of_target = torch.linalg.svdvals(at_least_float32(target))[:largest]
        penalty: Tensor = of_source.square().sum() + of_target.square().sum()
        return penalty


class BSP(DANN):
    """DANN, and the largest singular value of each domain's features penalised.

    L = CE(source) + trade_off * domain_loss + trade_off_spectral * spectral_penalty. Eigenvectors of large singular
    values transfer best and crowd out those that tell classes apart; the penalty keeps them in check.

    Paper: Chen et al., Transferability vs. Discriminability: Batch Spectral Penalization, ICML 2019.
    """

    class Config(DANN.Config):
        """`largest`: how many singular values, k = 1 in the paper; the rest as in DANN.

        `trade_off_spectral`: 1e-4 in the paper, 2e-4 in TLlib, whose script also trains on the source for three epochs
        first. The penalty grows with batch size and feature norms, which is why the weight is so small.
        """

        largest: int = Field(default=1, ge=1)
        trade_off_spectral: float = Field(default=1e-4, ge=0, json_schema_extra={"search": [1e-5, 1e-2], "log": True})

    config: Config

    def step(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        """Return DANN's losses and "spectral", the unweighted penalty."""
        num_source = len(batch.sources.labels)
        features = self.forward_features(both_images(batch))
        source = F.cross_entropy(self.classify(features[:num_source]), batch.sources.labels)
        coefficient = reversal_coefficient(progress)
        domain = domain_loss(self.discriminator(reverse_gradient(features, coefficient)), num_source)
        spectral = spectral_penalty(features[:num_source], features[num_source:], self.config.largest)
        return {
            "total": source + self.config.trade_off * domain + self.config.trade_off_spectral * spectral,
            "source": source,
            "domain": domain,
            "spectral": spectral,
            "reversal": torch.full((), coefficient, device=batch.target.images.device),
        }
