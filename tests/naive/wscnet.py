"""The formulas of WSCNet once more, place by place and class by class."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor

Grid = list[list[float]]


def coupled(features: Tensor, weight: Tensor, bias: Tensor, classes: int, maximum: bool) -> dict[str, Any]:
    """Return the detection logits, the sentiment map and the coupled vector of one picture, as lists.

    Args:
        features: [C, H, W].
        weight: of the 1x1 convolution, [K * M, C], a class's maps one after the other.
        bias: [K * M].
        classes: K.
        maximum: whether a map's score is its largest value, in place of the mean of its values.
    """
    channels, height, width = features.shape
    each = len(weight) // classes
    places = [(y, x) for y in range(height) for x in range(width)]
    f, w = features.tolist(), weight.tolist()
    maps: list[list[Grid]] = [
        [
            [
                [
                    sum(w[k * each + m][c] * f[c][y][x] for c in range(channels)) + float(bias[k * each + m])
                    for x in range(width)
                ]
                for y in range(height)
            ]
            for m in range(each)
        ]
        for k in range(classes)
    ]
    logits = []
    for k in range(classes):
        scores = []
        for one in maps[k]:
            values = [one[y][x] for y, x in places]
            scores.append(max(values) if maximum else sum(values) / len(values))
        logits.append(sum(scores) / each)
    sentiment = [[0.0] * width for _ in range(height)]
    for y, x in places:
        for k in range(classes):
            sentiment[y][x] += logits[k] * sum(one[y][x] for one in maps[k]) / each / classes
    whole = [sum(f[c][y][x] for y, x in places) / len(places) for c in range(channels)]
    local = [sum(f[c][y][x] * sentiment[y][x] for y, x in places) / len(places) for c in range(channels)]
    return {"logits": logits, "sentiment": sentiment, "vector": [*whole, *local]}


def cross_entropy(rows: list[list[float]], labels: list[int]) -> float:
    """Return the mean of log sum_j exp(z_j) - z_y over pictures."""
    total = 0.0
    for row, label in zip(rows, labels, strict=True):
        total += math.log(sum(math.exp(value) for value in row)) - row[label]
    return total / len(rows)
