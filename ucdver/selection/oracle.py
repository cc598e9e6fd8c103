"""The checkpoint that target labels would choose: what no honest rule can beat, shown to measure the others by."""

from __future__ import annotations

import numpy as np

from ucdver.evaluate.metrics import UndefinedMetricError
from ucdver.selection.outputs import LabelledTarget


def score(labelled_target: LabelledTarget) -> float:
    """Return the table's metric on the test images, averaged over the targets that have it, higher being better.

    Raises:
        UndefinedMetricError: none has.
    """
    given = labelled_target
    domains = np.array(given.domains)
    found = [
        given.metric(
            given.labels[chosen], given.probabilities[chosen], None if given.soft is None else given.soft[chosen]
        )
        for chosen in (domains == name for name in dict.fromkeys(given.domains))
    ]
    values = [value for value in found if value is not None]
    if not values:
        raise UndefinedMetricError("no test image has what the metric reads")
    mean = sum(values) / len(values)
    return mean if given.higher_is_better else -mean
