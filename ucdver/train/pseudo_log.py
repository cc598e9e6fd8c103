"""What a method took target images for as training went on, saved for an analysis that comes after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from ucdver.errors import SpecError
from ucdver.methods.base import PseudoLabels
from ucdver.train.log import RunLog

FILE = "pseudo_labels.jsonl"


@dataclass(frozen=True)
class PseudoLabelled:
    """The pseudo-labels of one step's target images.

    Attributes:
        step: steps done by then.
        ids: global ids, `dataset/id`.
        labels: indices into the task's classes.
        weights: what each counted in the loss.
        confidence: the probability that the method gave each.
    """

    step: int
    ids: tuple[str, ...]
    labels: tuple[int, ...]
    weights: tuple[float, ...]
    confidence: tuple[float, ...]


class PseudoLabelLog:
    """Appends to `pseudo_labels.jsonl` in a run's folder; there is no truth in it.

    Args:
        folder: the run's.
        ids: of all target images, as batches number them.
    """

    def __init__(self, folder: Path, ids: Sequence[str] = ()) -> None:
        self._lines = RunLog(folder / FILE)
        self._ids = ids

    def write(self, step: int, rows: Tensor, found: PseudoLabels) -> None:
        """Append the pseudo-labels of the images in `rows` [B]; a SpecError where there are not as many."""
        if any(value.shape != rows.shape for value in found):
            shapes = ", ".join(str(list(value.shape)) for value in found)
            raise SpecError(
                f"pseudo_labels has labels, weights and confidence of {shapes} for {len(rows)} target images",
                "give one of each an image, in the order of the batch",
            )
        self._lines.write(
            {
                "step": step,
                "ids": [self._ids[row] for row in rows.tolist()],
                "labels": found.labels.tolist(),
                "weights": _rounded(found.weights),
                "confidence": _rounded(found.confidence),
            }
        )

    def cut_after(self, step: int) -> None:
        """Keep what was written up to `step`."""
        self._lines.cut_after(step)

    def read(self) -> list[PseudoLabelled]:
        """Return all that is there, in the order of the steps; nothing where the method gives no pseudo-labels."""
        return [
            PseudoLabelled(line["step"], *(tuple(line[name]) for name in ("ids", "labels", "weights", "confidence")))
            for line in self._lines.read()
        ]


def _rounded(values: Tensor) -> list[float]:
    return [round(value, 4) for value in values.float().tolist()]
