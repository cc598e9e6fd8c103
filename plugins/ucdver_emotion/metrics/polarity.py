"""Accuracy in valence alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ucdver import LabelSpace


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
