"""CORAL for domain generalisation: source domains whose features have the same moments (ICLR 2021)."""

from __future__ import annotations

from itertools import combinations

from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from ucdver import Batch, Method, MethodConfig, at_least_float32, no_autocast


def moments(features: Tensor, member: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return mean [d], covariance [d, d] over n - 1, and n, of the features [B, d] for which `member` [B] is 1."""
    count = member.sum()
    mean = (member @ features) / count.clamp_min(1.0)
    centred = (features - mean) * member.unsqueeze(1)
    return mean, centred.T @ centred / (count - 1).clamp_min(1.0), count


def pairwise_coral(features: Tensor, domains: Tensor, num_domains: int) -> Tensor:
    """Return the mean over pairs of domains of mean (mu_i - mu_j)^2 + mean (C_i - C_j)^2, a scalar.

    Features are [B, d], `domains` [B] the index of each image's domain. A pair of which a batch has fewer than two
    images of either is left out of the mean; with no pair left it is 0. Computed in float32 at least, and without
    waiting for the device.
    """
    with no_autocast(features):
        features = at_least_float32(features)
        each = [moments(features, (domains == d).to(features.dtype)) for d in range(num_domains)]
        total, pairs = features.new_zeros(()), features.new_zeros(())
        for (mean_a, cov_a, n_a), (mean_b, cov_b, n_b) in combinations(each, 2):
            there = ((n_a > 1) & (n_b > 1)).to(features.dtype)
            distance = (mean_a - mean_b).square().mean() + (cov_a - cov_b).square().mean()
            total, pairs = total + there * distance, pairs + there
        return total / pairs.clamp_min(1.0)


class CoralDG(Method):
    """Cross entropy plus the distance between the feature moments of each pair of source domains.

    L = CE + trade_off * pairwise_coral. Batches hold the domains as they come, where DomainBed has as many images of
    each.

    Papers: Sun & Saenko, Deep CORAL, 2016; Gulrajani & Lopez-Paz, In Search of Lost Domain Generalization, ICLR 2021.
    """

    class Config(MethodConfig):
        """`trade_off`: gamma, 1 in DomainBed (https://github.com/facebookresearch/DomainBed), there 10^U(-1, 1)."""

        trade_off: float = Field(default=1.0, ge=0, json_schema_extra={"search": [0.1, 10.0], "log": True})

    config: Config

    def step(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        """Return the losses: "source" is the cross entropy, "coral" the unweighted distance."""
        features = self.forward_features(batch.sources.images)
        source = F.cross_entropy(self.classify(features), batch.sources.labels)
        coral = pairwise_coral(features, batch.sources.domains, len(self.task.source_domains))
        return {"total": source + self.config.trade_off * coral, "source": source, "coral": coral}
