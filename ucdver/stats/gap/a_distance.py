"""The proxy A-distance: how well a linear classifier tells two domains apart."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from ucdver.stats.intervals import Interval

Features = NDArray[np.float32] | NDArray[np.float64]

#: Part of each split that is trained on.
TRAIN = 0.8
#: Of the ridge classifier, on standardised features scaled to a mean squared length of 1.
_ALPHA = 1.0


def proxy_a_distance(
    source: Features, target: Features, repeats: int = 10, seed: int = 0, confidence: float = 0.95
) -> Interval:
    """Return the proxy A-distance 2 (1 - 2 e) with an interval over repeated splits; 0 is no difference, 2 all of it.

    e is the error of a linear (ridge) classifier on held-out images, the mean of its error on either domain, so that a
    guess errs by 1/2 whatever their sizes. Images with the same features stay on one side of a split. The interval is
    the t-interval for repeated splits of Nadeau & Bengio, Inference for the generalization error, Machine Learning 52,
    2003: its variance is (1/J + test/train) s^2, since the splits share images. Nothing is cut at 0.

    Ben-David et al., Analysis of representations for domain adaptation, NIPS 2006; as here in Ganin et al., JMLR 2016.

    Args:
        source: [N, D].
        target: [M, D].
        repeats: number of splits J, 2 at least.
        seed: of the Philox generator that splits.
        confidence: of the interval.

    Raises:
        ValueError: fewer than ten distinct images in all, or other numbers of features.
    """
    if source.ndim != 2 or target.ndim != 2 or source.shape[1] != target.shape[1]:
        raise ValueError(f"features of shape {source.shape} and {target.shape} do not compare")
    x = np.concatenate([source, target]).astype(np.float64)
    side = np.repeat([0, 1], [len(source), len(target)])
    _, group = np.unique(x, axis=0, return_inverse=True)
    group = group.reshape(-1)
    if group.max() + 1 < 10 or repeats < 2:
        raise ValueError("an A-distance needs ten distinct images and two splits")
    rng = np.random.Generator(np.random.Philox(seed))
    values = [2 * (1 - 2 * _held_out_error(x, side, _split(group, side, rng))) for _ in range(repeats)]
    mean, std = float(np.mean(values)), float(np.std(values, ddof=1))
    spread = std * math.sqrt(1 / repeats + (1 - TRAIN) / TRAIN)
    half = float(stdtrit(repeats - 1, (1 + confidence) / 2)) * spread
    return Interval(mean, mean - half, mean + half, std, repeats, repeats - 1 if half else None)


def _split(group: NDArray[np.intp], side: NDArray[np.int_], rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return which images are trained on: whole groups, with both domains on either side of the split."""
    groups = int(group.max()) + 1
    for _ in range(100):
        chosen = np.zeros(groups, dtype=bool)
        chosen[rng.permutation(groups)[: round(TRAIN * groups)]] = True
        train = chosen[group]
        if all(len(np.unique(side[part])) == 2 for part in (train, ~train)):
            return train
    raise ValueError("a domain has too few images to be on both sides of a split")


def _held_out_error(x: NDArray[np.float64], side: NDArray[np.int_], train: NDArray[np.bool_]) -> float:
    # A closed form: the same on every run, and nothing that may fail to converge.
    from sklearn.linear_model import RidgeClassifier

    mean, std = x[train].mean(axis=0), x[train].std(axis=0)
    scaled = (x - mean) / np.where(std > 0, std, 1.0) / math.sqrt(x.shape[1])
    classifier = RidgeClassifier(alpha=_ALPHA, class_weight="balanced").fit(scaled[train], side[train])
    wrong = classifier.predict(scaled[~train]) != side[~train]
    return float(np.mean([wrong[side[~train] == k].mean() for k in (0, 1)]))
