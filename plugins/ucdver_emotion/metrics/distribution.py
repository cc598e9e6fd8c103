"""How far predicted distributions are from soft labels: the six measures of label distribution learning.

Geng, Label distribution learning, IEEE TKDE 28(7), 2016, table 2; each is the mean over images. Written in it d is the
soft label and q the prediction. Work on image emotion often divides Clark by the square root of the number of classes
and Canberra by the number itself; here both are as in the paper.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ucdver import LabelSpace

Soft = NDArray[np.float64]
Probabilities = NDArray[np.float64]

#: A predicted probability below this counts as this, as in the metric nll.
_FLOOR = 1e-12


def kl_divergence(soft: Soft, probabilities: Probabilities, space: LabelSpace) -> float:
    """Return the mean Kullback-Leibler divergence, sum of d ln(d / q), in nats."""
    q = np.clip(probabilities, _FLOOR, 1.0)
    # 0 ln 0 is 0: log(1) stands in for it.
    ratio = np.where(soft > 0, soft, q) / q
    return float(np.mean((soft * np.log(ratio)).sum(axis=1)))


def chebyshev(soft: Soft, probabilities: Probabilities, space: LabelSpace) -> float:
    """Return the mean of the largest difference, max of |d - q|, in [0, 1]."""
    return float(np.mean(np.abs(soft - probabilities).max(axis=1)))


def clark(soft: Soft, probabilities: Probabilities, space: LabelSpace) -> float:
    """Return the mean Clark distance, the root of the sum of (d - q)^2 / (d + q)^2, in [0, sqrt(K)]."""
    return float(np.mean(np.sqrt((_relative(soft, probabilities) ** 2).sum(axis=1))))


def canberra(soft: Soft, probabilities: Probabilities, space: LabelSpace) -> float:
    """Return the mean Canberra distance, the sum of |d - q| / (d + q), in [0, K]."""
    return float(np.mean(_relative(soft, probabilities).sum(axis=1)))


def cosine(soft: Soft, probabilities: Probabilities, space: LabelSpace) -> float:
    """Return the mean cosine of the angle between d and q, in [0, 1]."""
    lengths = np.linalg.norm(soft, axis=1) * np.linalg.norm(probabilities, axis=1)
    return float(np.mean((soft * probabilities).sum(axis=1) / lengths))


def intersection(soft: Soft, probabilities: Probabilities, space: LabelSpace) -> float:
    """Return the mean overlap, the sum of min(d, q), in [0, 1]."""
    return float(np.mean(np.minimum(soft, probabilities).sum(axis=1)))


def _relative(soft: Soft, probabilities: Probabilities) -> NDArray[np.float64]:
    """Return |d - q| / (d + q), [N, K]; 0 where both are 0."""
    total = soft + probabilities
    return np.abs(soft - probabilities) / np.where(total > 0, total, 1.0)
