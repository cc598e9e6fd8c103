"""Metrics that know how near two classes are on Mikels' wheel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ucdver import DataError, LabelSpace

_WHEEL_PLACES = 8


def mikels_wheel_distance(y_true: NDArray[np.int64], probabilities: NDArray[np.float64], space: LabelSpace) -> float:
    """Return the mean steps around Mikels' wheel from the true to the predicted class: 0 best, 4 worst.

    The steps are the shorter way around the eight places; Zhao et al., Predicting personalized emotion
    perceptions of social images, ACM MM 2016, whose distance is this one plus 1. NaN without images; a class
    that has no place on the wheel is a DataError. `y_true` is [N], `probabilities` [N, K].
    """
    if len(y_true) == 0:
        return float("nan")
    return float(np.mean(_steps(y_true, probabilities, space)))


def wheel_neighbour_errors(y_true: NDArray[np.int64], probabilities: NDArray[np.float64], space: LabelSpace) -> float:
    """Return the share of wrong predictions that fall on a neighbour of the true class on Mikels' wheel, in [0, 1].

    Two of the seven wrong classes are neighbours, so wrong guesses at random give 2/7. NaN where nothing is wrong; a
    class that has no place on the wheel is a DataError. `y_true` is [N], `probabilities` [N, K].
    """
    steps = _steps(y_true, probabilities, space)
    wrong = probabilities.argmax(axis=1) != y_true
    return float(np.mean(steps[wrong] <= 1)) if wrong.any() else float("nan")


def _steps(y_true: NDArray[np.int64], probabilities: NDArray[np.float64], space: LabelSpace) -> NDArray[np.int64]:
    """Return the steps between true and predicted class, [N]."""
    missing = [name for name in space.classes if name not in space.wheel]
    if missing:
        raise DataError(
            f"label space '{space.name}' gives no place on Mikels' wheel for {', '.join(missing)}",
            "use this metric with mikels8",
        )
    place = np.array([space.wheel[name] for name in space.classes])
    apart = np.abs(place[y_true] - place[probabilities.argmax(axis=1)])
    return np.asarray(np.minimum(apart, _WHEEL_PLACES - apart))
