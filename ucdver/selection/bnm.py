"""Batch nuclear norm of the predictions: sure and diverse at once (Cui et al., CVPR 2020)."""

from __future__ import annotations

import torch

from ucdver.selection.blocks import singular_values
from ucdver.selection.outputs import TargetOutputs


def score(target_train: TargetOutputs) -> float:
    """Return the nuclear norm of the softmax matrix [N, K] over N."""
    probabilities = torch.softmax(target_train.logits.double(), dim=1)
    return float(singular_values(probabilities).sum()) / len(probabilities)
