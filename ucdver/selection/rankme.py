"""RankMe: the effective rank of the target's features (Garrido et al., ICML 2023)."""

from __future__ import annotations

import torch

from ucdver.selection.blocks import singular_values
from ucdver.selection.outputs import TargetOutputs

# Added to each share of the sum of singular values; the paper's.
EPS = 1e-7


def score(target_train: TargetOutputs) -> float:
    """Return the exponential of the entropy of the normalised singular values, from 1 to min(N, D).

    Its authors compare runs of one method only, whence its scope. Features that are all zero have the rank 0.
    """
    values = singular_values(target_train.features)
    if not bool(values.sum() > 0):
        return 0.0
    shares = values / values.sum() + EPS
    return float(torch.exp(-(shares * shares.log()).sum()))
