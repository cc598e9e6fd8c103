"""Emotion metrics once more, as plain loops."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence


def accuracy(true: Sequence[object], predicted: Sequence[object]) -> float:
    return sum(t == p for t, p in zip(true, predicted, strict=True)) / len(true)


def macro_f1(true: Sequence[str], predicted: Sequence[str]) -> float:
    scores = []
    for name in sorted(set(true) | set(predicted)):
        pairs = list(zip(true, predicted, strict=True))
        hit = sum(t == name and p == name for t, p in pairs)
        scores.append(2 * hit / (sum(t == name for t, _ in pairs) + sum(p == name for _, p in pairs)))
    return sum(scores) / len(scores)


def sibling_errors(true: Sequence[str], predicted: Sequence[str], table: Mapping[str, str]) -> float:
    wrong = [(t, p) for t, p in zip(true, predicted, strict=True) if t != p]
    return sum(table[t] == table[p] for t, p in wrong) / len(wrong) if wrong else math.nan


def distribution(name: str, d: Sequence[float], q: Sequence[float]) -> float:
    """Geng, IEEE TKDE 28(7), 2016, table 2, for one image."""
    pairs = list(zip(d, q, strict=True))
    if name == "kl_divergence":
        return sum(a * math.log(a / max(b, 1e-12)) for a, b in pairs if a > 0)
    if name == "chebyshev":
        return max(abs(a - b) for a, b in pairs)
    if name == "clark":
        return math.sqrt(sum((a - b) ** 2 / (a + b) ** 2 for a, b in pairs if a + b > 0))
    if name == "canberra":
        return sum(abs(a - b) / (a + b) for a, b in pairs if a + b > 0)
    if name == "cosine_similarity":
        return sum(a * b for a, b in pairs) / math.sqrt(sum(a * a for a in d) * sum(b * b for b in q))
    return sum(min(a, b) for a, b in pairs)
