"""Soft neighbourhood density: how evenly an image's likeness to the others is spread (Saito et al., ICCV 2021)."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from ucdver.selection.blocks import row_blocks, unit_rows
from ucdver.selection.outputs import TargetOutputs

# The paper's temperature.
TEMPERATURE = 0.05


def neighbourhood_density(
    rows: Tensor, temperature: float = TEMPERATURE, diagonal: Literal["drop", "negate"] = "drop"
) -> float:
    """Return the mean entropy, in nats, of softmax(cosine / temperature) from each of the rows [N, D] to the others.

    `drop` leaves a row's likeness to itself out, as the paper does; `negate` makes it -1, as scikit-adaptation does.
    One row alone has no neighbour, and the density 0. Works in blocks: memory grows with N.
    """
    unit = unit_rows(rows)
    total = torch.zeros((), dtype=torch.float64)
    for block in row_blocks(len(unit), len(unit)):
        likeness = (unit[block] @ unit.T).div_(temperature)
        own = torch.arange(block.start, block.stop)[:, None]
        if diagonal == "drop":
            likeness.scatter_(1, own, -torch.inf)
        else:
            likeness.scatter_(1, own, -likeness.gather(1, own))
        # H = log Z - sum_j p_j l_j, with l shifted by its maximum; exp(-inf) * -inf is left out.
        likeness -= likeness.amax(dim=1, keepdim=True)
        weights = likeness.exp()
        z = weights.sum(dim=1)
        if diagonal == "drop":
            likeness.scatter_(1, own, 0.0)
        mean = torch.einsum("ij,ij->i", weights, likeness) / z
        total += (z.log() - mean).double().sum() if len(unit) > 1 else 0.0
    return float(total) / len(unit)


def score(target_train: TargetOutputs) -> float:
    """Return the density of the target's predictions, in nats; the paper takes the softmax for the row."""
    return neighbourhood_density(torch.softmax(target_train.logits, dim=1))
