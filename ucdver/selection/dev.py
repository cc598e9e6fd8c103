"""Deep embedded validation: the importance-weighted risk with a control variate (You et al., ICML 2019)."""

from __future__ import annotations

from torch import Tensor

from ucdver.selection.importance import classifier_weights
from ucdver.selection.iwcv import errors
from ucdver.selection.outputs import SourceOutputs, TargetOutputs

# A variance below this share of the squared mean is rounding, and eta would be noise over noise.
LEAST_VARIANCE = 1e-12


def dev_risk(weights: Tensor, found: Tensor) -> float:
    """Return mean(w e) + eta mean(w) - eta with eta = -Cov(w e, w) / Var(w), of weights and errors [N].

    Where the weights do not vary, or there is one image, eta is 0: there is nothing to correct, and the published
    code divides by zero.
    """
    weights, found = weights.double(), found.double()
    weighted = weights * found
    mean = weights.mean()
    if len(weights) < 2:
        return float(weighted.mean())
    centred = weights - mean
    variance = centred.square().sum() / (len(weights) - 1)
    if not bool(variance > LEAST_VARIANCE * mean.square()):
        return float(weighted.mean())
    eta = -(centred * (weighted - weighted.mean())).sum() / (len(weights) - 1) / variance
    return float(weighted.mean() + eta * mean - eta)


def score(source_val: SourceOutputs, source_train: SourceOutputs, target_train: TargetOutputs) -> float:
    """Return the risk on held-out source images, in nats; lower is better. A large correction makes it negative."""
    weights = classifier_weights(source_train.features, target_train.features, source_val.features)
    return dev_risk(weights, errors(source_val.logits, source_val.labels))
