"""Weights that make source images count as much as they are like the target."""

from __future__ import annotations

import warnings
from typing import Literal

import torch
from torch import Tensor

from ucdver.selection.blocks import row_blocks

Normalisation = Literal["none", "max", "standardize"]

# Steps of the domain classifier's optimiser, at most; on standardised features some tens are enough.
ITERATIONS = 200


def density_ratio(domain_logits: Tensor, n_source: int, n_target: int) -> Tensor:
    """Return P(target | x) / P(source | x) * n_source / n_target, float64 [N] (You et al., ICML 2019).

    Args:
        domain_logits: [N, 2]; column 0 is the target, column 1 the source.
        n_source: source images that the domain classifier was trained on.
        n_target: target images likewise.
    """
    logits = domain_logits.double()
    return (logits[:, 0] - logits[:, 1]).exp() * (n_source / n_target)


def normalised(weights: Tensor, how: Normalisation) -> Tensor:
    """Return weights [N] as they are, or over their maximum and shifted to mean 1, or standardised around 1.

    Weights that are all equal carry nothing, and are all 1 when standardised.
    """
    if how == "none":
        return weights
    if how == "max":
        scaled = weights / weights.max()
        return scaled - scaled.mean() + 1
    deviation = weights.std(correction=0)
    centred = weights - weights.mean()
    return centred / deviation + 1 if bool(deviation > 0) else torch.ones_like(weights)


def classifier_weights(source: Tensor, target: Tensor, wanted: Tensor) -> Tensor:
    """Return the density ratio, float64 [M], at features `wanted` [M, D].

    A logistic regression tells source [N, D] from target [T, D] features, standardised together, with an L2 penalty
    (C = 1). DEV's authors train small networks; a logistic regression has no seed and no early stopping to choose.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    features = torch.cat([source, target])
    mean = features.mean(dim=0)
    deviation = features.std(dim=0, correction=0)
    scale = torch.where(deviation > 0, 1 / deviation.clamp_min(torch.finfo(deviation.dtype).tiny), 0.0)
    features.sub_(mean).mul_(scale)
    domains = torch.cat([torch.ones(len(source)), torch.zeros(len(target))])
    model = LogisticRegression(max_iter=ITERATIONS)
    with warnings.catch_warnings():
        # A ratio from a fit that is stopped early is a ratio still; domains that can be told apart never converge.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(features.numpy(), domains.numpy())
    towards_source = torch.from_numpy(model.decision_function(((wanted - mean) * scale).numpy()))
    return density_ratio(torch.stack([-towards_source, torch.zeros_like(towards_source)], 1), len(source), len(target))


def kernel_weights(source: Tensor, target: Tensor, bandwidth: float = 1.0) -> Tensor:
    """Return kde_target(x) / kde_source(x) at source rows x [N, D], float64 [N], scaled to sum 1.

    Both densities are means of Gaussians, as in scikit-adaptation. Works in blocks.
    """
    log_ratio = _log_density(source, target, bandwidth) - _log_density(source, source, bandwidth)
    return torch.softmax(log_ratio, dim=0)


def _log_density(at: Tensor, centres: Tensor, bandwidth: float) -> Tensor:
    """Return the log of the mean of exp(-|x - c|^2 / 2 h^2); the factor that all densities share is left out."""
    found = torch.empty(len(at), dtype=torch.float64)
    centred = centres.double()
    for block in row_blocks(len(at), 2 * len(centres)):
        squares = torch.cdist(at[block].double(), centred).square_()
        found[block] = torch.logsumexp(squares.div_(-2 * bandwidth**2), dim=1)
    return found - torch.tensor(float(len(centres)), dtype=torch.float64).log()
