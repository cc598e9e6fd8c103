"""How right the pseudo-labels of a run were, and how many were believed: an analysis, after training."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ucdver.evaluate.class_pseudo_labels import ClassPseudoLabels, class_pseudo_labels
from ucdver.train.pseudo_log import PseudoLabelled


@dataclass(frozen=True)
class PseudoLabelQuality:
    """What became of the target images of some steps of one run.

    Attributes:
        first: the first of the steps that were looked at.
        last: the last.
        images: how many images that was; one that came twice counts twice.
        coverage: share of them whose pseudo-label had a weight above 0.
        accuracy: share of them whose pseudo-label was right, believed or not.
        accuracy_believed: the same of those that were believed; None where none was.
        majority: share of their most frequent class, which is what one label for all would have got.
        classes: the same for each class.
    """

    first: int
    last: int
    images: int
    coverage: float
    accuracy: float
    accuracy_believed: float | None
    majority: float
    classes: tuple[ClassPseudoLabels, ...]


def pseudo_label_quality(
    steps: Sequence[PseudoLabelled], truth: Mapping[str, int], classes: Sequence[str]
) -> PseudoLabelQuality:
    """Return the quality of the pseudo-labels of one or more steps.

    Args:
        steps: what a method took target images for.
        truth: the index of each image's class, by global id.
        classes: the names of the classes, in index order.
    """
    labels = [truth[name] for step in steps for name in step.ids]
    given = [label for step in steps for label in step.labels]
    right = [label == wanted for label, wanted in zip(given, labels, strict=True)]
    believed = [weight > 0 for step in steps for weight in step.weights]
    count = len(labels)
    sure = [is_right for is_right, is_believed in zip(right, believed, strict=True) if is_believed]
    return PseudoLabelQuality(
        steps[0].step,
        steps[-1].step,
        count,
        sum(believed) / count,
        sum(right) / count,
        sum(sure) / len(sure) if sure else None,
        max(Counter(labels).values()) / count,
        class_pseudo_labels(classes, labels, given, believed),
    )


def halves(steps: Sequence[PseudoLabelled]) -> list[list[PseudoLabelled]]:
    """Return the steps of the first and of the second half of the stretch in which there are pseudo-labels."""
    middle = (steps[0].step + steps[-1].step) / 2
    parts = [step for step in steps if step.step <= middle], [step for step in steps if step.step > middle]
    return [part for part in parts if part]
