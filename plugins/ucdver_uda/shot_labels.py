"""SHOT's pseudo-labels: nearest class centroids, two rounds (Liang et al., ICML 2020, equations 4 to 6)."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from ucdver import at_least_float32

Distance = Literal["cosine", "euclidean"]

#: Added to the weight of a class, so that one without images has a centroid at 0 and not 0 / 0.
TINY = 1e-8


@torch.no_grad()
def pseudo_labels(features: Tensor, logits: Tensor, distance: Distance, threshold: int | None) -> Tensor:
    """Return pseudo-labels int64 [N] for features [N, D] and logits [N, K].

    Centroids are means weighted by probability in the first round and those of the first round's labels in the second;
    each image gets the class of the nearest. With `cosine` the features are given a 1 in front of the normalisation,
    as in the published code. Classes that no more than `threshold` images are assigned to at present (by the
    classifier, then by the first round) take no part, unless that were all of them; None, the published code for
    digits, keeps all.
    """
    points = at_least_float32(features)
    if distance == "cosine":
        points = F.normalize(torch.cat([points, points.new_ones(len(points), 1)], 1), dim=1)
    weights = at_least_float32(logits).softmax(1).to(points.dtype)
    labels = logits.argmax(1)
    classes = torch.arange(logits.shape[1], device=logits.device)
    for _ in range(2):
        centroids = weights.T @ points / (TINY + weights.sum(0)).unsqueeze(1)
        far = 1 - points @ F.normalize(centroids, dim=1).T if distance == "cosine" else torch.cdist(points, centroids)
        if threshold is not None:
            counts = (labels[:, None] == classes).sum(0)
            rare = counts <= threshold
            # A threshold above every count would leave no class to choose.
            far = far.masked_fill(rare & ~rare.all(), torch.inf)
        labels = far.argmin(1)
        weights = (labels[:, None] == classes).to(points.dtype)
    return labels
