"""Selection rules as plain loops from the papers' formulas, written apart from the code."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

Matrix = Sequence[Sequence[float]]


def softmax(row: Sequence[float]) -> list[float]:
    top = max(row)
    powers = [math.exp(x - top) for x in row]
    return [p / sum(powers) for p in powers]


def entropy(p: Sequence[float]) -> float:
    return -sum(x * math.log(x) for x in p if x > 0)


def cosine(a: Sequence[float], b: Sequence[float]) -> float:
    length = math.sqrt(sum(x * x for x in a)) * math.sqrt(sum(x * x for x in b))
    return sum(x * y for x, y in zip(a, b, strict=True)) / length


def source_risk(logits: Matrix, labels: Sequence[int]) -> float:
    return sum(-math.log(softmax(row)[label]) for row, label in zip(logits, labels, strict=True)) / len(labels)


def mean_entropy(logits: Matrix) -> float:
    return sum(entropy(softmax(row)) for row in logits) / len(logits)


def infomax(logits: Matrix) -> float:
    rows = [softmax(row) for row in logits]
    mean = [sum(row[k] for row in rows) / len(rows) for k in range(len(rows[0]))]
    return entropy(mean) - mean_entropy(logits)


def snd(rows: Matrix, temperature: float) -> float:
    total = 0.0
    for i, row in enumerate(rows):
        likeness = [cosine(row, other) / temperature for j, other in enumerate(rows) if j != i]
        total += entropy(softmax(likeness))
    return total / len(rows)


def bnm(logits: Matrix) -> float:
    return float(np.linalg.norm(np.array([softmax(row) for row in logits]), "nuc")) / len(logits)


def corr_c(logits: Matrix) -> float:
    rows = [softmax(row) for row in logits]
    classes = range(len(rows[0]))
    c = [[sum(row[i] * row[j] for row in rows) for j in classes] for i in classes]
    length = math.sqrt(sum(c[i][j] ** 2 for i in classes for j in classes)) * math.sqrt(len(classes))
    return sum(c[i][i] for i in classes) / length


def rankme(features: Matrix) -> float:
    values = np.linalg.svd(np.array(features), compute_uv=False)
    return math.exp(-sum((v / values.sum() + 1e-7) * math.log(v / values.sum() + 1e-7) for v in values))


def dev(weights: Sequence[float], losses: Sequence[float]) -> float:
    weighted = [w * e for w, e in zip(weights, losses, strict=True)]
    eta = -float(np.cov(weighted, weights)[0, 1] / np.var(weights, ddof=1))
    return float(np.mean(weighted) + eta * np.mean(weights) - eta)


def kernel_weights(source: Matrix, target: Matrix) -> list[float]:
    def density(x: Sequence[float], centres: Matrix) -> float:
        powers = [math.exp(-sum((a - b) ** 2 for a, b in zip(x, c, strict=True)) / 2) for c in centres]
        return sum(powers) / len(powers)

    ratios = [density(x, target) / density(x, source) for x in source]
    return [ratio / sum(ratios) for ratio in ratios]


def ist(source: Matrix, target: Matrix) -> float:
    rows = [*source, *target]
    masses = []
    for i, row in enumerate(rows):
        weights = {j: math.exp(cosine(row, other)) for j, other in enumerate(rows) if j != i}
        from_source = sum(w for j, w in weights.items() if j < len(source)) / sum(weights.values())
        masses.append([from_source, 1 - from_source])
    mean = [sum(m[k] for m in masses) / len(masses) for k in (0, 1)]
    return entropy(mean) - sum(entropy(m) for m in masses) / len(masses)


def mixval(logits: Matrix, pseudo_labels: Sequence[int], intra: Sequence[bool]) -> float:
    shares = []
    for kind in (True, False):
        hits = [
            max(range(len(row)), key=lambda k: row[k]) == label
            for row, label, same in zip(logits, pseudo_labels, intra, strict=True)
            if same is kind
        ]
        shares.append(sum(hits) / len(hits) if hits else 0.0)
    return sum(shares) / 2
