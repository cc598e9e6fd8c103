"""Averages over the columns of a leaderboard, and how far they lie from those of a reference method."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ucdver.report.board import Cell, Column, Difference
from ucdver.report.scores import Grid
from ucdver.stats.holm import holm
from ucdver.stats.intervals import Interval, sum_interval
from ucdver.stats.ranks import TIE_DECIMALS


def average(grid: Grid, columns: Sequence[Column], row: Sequence[Cell], confidence: float) -> Interval | None:
    """Return the mean over columns with its interval over seeds, or None when a cell lacks a seed."""
    scores = _scores(grid, columns, row)
    return None if scores is None else _interval(scores, confidence)


def differences(
    grid: Grid,
    columns: Sequence[Column],
    rows: dict[str, list[Cell]],
    reference: str,
    oracles: Collection[str],
    confidence: float,
) -> dict[str, Difference | None]:
    """Return by method how far its average lies from the reference's; None for the reference and for gaps.

    Seeds are paired: at the same seed both methods start from the same network and see the same images in the same
    order, so what the two share cancels. p-values are adjusted for the number of methods (Holm); oracles, which are
    in no competition, have none and cost the others nothing.
    """
    scores = {method: _scores(grid, columns, row) for method, row in rows.items()}
    base = scores.get(reference)
    found: dict[str, Interval] = {}
    for method, own in scores.items():
        if method == reference or own is None or base is None or not _paired(own, base):
            continue
        found[method] = _interval(_gains(own, base), confidence)
    values = {method: found[method].p_value(confidence) for method in found if method not in oracles}
    adjusted = holm({method: p for method, p in values.items() if p is not None})
    return {m: Difference(found[m], adjusted.get(m)) if m in found else None for m in rows}


def _gains(own: dict[str, dict[int, float]], base: dict[str, dict[int, float]]) -> dict[str, dict[int, float]]:
    return {
        task: _levelled({seed: value - base[task][seed] for seed, value in seeds.items()})
        for task, seeds in own.items()
    }


def _levelled(gains: dict[int, float]) -> dict[int, float]:
    # The same gain at every seed differs in the last bit of the floats it is the difference of: to a t-test that would
    # be a spread of 1e-17, and a certainty.
    first = next(iter(gains.values()))
    same = all(round(gain - first, TIE_DECIMALS) == 0 for gain in gains.values())
    return dict.fromkeys(gains, first) if same else gains


def _scores(grid: Grid, columns: Sequence[Column], row: Sequence[Cell]) -> dict[str, dict[int, float]] | None:
    """Return what each task adds to the average, by seed, or None when a cell lacks a seed.

    The columns of a task come from one and the same run, so they are added up before anything is said about spread.
    """
    applicable = [(cell, column) for cell, column in zip(row, columns, strict=True) if column.applicable]
    if not applicable or any(cell.status != "done" for cell, _ in applicable):
        return None
    parts: dict[str, dict[int, list[float]]] = {}
    for cell, column in applicable:
        for outcome in grid[cell.method, column.task, column.target]:
            value = 0.0 if outcome.value is None else outcome.value
            parts.setdefault(column.task, {}).setdefault(outcome.seed, []).append(value / len(applicable))
    return {task: {seed: sum(values) for seed, values in seeds.items()} for task, seeds in parts.items()}


def _paired(one: dict[str, dict[int, float]], other: dict[str, dict[int, float]]) -> bool:
    return {t: set(seeds) for t, seeds in one.items()} == {t: set(seeds) for t, seeds in other.items()}


def _interval(scores: dict[str, dict[int, float]], confidence: float) -> Interval:
    return sum_interval([list(seeds.values()) for seeds in scores.values()], confidence)
