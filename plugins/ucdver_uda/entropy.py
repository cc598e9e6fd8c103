"""Prediction entropy, and the weights that CDAN+E and MCC make of it."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from ucdver_uda.gradient_reversal import reverse_gradient

#: Inside the logarithm, as in the published code of CDAN (https://github.com/thuml/CDAN) and MCC
#: (https://github.com/thuml/Versatile-Domain-Adaptation); the papers write log p.
EPSILON = 1e-5


def entropy(probabilities: Tensor) -> Tensor:
    """Return -sum_k p_k log(p_k + 1e-5), in nats, [B], of probabilities [B, K]."""
    return -(probabilities * (probabilities + EPSILON).log()).sum(1)


def certainty(probabilities: Tensor) -> Tensor:
    """Return 1 + exp(-H), [B]: 2 for a certain prediction, towards 1 for an open one."""
    return 1.0 + torch.exp(-entropy(probabilities))


def certainty_weights(
    logits: Tensor, num_source: int, coefficient: float, rule: Literal["off", "joint", "per_domain"]
) -> Tensor | None:
    """Return CDAN+E's weight of each image, [B_s + B_t], or None for `off`.

    `joint`: mean 1 over both domains, no gradient. `per_domain`: mean 1 within each domain; the gradient that
    reaches the logits is multiplied by -`coefficient`, and none passes through the normalising sums.
    """
    if rule == "off":
        return None
    if rule == "joint":
        weights = certainty(logits.detach().softmax(1))
        return weights / weights.mean()
    weights = 1.0 + torch.exp(-reverse_gradient(entropy(logits.softmax(1)), coefficient))
    source, target = weights[:num_source], weights[num_source:]
    return torch.cat([source / source.detach().mean(), target / target.detach().mean()])
