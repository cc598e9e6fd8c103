"""MixVal: whether mixed target images are given the class of the image that weighs more (Hu et al., NeurIPS 2023)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ucdver.selection.outputs import MixedOutputs

# The paper's weight of the heavier image.
WEIGHT = 0.55

Rows = NDArray[np.int64]


def draw_pairs(pseudo_labels: Rows, rng: np.random.Generator) -> tuple[Rows, Rows, NDArray[np.bool_]]:
    """Return pairs of rows, heavier int64 [M], lighter int64 [M], and whether both have one class, bool [M].

    Every row is the heavier one of a pair with another row of its class, and of a pair with a row of another class,
    as far as there is one.
    """
    heavier: list[Rows] = []
    lighter: list[Rows] = []
    intra: list[NDArray[np.bool_]] = []
    for label in np.unique(pseudo_labels):
        own = rng.permutation(np.flatnonzero(pseudo_labels == label))
        others = np.flatnonzero(pseudo_labels != label)
        if own.size > 1:
            heavier.append(own)
            lighter.append(np.roll(own, 1))
            intra.append(np.ones(own.size, dtype=np.bool_))
        if others.size:
            heavier.append(own)
            lighter.append(rng.choice(others, size=own.size))
            intra.append(np.zeros(own.size, dtype=np.bool_))
    if not heavier:
        nothing = np.zeros(0, dtype=np.int64)
        return nothing, nothing, np.zeros(0, dtype=np.bool_)
    return np.concatenate(heavier), np.concatenate(lighter), np.concatenate(intra)


def score(target_mixed: MixedOutputs) -> float:
    """Return the mean over both kinds of pairs of the share that keeps the heavier image's class, in [0, 1].

    The paper averages the ranks of a model in both kinds among all models that are compared; one run alone has no
    rank, so the shares themselves are averaged here. A kind without pairs, as where all images are given one class,
    counts 0: such a model is what the rule is there to turn down.
    """
    kept = target_mixed.logits.argmax(dim=1) == target_mixed.pseudo_labels
    shares = [
        float(kept[chosen].double().mean()) if bool(chosen.any()) else 0.0
        for chosen in (target_mixed.intra, ~target_mixed.intra)
    ]
    return sum(shares) / 2
