"""How right pseudo-labels were for the images of one class, and for those that were taken for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class ClassPseudoLabels:
    """What became of the target images of one class, at some steps of one run.

    Attributes:
        name: the class.
        images: how many of it there were; one that came twice counts twice.
        coverage: share of them whose pseudo-label had a weight above 0; None where there were none.
        accuracy: share of them whose pseudo-label was right, believed or not: the recall; None where there were none.
        accuracy_believed: the same of those that were believed; None where none was.
        taken: how many images of any class were taken for it.
        precision: share of those that were of it; None where nothing was taken for it.
    """

    name: str
    images: int
    coverage: float | None
    accuracy: float | None
    accuracy_believed: float | None
    taken: int
    precision: float | None


def class_pseudo_labels(
    names: Sequence[str], truth: Sequence[int], labels: Sequence[int], believed: Sequence[bool]
) -> tuple[ClassPseudoLabels, ...]:
    """Return the quality for each class, given class, pseudo-label and whether it was believed of each image."""
    found = []
    rows = list(zip(truth, labels, believed, strict=True))
    for number, name in enumerate(names):
        own = [(label == number, sure) for true, label, sure in rows if true == number]
        taken = [true == number for true, label, _ in rows if label == number]
        found.append(
            ClassPseudoLabels(
                name,
                len(own),
                _share([sure for _, sure in own]),
                _share([right for right, _ in own]),
                _share([right for right, sure in own if sure]),
                len(taken),
                _share(taken),
            )
        )
    return tuple(found)


def _share(of: Sequence[bool]) -> float | None:
    return sum(of) / len(of) if of else None
