"""Losses on the target's own predictions once more, as plain loops over float64 numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from naive.adaptation import Array, entropy, softmax


def confident(weak: Array, strong: Array, threshold: float) -> float:
    total = 0.0
    for w, s in zip(weak, strong, strict=True):
        p = softmax(w)
        if max(p) > threshold:
            total -= math.log(softmax(s)[p.index(max(p))])
    return total / len(weak)


def aligned(source: Array, target: Array, threshold: float) -> tuple[Array, list[float]]:
    p_s, p_t = [softmax(r) for r in source], [softmax(r) for r in target]
    classes = range(len(p_s[0]))
    ratio = [(sum(p[k] for p in p_s) / len(p_s)) / (sum(p[k] for p in p_t) / len(p_t)) for k in classes]
    rows = []
    for p in p_t:
        moved = [p[k] * ratio[k] for k in classes]
        rows.append([x / sum(moved) for x in moved])
    least = threshold * sum(max(p) for p in p_s) / len(p_s)
    return np.array(rows), [float(max(row) >= least) for row in rows]


def consistency(student: Array, teacher: Array, confidence: float) -> float:
    total = 0.0
    for s, t in zip(student, teacher, strict=True):
        p, q = softmax(s), softmax(t)
        if max(q) > confidence:
            total += sum((a - b) ** 2 for a, b in zip(p, q, strict=True)) / len(p)
    return total / len(student)


def refinement(clean: Array, disturbed: Array, forward: bool, confidence: float) -> float:
    total, count = 0.0, 0
    for c, d in zip(clean, disturbed, strict=True):
        p, q = softmax(c), softmax(d)
        if not forward:
            p, q = q, p
        if max(p) > confidence:
            total += sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))
            count += 1
    return total / max(count, 1)


def positive(features: Array, weight: Array, labels: Sequence[int]) -> Array:
    rows = []
    for f, y in zip(features, labels, strict=True):
        product = [a * b for a, b in zip(weight[y], f, strict=True)]
        scale = math.sqrt(sum(x * x for x in f) / sum(x * x for x in product))
        rows.append([scale * x for x in product])
    return np.array(rows)


def information(logits: Array) -> tuple[float, float]:
    """Mean entropy, and entropy of the mean prediction."""
    p = [softmax(row) for row in logits]
    mean = [sum(q[k] for q in p) / len(p) for k in range(len(p[0]))]
    return sum(entropy(q) for q in p) / len(p), entropy(mean)


def pseudo_labels(features: Array, logits: Array, cosine: bool, threshold: int | None) -> list[int]:
    points = [list(f) for f in features]
    if cosine:
        points = [[*f, 1.0] for f in points]
        points = [[x / math.sqrt(sum(y * y for y in f)) for x in f] for f in points]
    classes, width = len(logits[0]), len(points[0])
    weights = [softmax(row) for row in logits]
    labels = [int(np.argmax(row)) for row in logits]
    for _ in range(2):
        centroids = []
        for k in range(classes):
            mass = 1e-8 + sum(w[k] for w in weights)
            centroids.append(
                [sum(w[k] * f[j] for w, f in zip(weights, points, strict=True)) / mass for j in range(width)]
            )
        allowed = [k for k in range(classes) if threshold is None or labels.count(k) > threshold]
        allowed = allowed or list(range(classes))

        def far(f: list[float], c: list[float]) -> float:
            if not cosine:
                return math.dist(f, c)
            norm = math.sqrt(sum(x * x for x in c)) * math.sqrt(sum(x * x for x in f))
            return 1 - sum(a * b for a, b in zip(f, c, strict=True)) / norm if norm else 1.0

        labels = [min(allowed, key=lambda k, f=f: far(f, centroids[k])) for f in points]  # type: ignore[misc]
        weights = [[float(k == y) for k in range(classes)] for y in labels]
    return labels


def attraction(p: Array, neighbours: Array) -> float:
    return -sum(float(np.dot(p[i], q)) for i in range(len(p)) for q in neighbours[i]) / len(p)


def dispersion(p: Array) -> float:
    n = len(p)
    return sum(float(np.dot(p[i], p[j])) for i in range(n) for j in range(n) if i != j) / n


def mix_style(x: Array, partner: Sequence[int], weight: Sequence[float]) -> Array:
    out = np.zeros_like(x)

    def moments(plane: Array) -> tuple[float, float]:
        values = plane.ravel().tolist()
        mean = sum(values) / len(values)
        return mean, math.sqrt(sum((v - mean) ** 2 for v in values) / (len(values) - 1) + 1e-6)

    for b in range(x.shape[0]):
        for c in range(x.shape[1]):
            mean, deviation = moments(x[b, c])
            other_mean, other_deviation = moments(x[partner[b], c])
            w = weight[b]
            out[b, c] = (x[b, c] - mean) / deviation * (w * deviation + (1 - w) * other_deviation)
            out[b, c] += w * mean + (1 - w) * other_mean
    return out
