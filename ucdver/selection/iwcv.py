"""Importance-weighted validation: the source risk, images counting as they are like the target."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from ucdver.selection.importance import classifier_weights
from ucdver.selection.outputs import SourceOutputs, TargetOutputs


def errors(logits: Tensor, labels: Tensor, kind: Literal["cross_entropy", "zero_one"] = "cross_entropy") -> Tensor:
    """Return each image's error, float64 [N]."""
    if kind == "zero_one":
        return (logits.argmax(dim=1) != labels).double()
    return cross_entropy(logits.double(), labels, reduction="none")


def weighted_risk(weights: Tensor, found: Tensor) -> float:
    """Return the mean of weights [N] times errors [N] (Sugiyama et al., JMLR 2007)."""
    return float(torch.mean(weights.double() * found.double()))


def score(source_val: SourceOutputs, source_train: SourceOutputs, target_train: TargetOutputs) -> float:
    """Return the weighted cross entropy on held-out source images, in nats; lower is better."""
    weights = classifier_weights(source_train.features, target_train.features, source_val.features)
    return weighted_risk(weights, errors(source_val.logits, source_val.labels))
