"""How names, scores and cells are written; all exporters for people share it."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from ucdver.report.board import Cell, Column, Leaderboard
from ucdver.spec.plugin import MetricSpec
from ucdver.stats.intervals import Interval
from ucdver.stats.ranks import TIE_DECIMALS

NONE = "–"
PLUS_MINUS = "±"
ORACLE = "(oracle)"
STATUS_WORDS = {"failed": "failed", "missing": "missing", "not_applicable": "n/a"}


@dataclass(frozen=True)
class Shown:
    """One field of the table: its text, whether it is the best ranked one, its status, a reason."""

    text: str
    best: bool = False
    status: str = "done"
    note: str = ""


@dataclass(frozen=True)
class Row:
    """One method: its label and its fields: the columns, the average, the difference, if any, and the rank."""

    label: str
    fields: tuple[Shown, ...]
    oracle: bool


def one_line(text: str, limit: int = 600) -> str:
    """Return `text` on one line without control characters, cut with an ellipsis at `limit` characters."""
    words = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return words if len(words) <= limit else words[: limit - 1] + "…"


def wrapped(note: str, width: int) -> list[str]:
    """Return a note in lines of `width` characters; what is to be typed is never broken."""
    return textwrap.wrap(note, width, break_long_words=False, break_on_hyphens=False)


def column_blocks(widths: Sequence[int], room: int, gap: int) -> list[list[int]]:
    """Return column numbers in blocks that fit into `room` characters each, `gap` between two; at least one a block."""
    blocks: list[list[int]] = [[]]
    used = 0
    for number, width in enumerate(widths):
        if blocks[-1] and used + width + gap > room:
            blocks.append([])
            used = 0
        blocks[-1].append(number)
        used += width + gap
    return blocks


def score_text(value: float, metric: MetricSpec) -> str:
    """Return a score as it is shown: times 100 with one decimal, or with three where it is no percentage."""
    rounded = round(value * 100, 1) if metric.percent else round(value, 3)
    # Adding 0.0 turns a rounded -0.0 into 0.0.
    return f"{rounded + 0.0:.{1 if metric.percent else 3}f}"


def interval_text(interval: Interval, metric: MetricSpec) -> str:
    """Return "52.3 ± 2.1", or the mean alone where one seed gives no interval."""
    mean = score_text(interval.mean, metric)
    half = interval.half_width
    return mean if half is None else f"{mean} {PLUS_MINUS} {score_text(half, metric)}"


def difference_text(interval: Interval, metric: MetricSpec) -> str:
    """Return "+2.1 ± 0.8": a difference with its sign."""
    return _with_sign(interval_text(interval, metric))


def signed_text(value: float, metric: MetricSpec) -> str:
    """Return "+2.1": a score with its sign."""
    return _with_sign(score_text(value, metric))


def _with_sign(text: str) -> str:
    return text if text.startswith("-") else f"+{text}"


def rank_text(rank: float | None) -> str:
    """Return a mean rank with two decimals at most, or a dash for none."""
    return NONE if rank is None else f"{rank:.2f}".rstrip("0").rstrip(".")


def share_text(share: float, decimals: int = 1) -> str:
    """Return a share as a percentage."""
    return f"{share * 100:.{decimals}f} %"


def title(board: Leaderboard) -> str:
    """Return the board's title, or the suite's name where it has none."""
    return one_line(board.title) or one_line(board.suite)


def metric_label(board: Leaderboard) -> str:
    """Return the metric with its unit and direction, as in "accuracy (%, higher is better)"."""
    unit = "%, " if board.metric.percent else ""
    better = "higher" if board.metric.higher_is_better else "lower"
    return f"{board.metric.name} ({unit}{better} is better)"


def method_label(board: Leaderboard, method: str) -> str:
    """Return the method's name, an oracle's with its mark."""
    return f"{one_line(method)} {ORACLE}" if method in board.oracles else one_line(method)


def column_label(board: Leaderboard, column: Column | Cell) -> str:
    """Return the task's id, with the target where the task has more than one."""
    several = sum(other.task == column.task for other in board.columns) > 1
    return f"{one_line(column.task)} {one_line(column.target)}" if several else one_line(column.task)


def headers(board: Leaderboard) -> tuple[str, ...]:
    """Return the headings of the fields: the columns, the average, the difference where there is one, the rank."""
    against = (f"vs {one_line(board.reference)}",) if board.reference else ()
    return (*(column_label(board, column) for column in board.columns), "average", *against, "rank")


def rows(board: Leaderboard) -> tuple[Row, ...]:
    """Return the table, one row a method in the board's order."""
    return tuple(_row(board, method) for method in board.methods)


def _row(board: Leaderboard, method: str) -> Row:
    cells = [_shown(board, cell) for cell in board.row(method)]
    average = board.averages[method]
    rank = board.ranks[method]
    ranked = [_tied(a.mean) for m, a in board.averages.items() if a is not None and board.ranks[m] is not None]
    best = (max if board.metric.higher_is_better else min)(ranked, default=None)
    is_best = rank is not None and average is not None and _tied(average.mean) == best
    cells.append(Shown(interval_text(average, board.metric), is_best) if average else Shown(NONE))
    if board.reference:
        difference = board.differences.get(method)
        cells.append(Shown(difference_text(difference.interval, board.metric) if difference else NONE))
    cells.append(Shown(rank_text(rank), rank is not None and rank == _smallest(list(board.ranks.values()))))
    return Row(method_label(board, method), tuple(cells), method in board.oracles)


def _tied(mean: float) -> float:
    # As where cells are ranked: averages that differ in the last bit are one.
    return round(mean, TIE_DECIMALS)


def _smallest(ranks: Sequence[float | None]) -> float | None:
    return min((rank for rank in ranks if rank is not None), default=None)


def _shown(board: Leaderboard, cell: Cell) -> Shown:
    note = one_line(cell.reason)
    if cell.interval is None:
        return Shown(STATUS_WORDS[cell.status], False, cell.status, note)
    text = interval_text(cell.interval, board.metric)
    if cell.status == "partial":
        return Shown(f"{text} ({cell.n_seeds}/{cell.expected_seeds})", False, cell.status, note)
    column = [c.rank for c in board.cells if (c.task, c.target) == (cell.task, cell.target)]
    return Shown(text, cell.rank is not None and cell.rank == _smallest(column), cell.status, note)
