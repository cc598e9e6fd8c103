"""BSP: an adversary with the largest singular values of the features held down (Chen et al., ICML 2019)."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from ucdver import Batch, at_least_float32, both_images, no_autocast
from ucdver_uda.dann import DANN
from ucdver_uda.domain_discriminator import domain_loss
from ucdver_uda.gradient_reversal import reversal_coefficient, reverse_gradient

#: Squarings of a Gram matrix: its power is 2^18, so that two eigenvalues that differ by 1e-5 of their size are apart.
SQUARINGS = 18


def largest_squares(features: Tensor, largest: int) -> Tensor:
    """Return the sum of the `largest` squared singular values of features [n, d], a scalar.

    Each is ||F^T v||^2 with v the leading eigenvector of F F^T, found by squaring that matrix again and again, and then
    taken out of it. v is a constant of the backward pass, which gives the derivative of a singular value. The library's
    decompositions check on the CPU whether they have converged, and so make a GPU wait at every step.
    """
    if largest >= min(features.shape):
        return features.square().sum()
    if features.shape[0] > features.shape[1]:
        features = features.T
    tiny = torch.finfo(features.dtype).tiny
    gram = (features @ features.T).detach()
    total = features.new_zeros(())
    for _ in range(largest):
        power = gram
        for _ in range(SQUARINGS):
            power = power / power.abs().max().clamp_min(tiny)
            power = power @ power
        # Every column is a multiple of v by now; the longest has lost the least.
        v = power.index_select(1, power.square().sum(0).argmax().view(1)).squeeze(1)
        v = v / v.norm().clamp_min(tiny)
        square = (features.T @ v).square().sum()
        total = total + square
        gram = gram - square.detach() * torch.outer(v, v)
    return total


def spectral_penalty(source: Tensor, target: Tensor, largest: int) -> Tensor:
    """Return the sum of the `largest` squared singular values of source [n, d] and of target [m, d] features.

    Computed in float32 at least.
    """
    with no_autocast(source):
        return largest_squares(at_least_float32(source), largest) + largest_squares(at_least_float32(target), largest)


class BSP(DANN):
    """DANN, and the largest singular value of each domain's features penalised.

    L = CE(source) + trade_off * domain_loss + trade_off_spectral * spectral_penalty. Eigenvectors of large singular
    values transfer best and crowd out those that tell classes apart; the penalty keeps them in check.

    Paper: Chen et al., Transferability vs. Discriminability: Batch Spectral Penalization, ICML 2019.
    """

    class Config(DANN.Config):
        """`largest`: how many singular values, k = 1 in the paper; the rest as in DANN.

        `trade_off_spectral`: 1e-4 in the paper, 2e-4 in TLlib (https://github.com/thuml/Transfer-Learning-Library),
        whose script also trains on the source for three epochs first. The penalty grows with batch size and feature
        norms, which is why the weight is so small.
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
