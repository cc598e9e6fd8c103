"""The checkpoint that target labels would choose: what no honest rule can beat, shown to measure the others by."""

from __future__ import annotations

import numpy as np

from ucdver.selection.outputs import LabelledTarget


def score(labelled_target: LabelledTarget) -> float:
    """Return the table's metric on the test images, averaged over the targets, signed so that higher is better."""
    domains = np.array(labelled_target.domains)
    values = [
        labelled_target.metric(labelled_target.labels[chosen], labelled_target.probabilities[chosen])
        for chosen in (domains == name for name in dict.fromkeys(labelled_target.domains))
    ]
    mean = sum(values) / len(values)
    return mean if labelled_target.higher_is_better else -mean
