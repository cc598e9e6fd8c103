"""The leaderboard as CSV, one line a cell."""

from __future__ import annotations

import csv
from io import StringIO

from ucdver.report.board import Cell, Leaderboard

COLUMNS = (
    "suite",
    "task",
    "target",
    "method",
    "selection",
    "metric",
    "mean",
    "ci_low",
    "ci_high",
    "std",
    "n_seeds",
    "rank",
    "status",
    "oracle",
)


def export(board: Leaderboard) -> str:
    """Return CSV whose lines end with a line feed: fractions in full precision, empty where there is none.

    Names are as declared; the last column says whether the method, or what chose its checkpoints, saw target labels.
    """
    output = StringIO()
    writer = csv.writer(output, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(_line(cell, cell.method in board.oracles) for cell in board.cells)
    return output.getvalue()


def _line(cell: Cell, oracle: bool) -> list[str]:
    found = cell.interval
    numbers = [None] * 4 if found is None else [found.mean, found.low, found.high, found.std]
    return [
        cell.suite,
        cell.task,
        cell.target,
        cell.method,
        cell.selection,
        cell.metric,
        *("" if number is None else repr(number) for number in numbers),
        str(cell.n_seeds),
        "" if cell.rank is None else repr(cell.rank),
        cell.status,
        str(oracle).lower(),
    ]
