"""KCDP's formulas once more, as plain loops."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def softmax(values: Array) -> Array:
    powers = [math.exp(v - max(values)) for v in values]
    return np.array([p / sum(powers) for p in powers])


def mixture(
    inputs: Array, gate_w: Array, gate_b: Array, experts: Sequence[tuple[Array, Array, Array, Array]], top_k: int
) -> Array:
    """Return logits: for each image its best experts, one after the other, each times its gate."""
    rows = []
    for x in inputs:
        gate = softmax(gate_w @ x + gate_b)
        chosen = sorted(range(len(gate)), key=lambda e: -gate[e])[:top_k]
        total = np.zeros(experts[0][2].shape[0])
        for e in chosen:
            w1, b1, w2, b2 = experts[e]
            total = total + gate[e] * (w2 @ np.maximum(w1 @ x + b1, 0) + b2)
        rows.append(total)
    return np.array(rows)


def importance(gates: Array, top_k: int) -> float:
    """Return the squared coefficient of variation of what each expert was given."""
    usage = [0.0] * gates.shape[1]
    for gate in gates:
        for e in sorted(range(len(gate)), key=lambda e: -gate[e])[:top_k]:
            usage[e] += gate[e] / len(gates)
    mean = sum(usage) / len(usage)
    return sum((u - mean) ** 2 for u in usage) / len(usage) / mean**2


def linear_cka(x: Array, y: Array) -> float:
    """Return the linear CKA of two sets of row vectors (Kornblith et al., ICML 2019), by Gram matrices."""
    n = len(x)
    centre = np.eye(n) - 1 / n
    gram_x, gram_y = centre @ (x @ x.T) @ centre, centre @ (y @ y.T) @ centre
    return float(np.sum(gram_x * gram_y) / math.sqrt(np.sum(gram_x**2) * np.sum(gram_y**2)))


def align(tokens: Array, in_w: Array, in_b: Array, out_w: Array, out_b: Array, heads: int) -> Array:
    """Return the output of multi-head self-attention on one sequence [T, d], query by query."""
    width = tokens.shape[1]
    query, key, value = (
        tokens @ in_w[i * width : (i + 1) * width].T + in_b[i * width : (i + 1) * width] for i in range(3)
    )
    size = width // heads
    rows = []
    for t in range(len(tokens)):
        parts = []
        for h in range(heads):
            own = slice(h * size, (h + 1) * size)
            weights = softmax(np.array([query[t, own] @ key[s, own] / math.sqrt(size) for s in range(len(tokens))]))
            parts.append(sum(w * value[s, own] for s, w in enumerate(weights)))
        rows.append(out_w @ np.concatenate(parts) + out_b)
    return np.array(rows)
