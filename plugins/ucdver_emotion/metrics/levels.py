"""Metrics by level of a hierarchy of classes: what is told apart at a coarser reading of the same space.

Level 1 is the finest reading that the space declares. The predicted class, the most probable one, is mapped, as the
true one is; probabilities are not added up, so that every level speaks of the same decisions.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ucdver import DataError, LabelSpace

Labels = NDArray[np.int64]
Probabilities = NDArray[np.float64]


def accuracy_level1(y_true: Labels, probabilities: Probabilities, space: LabelSpace) -> float:
    """Return the share of images whose predicted class has the coarse class of the true one at the finest level."""
    true, predicted = _coarse(y_true, probabilities, space, 1)
    return float(np.mean(true == predicted))


def accuracy_level2(y_true: Labels, probabilities: Probabilities, space: LabelSpace) -> float:
    """Return the same one level further."""
    true, predicted = _coarse(y_true, probabilities, space, 2)
    return float(np.mean(true == predicted))


def macro_f1_level1(y_true: Labels, probabilities: Probabilities, space: LabelSpace) -> float:
    """Return the mean F1 over the coarse classes of the finest level that are true or predicted at least once."""
    return _macro_f1(*_coarse(y_true, probabilities, space, 1))


def macro_f1_level2(y_true: Labels, probabilities: Probabilities, space: LabelSpace) -> float:
    """Return the same one level further."""
    return _macro_f1(*_coarse(y_true, probabilities, space, 2))


def sibling_errors(y_true: Labels, probabilities: Probabilities, space: LabelSpace) -> float:
    """Return the share of wrong predictions that stay within the true class's coarse class at the finest level.

    NaN where nothing is wrong. `y_true` is [N], `probabilities` [N, K].
    """
    wrong = probabilities.argmax(axis=1) != y_true
    true, predicted = _coarse(y_true, probabilities, space, 1)
    return float(np.mean((true == predicted)[wrong])) if wrong.any() else float("nan")


def _coarse(y_true: Labels, probabilities: Probabilities, space: LabelSpace, level: int) -> tuple[Labels, Labels]:
    """Return true and predicted coarse classes as numbers, [N] each; a space without that level is a DataError."""
    tables = list(space.levels.values())
    if len(tables) < level:
        raise DataError(f"label space '{space.name}' has {len(tables)} coarser levels, not {level}")
    table = tables[level - 1]
    names = sorted(set(table.values()))
    numbers = np.array([names.index(table[name]) for name in space.classes], dtype=np.int64)
    return numbers[y_true], numbers[probabilities.argmax(axis=1)]


def _macro_f1(true: Labels, predicted: Labels) -> float:
    # scikit-learn takes seconds to import, which a table of other metrics must not wait for.
    from sklearn.metrics import f1_score

    return float(f1_score(true, predicted, labels=np.union1d(true, predicted), average="macro", zero_division=0))
