"""Sure and diverse predictions: mutual information of image and predicted class (Shi & Sha, ICML 2012)."""

from __future__ import annotations

import torch
from torch import Tensor

from ucdver.selection.entropy import row_entropies
from ucdver.selection.outputs import TargetOutputs


def diversity(logits: Tensor) -> float:
    """Return the entropy of the mean prediction in nats, at most log K, of logits [N, K]."""
    mean = torch.softmax(logits.double(), dim=1).mean(dim=0)
    return float(torch.special.entr(mean).sum())


def score(target_train: TargetOutputs) -> float:
    """Return the entropy of the mean prediction less the mean entropy of the predictions, in nats.

    The first part is at its highest where the target's classes are equally frequent, which emotions are not.
    """
    return diversity(target_train.logits) - float(row_entropies(target_train.logits).mean())
