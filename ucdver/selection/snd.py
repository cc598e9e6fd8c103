"""Soft neighbourhood density: how evenly an image's likeness to the others is spread (Saito et al., ICCV 2021)."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from ucdver.selection.blocks import pair_sums, unit_rows
from ucdver.selection.outputs import TargetOutputs

# The paper's temperature.
TEMPERATURE = 0.05


def neighbourhood_density(
    rows: Tensor, temperature: float = TEMPERATURE, diagonal: Literal["drop", "negate"] = "drop"
) -> float:
    """Return the mean entropy, in nats, of softmax(cosine / temperature) from each of the rows [N, D] to the others.

    `drop` leaves a row's likeness to itself out, as the paper does; `negate` makes it -1, as scikit-adaptation does.
    One row alone has no neighbour, and the density 0. Works in tiles: memory grows with N.
    """
    if len(rows) == 1:
        return 0.0
    unit = unit_rows(rows)
    # Exponents are lowered by the largest that there can be: exp(cosine / temperature - ceiling) is at most 1.
    ceiling = 1 / temperature
    ones = torch.ones(len(unit), 1)
    sums = pair_sums(unit, torch.cat([unit, ones], dim=1), ceiling, -ceiling)
    # With weights w of exponents l: Z = sum_j w_j, and sum_j w_j l_j = unit_i . sum_j w_j unit_j / temperature.
    z = sums[:, -1]
    likeness = (sums[:, :-1] * unit.double()).sum(dim=1) * ceiling
    if diagonal == "negate":
        own = unit.double().square().sum(dim=1) * -ceiling
        weight = (own - ceiling).exp()
        z, likeness = z + weight, likeness + weight * own
    # H = log Z - sum_j p_j l_j.
    return float((z.log() + ceiling - likeness / z).mean())


def score(target_train: TargetOutputs) -> float:
    """Return the density of the target's predictions, in nats; the paper takes the softmax for the row."""
    return neighbourhood_density(torch.softmax(target_train.logits, dim=1))
