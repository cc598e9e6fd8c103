"""Importance-weighted accuracy with densities from kernels, as scikit-adaptation's scorer has it."""

from __future__ import annotations

from torch import Tensor

from ucdver.selection.importance import kernel_weights
from ucdver.selection.outputs import SourceOutputs, TargetOutputs


def weighted_accuracy(weights: Tensor, logits: Tensor, labels: Tensor) -> float:
    """Return the sum of the weights [N], which add up to 1, of the images whose class is right."""
    return float(weights[logits.argmax(dim=1) == labels].sum())


def score(source_val: SourceOutputs, target_train: TargetOutputs) -> float:
    """Return the weighted accuracy on held-out source images, in [0, 1].

    The bandwidth is 1, scikit-learn's default: in many dimensions a few images carry all the weight.
    """
    weights = kernel_weights(source_val.features, target_train.features)
    return weighted_accuracy(weights, source_val.logits, source_val.labels)
