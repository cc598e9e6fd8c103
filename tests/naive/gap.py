"""What separates two domains once more, as plain loops from the papers' formulas."""

from __future__ import annotations

import math
from collections.abc import Sequence

Rows = Sequence[Sequence[float]]


def squared_distance(a: Sequence[float], b: Sequence[float]) -> float:
    return sum((x - y) ** 2 for x, y in zip(a, b, strict=True))


def squared_mmd(xs: Rows, ys: Rows, sigma: float) -> float:
    """Gretton et al., JMLR 13, 2012, equation 3."""

    def kernel(a: Sequence[float], b: Sequence[float]) -> float:
        return math.exp(-squared_distance(a, b) / (2 * sigma**2))

    n, m = len(xs), len(ys)
    xx = sum(kernel(xs[i], xs[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    yy = sum(kernel(ys[i], ys[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    xy = sum(kernel(x, y) for x in xs for y in ys) / (n * m)
    return xx + yy - 2 * xy


def median_distance(rows: Rows) -> float:
    found = sorted(
        math.sqrt(squared_distance(rows[i], rows[j])) for i in range(len(rows)) for j in range(i + 1, len(rows))
    )
    middle = len(found) // 2
    return found[middle] if len(found) % 2 else math.sqrt((found[middle - 1] ** 2 + found[middle] ** 2) / 2)


def shares(labels: Sequence[int], classes: int) -> list[float]:
    return [sum(label == k for label in labels) / len(labels) for k in range(classes)]


def total_variation(p: Sequence[float], q: Sequence[float]) -> float:
    return sum(abs(a - b) for a, b in zip(p, q, strict=True)) / 2


def jensen_shannon(p: Sequence[float], q: Sequence[float]) -> float:
    total = 0.0
    for a, b in zip(p, q, strict=True):
        for share in (a, b):
            if share > 0:
                total += share * math.log2(share / ((a + b) / 2)) / 2
    return total


def scatter_share(rows: Rows, labels: Sequence[int]) -> float:
    """Trace of the pooled covariance within classes over the trace of the covariance of all images."""

    def scatter(members: Rows) -> float:
        mean = [sum(column) / len(members) for column in zip(*members, strict=True)]
        return sum(squared_distance(row, mean) for row in members)

    classes = sorted(set(labels))
    within = sum(scatter([row for row, label in zip(rows, labels, strict=True) if label == k]) for k in classes)
    return (within / (len(rows) - len(classes))) / (scatter(rows) / (len(rows) - 1))
