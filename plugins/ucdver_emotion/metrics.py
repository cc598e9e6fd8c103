"""Two metrics of emotion recognition that know how classes lie to one another."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ucdver import DataError, LabelSpace

_WHEEL_PLACES = 8


def polarity_accuracy(y_true: NDArray[np.int64], probabilities: NDArray[np.float64], space: LabelSpace) -> float:
    """Return the share of polar images whose predicted class has the polarity of the true one.

    An image is polar when the polarity of its true class is +1 or -1; images of other classes (surprise,
    neutral) are left out. The predicted class is the most probable one, the first of equals. A prediction of
    a class without polarity is wrong for a polar image. NaN where no image is polar. `y_true` is [N],
    `probabilities` [N, K].
    """
    polarity = np.array([space.polarity.get(name, 0) for name in space.classes])
    true = polarity[y_true]
    predicted = polarity[probabilities.argmax(axis=1)]
    polar = true != 0
    if not polar.any():
        return float("nan")
    return float(np.mean(predicted[polar] == true[polar]))


def mikels_wheel_distance(y_true: NDArray[np.int64], probabilities: NDArray[np.float64], space: LabelSpace) -> float:
    """Return the mean steps around Mikels' wheel from the true to the predicted class: 0 best, 4 worst.

    The steps are the shorter way around the eight places; Zhao et al., Predicting personalized emotion
    perceptions of social images, ACM MM 2016, whose distance is this one plus 1. NaN without images; a class
    that has no place on the wheel is a DataError. `y_true` is [N], `probabilities` [N, K].
    """
    missing = [name for name in space.classes if name not in space.wheel]
    if missing:
        raise DataError(
            f"label space '{space.name}' gives no place on Mikels' wheel for {', '.join(missing)}",
            "use this metric with mikels8",
        )
    if len(y_true) == 0:
        return float("nan")
    place = np.array([space.wheel[name] for name in space.classes])
    apart = np.abs(place[y_true] - place[probabilities.argmax(axis=1)])
    return float(np.mean(np.minimum(apart, _WHEEL_PLACES - apart)))
