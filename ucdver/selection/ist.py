"""How well source and target are mixed: whose images an image is like (I_st of Shi & Sha, ICML 2012, with cosines)."""

from __future__ import annotations

import torch
from torch import Tensor

from ucdver.selection.blocks import pair_sums, unit_rows
from ucdver.selection.outputs import SourceOutputs, TargetOutputs


def domain_masses(source: Tensor, target: Tensor) -> Tensor:
    """Return for each row of source [N, D] and target [M, D] the masses of both domains, float64 [N + M, 2].

    A row's mass is the softmax of its cosines to all other rows, added up by domain. Works in tiles.
    """
    unit = unit_rows(torch.cat([source, target]))
    member = torch.zeros(len(unit), 2)
    member[: len(source), 0] = member[len(source) :, 1] = 1.0
    masses = pair_sums(unit, member)
    return masses / masses.sum(dim=1, keepdim=True)


def mixing(masses: Tensor, entropy: bool = True, diversity: bool = True) -> float:
    """Return H(mean of the masses) less their mean entropy, in nats; either part can be left out."""
    total = 0.0
    if entropy:
        total -= float(torch.special.entr(masses).sum(dim=1).mean())
    if diversity:
        total += float(torch.special.entr(masses.mean(dim=0)).sum())
    return total


def score(source_train: SourceOutputs, target_train: TargetOutputs) -> float:
    """Return the mutual information of image and domain, in nats; lower is better (Shi & Sha, ICML 2012, minimise it).

    The neighbours of an image are weighted by a softmax of cosines, as in pytorch-adapt's ISTValidator, where the
    paper takes one of negative squared Euclidean distances. So lengths of features count for nothing, and as cosines
    lie within [-1, 1], even domains that share no direction score far below log 2: compare scores, read none alone.
    """
    return mixing(domain_masses(source_train.features, target_train.features))
