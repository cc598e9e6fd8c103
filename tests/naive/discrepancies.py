"""Distances between domains once more, as plain loops over float64 numbers, from the papers' formulas."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import permutations

import numpy as np
from naive.adaptation import Array, softmax


def squared(a: Array, b: Array) -> float:
    return float(sum((x - y) ** 2 for x, y in zip(a, b, strict=True)))


def kernel_matrix(points: Array, alphas: Sequence[float]) -> Array:
    n = len(points)
    mean = sum(squared(points[i], points[j]) for i in range(n) for j in range(n)) / n**2
    out = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            out[i, j] = sum(math.exp(-squared(points[i], points[j]) / (2 * a * mean)) for a in alphas)
    return out


def fixed_matrix(points: Array, sigma: float) -> Array:
    n = len(points)
    return np.array(
        [[math.exp(-squared(points[i], points[j]) / (2 * sigma * sigma)) for j in range(n)] for i in range(n)]
    )


def mmd(kernel: Array, n: int, estimator: str) -> float:
    m = len(kernel) - n
    source, target = range(n), range(n, n + m)
    if estimator == "linear":
        count = min(n, m)
        total = 0.0
        for i in range(count):
            j = (i + 1) % count
            total += kernel[i, j] + kernel[n + i, n + j] - kernel[i, n + j] - kernel[j, n + i]
        return total / count
    diagonal = estimator == "biased"

    def within(rows: range) -> float:
        values = [kernel[i, j] for i in rows for j in rows if diagonal or i != j]
        return sum(values) / len(values)

    across = sum(kernel[i, j] for i in source for j in target) / (n * m)
    return within(source) + within(target) - 2 * across


def mdd(source: Array, source_adv: Array, target: Array, target_adv: Array, margin: float) -> float:
    agree = sum(math.log(softmax(a)[int(np.argmax(z))]) for z, a in zip(source, source_adv, strict=True))
    differ = sum(
        math.log(min(1 - softmax(a)[int(np.argmax(z))] + 1e-6, 1.0)) for z, a in zip(target, target_adv, strict=True)
    )
    return margin * agree / len(source) + differ / len(target)


def mcd(first: Array, second: Array) -> float:
    rows = [abs(p - q) for a, b in zip(first, second, strict=True) for p, q in zip(softmax(a), softmax(b), strict=True)]
    return sum(rows) / len(rows)


def class_balance(logits: Array) -> float:
    p = [softmax(row) for row in logits]
    classes = len(p[0])
    return -sum(math.log(sum(q[k] for q in p) / len(p) + 1e-6) for k in range(classes)) / classes


def largest_eigenvalue(features: Array) -> float:
    """The largest eigenvalue of F^T F by power iteration: the square of F's largest singular value."""
    gram = features.T @ features
    vector = np.ones(len(gram)) + 0.01 * np.arange(len(gram))
    for _ in range(5000):
        vector = gram @ vector
        vector /= math.sqrt(float(vector @ vector))
    return float(vector @ gram @ vector)


def joint_cost(f_s: Array, labels: Sequence[int], f_t: Array, logits: Array, alpha: float, beta: float) -> Array:
    out = np.zeros((len(f_s), len(f_t)))
    for i in range(len(f_s)):
        for j in range(len(f_t)):
            out[i, j] = alpha * squared(f_s[i], f_t[j]) - beta * math.log(softmax(logits[j])[labels[i]])
    return out


def assignment(cost: Array) -> float:
    """The least mean cost over all one-to-one assignments: the exact transport cost of equal batches."""
    n = len(cost)
    return min(sum(cost[i, p[i]] for i in range(n)) / n for p in permutations(range(n)))


def pairwise_coral(groups: Sequence[Array]) -> float:
    from naive.adaptation import coral

    there = [g for g in groups if len(g) > 1]
    pairs = [(a, b) for i, a in enumerate(there) for b in there[i + 1 :]]
    return sum(coral(a, b, "domainbed") for a, b in pairs) / len(pairs) if pairs else 0.0
