"""Adaptation losses once more, as plain loops over float64 numbers, from the papers' formulas."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def softmax(row: Sequence[float], temperature: float = 1.0) -> list[float]:
    top = max(row)
    powers = [math.exp((z - top) / temperature) for z in row]
    return [power / sum(powers) for power in powers]


def entropy(p: Sequence[float], epsilon: float = 1e-5) -> float:
    return -sum(x * math.log(x + epsilon) for x in p)


def cross_entropy(logits: Array, labels: Sequence[int], smoothing: float = 0.0) -> float:
    total = 0.0
    for row, label in zip(logits, labels, strict=True):
        p = softmax(row)
        for k in range(len(row)):
            wanted = (1 - smoothing) * (k == label) + smoothing / len(row)
            total -= wanted * math.log(p[k])
    return total / len(labels)


def domain_loss(logits: Sequence[float], num_source: int, weights: Sequence[float] | None = None) -> float:
    sides: tuple[list[float], list[float]] = ([], [])
    for i, z in enumerate(logits):
        source = 1 / (1 + math.exp(-z))
        weight = 1.0 if weights is None else weights[i]
        is_source = i < num_source
        sides[0 if is_source else 1].append(-weight * math.log(source if is_source else 1 - source))
    return sum(sum(side) / len(side) for side in sides) / 2


def multilinear(features: Array, p: Array) -> Array:
    rows = []
    for f, q in zip(features, p, strict=True):
        rows.append([q[k] * f[j] for k in range(len(q)) for j in range(len(f))])
    return np.array(rows)


def random_map(features: Array, p: Array, r_f: Array, r_p: Array) -> Array:
    out = np.zeros((len(features), r_f.shape[1]))
    for i in range(len(features)):
        for r in range(r_f.shape[1]):
            left = sum(features[i][j] * r_f[j][r] for j in range(r_f.shape[0]))
            right = sum(p[i][k] * r_p[k][r] for k in range(r_p.shape[0]))
            out[i][r] = left * right / math.sqrt(r_f.shape[1])
    return out


def joint_weights(logits: Array) -> list[float]:
    raw = [1 + math.exp(-entropy(softmax(row))) for row in logits]
    return [w * len(raw) / sum(raw) for w in raw]


def per_domain_weights(logits: Array, num_source: int) -> list[float]:
    return joint_weights(logits[:num_source]) + joint_weights(logits[num_source:])


def mcc(logits: Array, temperature: float) -> float:
    count, classes = logits.shape
    p = [softmax(row, temperature) for row in logits]
    w = [1 + math.exp(-entropy(q)) for q in p]
    w = [x * count / sum(w) for x in w]
    loss = 0.0
    for i in range(classes):
        row = [sum(w[b] * p[b][i] * p[b][j] for b in range(count)) for j in range(classes)]
        loss += sum(row[j] for j in range(classes) if j != i) / sum(row)
    return loss / classes


def covariance(x: Array) -> Array:
    n, d = x.shape
    means = [sum(x[i][j] for i in range(n)) / n for j in range(d)]
    out = np.zeros((d, d))
    for a in range(d):
        for b in range(d):
            out[a][b] = sum((x[i][a] - means[a]) * (x[i][b] - means[b]) for i in range(n)) / (n - 1)
    return out


def coral(source: Array, target: Array, normalisation: str) -> float:
    d = source.shape[1]
    difference = covariance(source) - covariance(target)
    frobenius = sum(difference[a][b] ** 2 for a in range(d) for b in range(d))
    if normalisation == "coral":
        return frobenius
    if normalisation == "deep_coral":
        return frobenius / (4 * d * d)
    means = [sum(source[:, j]) / len(source) - sum(target[:, j]) / len(target) for j in range(d)]
    return float(frobenius / d**2 + sum(m * m for m in means) / d)
