"""How sure a method is of its predictions on the target (Morerio et al., ICLR 2018)."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from ucdver.selection.outputs import TargetOutputs

# What scikit-adaptation adds to a probability before it takes the logarithm.
SKADA_EPS = 1e-7


def row_entropies(logits: Tensor) -> Tensor:
    """Return the entropy of each row's softmax in nats, float64 [N], of logits [N, K]."""
    log_p = torch.log_softmax(logits.double(), dim=1)
    return -(log_p.exp() * log_p).sum(dim=1)


def skada_prediction_entropy(probabilities: Tensor, reduction: Literal["mean", "sum"]) -> float:
    """Return scikit-adaptation's score, minus the mean or sum over all N x K entries of -p log(p + 1e-7).

    Its mean is that of the rows over K, and thus orders the checkpoints of a task as `score` does.
    """
    p = probabilities.double()
    terms = p * (p + SKADA_EPS).log()
    return float(terms.mean() if reduction == "mean" else terms.sum())


def score(target_train: TargetOutputs) -> float:
    """Return minus the mean entropy of the predictions on the target, in nats; 0 is the best."""
    return -float(row_entropies(target_train.logits).mean())
