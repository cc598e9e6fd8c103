"""Corr-C: how near the classes' correlation matrix is to the identity (Tu et al., arXiv 2022: softmax correlation)."""

from __future__ import annotations

import torch

from ucdver.selection.blocks import gram
from ucdver.selection.outputs import TargetOutputs


def score(target_train: TargetOutputs) -> float:
    """Return the cosine between P^T P and the identity, in (0, 1], P being the softmax [N, K] on the target.

    1 means sure predictions spread evenly over the classes. The trace over the Frobenius norm, which is also
    written without the root of K, orders the checkpoints of a task in the same way.
    """
    correlation = gram(torch.softmax(target_train.logits.double(), dim=1))
    norm = torch.linalg.matrix_norm(correlation) * correlation.shape[0] ** 0.5
    return float(correlation.trace() / norm)
