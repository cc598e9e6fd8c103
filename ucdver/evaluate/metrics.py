"""Metrics: functions of true labels int64 [N], probabilities float64 [N, K] and the label space.

A predicted class is the most probable one; of equally probable classes it is the first. scikit-learn is imported
by the metrics that need it: a table of accuracies must not wait seconds for it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ucdver.discovery import attempt, reason
from ucdver.errors import DataError
from ucdver.registry import Registry, load_callable
from ucdver.spec.labels import LabelSpace
from ucdver.spec.plugin import MetricSpec

Labels = NDArray[np.int64]
Probabilities = NDArray[np.float64]

ECE_BINS = 15
# Below this a probability counts as this, so that one certain mistake costs 27.6 nats and not infinity.
NLL_FLOOR = 1e-12


def accuracy(y_true: Labels, probabilities: Probabilities, space: LabelSpace) -> float:
    """Return the share of images whose most probable class is the true one, in [0, 1]."""
    return float(np.mean(probabilities.argmax(axis=1) == y_true))


def balanced_accuracy(y_true: Labels, probabilities: Probabilities, space: LabelSpace) -> float:
    """Return the mean recall over the classes that occur in `y_true`, in [0, 1]."""
    from sklearn.metrics import recall_score

    predicted = probabilities.argmax(axis=1)
    return float(recall_score(y_true, predicted, labels=np.unique(y_true), average="macro", zero_division=0))


def macro_f1(y_true: Labels, probabilities: Probabilities, space: LabelSpace) -> float:
    """Return the mean F1 over the classes that occur in `y_true` or are predicted at least once, in [0, 1].

    A class that is in neither is left out; one that is only predicted, or never predicted, counts 0.
    """
    from sklearn.metrics import f1_score

    predicted = probabilities.argmax(axis=1)
    present = np.union1d(y_true, predicted)
    return float(f1_score(y_true, predicted, labels=present, average="macro", zero_division=0))


def weighted_f1(y_true: Labels, probabilities: Probabilities, space: LabelSpace) -> float:
    """Return the mean F1 over classes, weighted by their number of true images, in [0, 1]."""
    from sklearn.metrics import f1_score

    predicted = probabilities.argmax(axis=1)
    return float(f1_score(y_true, predicted, labels=np.unique(y_true), average="weighted", zero_division=0))


def ece(y_true: Labels, probabilities: Probabilities, space: LabelSpace) -> float:
    """Return the expected calibration error with 15 bins ((m-1)/15, m/15], in [0, 1] (Guo et al., 2017)."""
    confidence = probabilities.max(axis=1)
    correct = (probabilities.argmax(axis=1) == y_true).astype(np.float64)
    inner_edges = np.arange(1, ECE_BINS) / ECE_BINS
    bins = np.digitize(confidence, inner_edges, right=True)
    gaps = np.bincount(bins, weights=correct - confidence, minlength=ECE_BINS)
    return float(np.abs(gaps).sum() / len(y_true))


def nll(y_true: Labels, probabilities: Probabilities, space: LabelSpace) -> float:
    """Return the mean negative log-likelihood of the true class in nats, probabilities clipped at 1e-12."""
    from sklearn.metrics import log_loss

    clipped = np.clip(probabilities, NLL_FLOOR, 1.0)
    return float(log_loss(y_true, clipped, labels=np.arange(probabilities.shape[1])))


def per_class_recall(y_true: Labels, probabilities: Probabilities, space: LabelSpace) -> dict[str, float | None]:
    """Return the recall of each class by name; None for a class that does not occur in `y_true`."""
    check_inputs(y_true, probabilities, space)
    classes = len(space.classes)
    total = np.bincount(y_true, minlength=classes)
    hits = np.bincount(y_true[probabilities.argmax(axis=1) == y_true], minlength=classes)
    return {name: float(hits[k] / total[k]) if total[k] else None for k, name in enumerate(space.classes)}


class UndefinedMetricError(DataError):
    """A metric is not a number on these predictions: of no error, say, no share can be near."""


def reads_space(metric: MetricSpec) -> bool:
    """Return whether the metric reads more of the label space than its classes."""
    return metric.needs not in ("", "soft")


def applies(metric: MetricSpec, space: LabelSpace) -> bool:
    """Return whether `space` declares what the metric reads, for every one of its classes."""
    if not reads_space(metric):
        return True
    if metric.needs == "levels":
        return len(space.levels) >= metric.depth
    declared = space.polarity if metric.needs == "polarity" else space.wheel
    return set(space.classes) <= set(declared)


def lack(metric: MetricSpec) -> str:
    """Return in words what a column lacks on which the metric is not applicable, as in "declares no wheel"."""
    if metric.needs == "soft":
        return "its test images carry no soft labels"
    if metric.needs == "levels" and metric.depth > 1:
        return f"the label space declares fewer than {metric.depth} levels"
    return f"the label space declares no {metric.needs}"


def check_inputs(y_true: Labels, probabilities: Probabilities, space: LabelSpace) -> None:
    """Refuse predictions no metric is defined on: none at all, not finite, not of this space; a DataError."""
    if len(y_true) == 0:
        raise DataError("there are no predictions to score")
    expected = (len(y_true), len(space.classes))
    if probabilities.shape != expected:
        raise DataError(
            f"predictions of shape {probabilities.shape} do not fit {expected[0]} images "
            f"and the {expected[1]} classes of '{space.name}'"
        )
    if not np.isfinite(probabilities).all():
        raise DataError("predictions are not finite", "train it again: an activation has overflowed")
    if y_true.min() < 0 or y_true.max() >= expected[1]:
        raise DataError(f"a true label is none of the {expected[1]} classes of '{space.name}'")


def compute(
    registry: Registry,
    name: str,
    y_true: Labels,
    probabilities: Probabilities,
    space: LabelSpace,
    soft: NDArray[np.floating] | None = None,
    classes_only: bool = False,
) -> float | None:
    """Return the metric called `name`, or None where it is not applicable: space or images lack what it needs.

    Args:
        registry: where the metric is looked up.
        name: the metric.
        y_true: int64 [N], true classes.
        probabilities: float64 [N, K].
        space: the label space, with K classes.
        soft: [N, K], the soft label of each image, a row of NaN where it has none; None where none has.
        classes_only: whether the probabilities are no more than 1 for the predicted class.

    Raises:
        PluginError: there is no such metric, or it cannot be loaded.
        UndefinedMetricError: the metric raises, is not a finite number on these predictions, or reads more than they
            hold.
        DataError: the predictions do not fit the space or are not finite.
    """
    metric = registry.metrics.get(name)
    check_inputs(y_true, probabilities, space)
    if not applies(metric, space):
        return None
    if classes_only and metric.reads != "class":
        raise UndefinedMetricError(f"its run came with predicted classes in place of logits, and {name} reads those")
    truth: NDArray[Any] = y_true
    if metric.needs == "soft":
        voted = np.isfinite(soft).all(axis=1) if soft is not None else np.zeros(len(y_true), dtype=bool)
        if soft is None or not voted.any():
            return None
        truth, probabilities = soft[voted].astype(np.float64), probabilities[voted]
    formula = load_callable(metric.target, f"metric '{name}'")
    found, error = attempt(lambda: float(formula(truth, probabilities, space)))
    if error is not None:
        raise UndefinedMetricError(f"metric '{name}' raised {reason(error)}") from error
    value: float = found
    if not math.isfinite(value):
        raise UndefinedMetricError(f"metric '{name}' is {value} on these predictions")
    return value
