"""Differences between methods on each test set, over its images: what other images of the same kind could change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ucdver.errors import SpecError
from ucdver.registry import Registry
from ucdver.report.board import Column, Leaderboard
from ucdver.report.leaderboard import CONFIDENCE, build_leaderboard
from ucdver.runs.store import RunStore
from ucdver.spec.suite import SuitePlan
from ucdver.stats.paired import PairedDifference, paired_difference

#: What images are right or wrong by, whatever the suite's own metric is.
METRIC = "accuracy"


@dataclass(frozen=True)
class ImageDifferences:
    """How far methods lie from a reference on the test images of each column.

    Attributes:
        board: the leaderboard of accuracy that the columns and methods are those of.
        rows: by method but the reference, one difference a column; None where either lacks a seed there.
    """

    board: Leaderboard
    rows: dict[str, tuple[PairedDifference | None, ...]]


def per_image(store: RunStore, registry: Registry, plan: SuitePlan, against: str | None = None) -> ImageDifferences:
    """Return the difference in accuracy of every method to `against` by column, with an interval over images.

    Both methods are averaged over their seeds image by image, at the last step.

    Raises:
        SpecError: there is no such method in the plan, or none to compare with.
    """
    board = build_leaderboard(store, registry, plan, METRIC, against=against)
    if not board.reference:
        raise SpecError(f"suite '{plan.suite.name}' has no method to compare with", "name one with --against METHOD")
    keys: dict[tuple[str, str], list[str]] = {}
    for entry in plan.entries:
        keys.setdefault((entry.method, entry.task), []).append(entry.key)
    rows: dict[str, list[PairedDifference | None]] = {m: [] for m in board.methods if m != board.reference}
    for number, column in enumerate(board.columns):
        whole = {m for m in board.methods if board.row(m)[number].status == "done"}
        hits = {m: _hits(store, keys[m, column.task], column) for m in whole if board.reference in whole}
        for method, row in rows.items():
            base = hits.get(board.reference)
            row.append(_difference(hits[method], base) if base is not None and method in hits else None)
    return ImageDifferences(board, {method: tuple(row) for method, row in rows.items()})


def _difference(own: NDArray[np.bool_], base: NDArray[np.bool_]) -> PairedDifference:
    return paired_difference(own, base, confidence=CONFIDENCE)


def _hits(store: RunStore, keys: Sequence[str], column: Column) -> NDArray[np.bool_]:
    """Return whether each seed was right on each image of a column, bool [S, N], images in the order of their ids."""
    found = []
    for key in keys:
        chosen = store.predictions(key).select("target_test", column.target)
        order = np.argsort(np.array(chosen.ids), kind="stable")
        found.append((chosen.probabilities().argmax(axis=1) == chosen.labels)[order])
    return np.stack(found)
