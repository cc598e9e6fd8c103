"""The formulas of the vision-language methods once more, as plain loops over float64 numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from naive.adaptation import Array, entropy, softmax


def unit(v: Array) -> Array:
    length = math.sqrt(sum(float(x) ** 2 for x in v))
    return np.array([float(x) / length for x in v])


def ensemble(prompts: Sequence[Array]) -> Array:
    """Text embedding of each class: of unit prompt embeddings the mean, made a unit vector."""
    rows = []
    for own in prompts:
        units = [unit(p) for p in own]
        rows.append(unit(np.array([sum(u[j] for u in units) / len(units) for j in range(len(units[0]))])))
    return np.array(rows)


def zero_shot(image: Array, texts: Array, scale: float) -> Array:
    return np.array([[scale * float(np.dot(unit(f), unit(g))) for g in texts] for f in image])


def domain_cross_entropy(logits: Array, domains: Sequence[int], labels: Sequence[int], joint: bool) -> list[float]:
    """Logits [B, domains, K]; the softmax runs over all pairs of domain and class, or over the classes of one."""
    losses = []
    for z, d, y in zip(logits, domains, labels, strict=True):
        rivals = [float(v) for row in z for v in row] if joint else [float(v) for v in z[d]]
        losses.append(-math.log(math.exp(z[d][y]) / sum(math.exp(v) for v in rivals)))
    return losses


def dapl(
    source: Array,
    domains: Sequence[int],
    labels: Sequence[int],
    target: Array,
    zero_shot_logits: Array,
    threshold: float,
    temperature: float,
    trade_off: float,
) -> float:
    """Ge et al., 2022: the target is the last domain, and an image that is not sure counts in the mean with zero."""
    own = domain_cross_entropy(source, domains, labels, joint=True)
    total = 0.0
    for z, guess in zip(target, zero_shot_logits, strict=True):
        p = softmax([float(g) for g in guess], temperature)
        if max(p) >= threshold:
            (loss,) = domain_cross_entropy(np.array([z]), [len(z) - 1], [p.index(max(p))], joint=True)
            total += loss
    return sum(own) / len(own) + trade_off * total / len(target)


def between(before: Array, after: Array, share: float) -> Array:
    """Wortsman et al., 2022."""
    return np.array([(1 - share) * b + share * a for b, a in zip(before.ravel(), after.ravel(), strict=True)])


def style(tokens: Array) -> Array:
    """Mean of a layer's mean and deviation over tokens [T, W]; 2.3e-8 is added to the sum of squares."""
    count = len(tokens)
    row = []
    for w in range(tokens.shape[1]):
        mean = sum(tokens[:, w]) / count
        deviation = math.sqrt((sum((t - mean) ** 2 for t in tokens[:, w]) + 2.3e-8) / count)
        row.append((mean + deviation) / 2)
    return np.array(row)


def text_divergence(source: Array, target: Array) -> float:
    """KL(target || source) of softmaxes over the numbers of text embeddings [B, K, D]."""
    total = 0.0
    for s, t in zip(source, target, strict=True):
        for a, b in zip(s, t, strict=True):
            q, p = softmax(a), softmax(b)
            total += sum(x * math.log(x / y) for x, y in zip(p, q, strict=True))
    return total / len(source)


def mean_entropy(logits: Array) -> float:
    return sum(entropy(softmax(row), epsilon=0.0) for row in logits) / len(logits)
