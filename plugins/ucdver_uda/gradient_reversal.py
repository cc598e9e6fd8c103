"""Gradient reversal and its schedule (Ganin et al., 2016, https://jmlr.org/papers/v17/15-239.html)."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor


class _Reversal(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features: Tensor, coefficient: float) -> Tensor:
        ctx.coefficient = coefficient
        return features.view_as(features)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return -ctx.coefficient * gradients[0], None


def reverse_gradient(features: Tensor, coefficient: float) -> Tensor:
    """Return `features` unchanged; on the way back the gradient is multiplied by -`coefficient`."""
    reversed_: Tensor = _Reversal.apply(features, coefficient)
    return reversed_


def reversal_coefficient(progress: float, alpha: float = 10.0, low: float = 0.0, high: float = 1.0) -> float:
    """Return lambda_p, which rises from `low` at progress 0 towards `high`.

    The defaults are the paper's 2 / (1 + exp(-10 p)) - 1. Public code counts iterations against a constant: alpha 1
    per 1,000 in https://github.com/thuml/Transfer-Learning-Library, 10 per 10,000 in https://github.com/thuml/CDAN.
    That is the same curve at 10,000 iterations and never gets there in a short run; here `progress` is the fraction of
    the run that is done, as in the paper.
    """
    span = high - low
    return 2.0 * span / (1.0 + math.exp(-alpha * progress)) - span + low
