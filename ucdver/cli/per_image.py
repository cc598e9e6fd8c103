"""What `ucdver leaderboard --per-image` prints: differences on each test set with intervals over its images."""

from __future__ import annotations

import shutil

import typer

from ucdver.cli.output import table_lines
from ucdver.report.board import Column
from ucdver.report.footnotes import standing
from ucdver.report.format import NONE, column_blocks, column_label, method_label, one_line, signed_text, title, wrapped
from ucdver.report.per_image import ImageDifferences
from ucdver.spec.plugin import MetricSpec
from ucdver.stats.paired import PairedDifference

_GAP = 2


def print_differences(found: ImageDifferences) -> None:
    """Print one row a method and one field a column, in blocks that fit the terminal, and what the numbers mean."""
    board = found.board
    chars = max(shutil.get_terminal_size((100, 24)).columns, 20)
    heads = [_heading(found, column) for column in board.columns]
    rows = {method_label(board, m): [_field(d, board.metric) for d in row] for m, row in found.rows.items()}
    typer.echo(title(board))
    typer.echo(f"{board.metric.name} less that of {one_line(board.reference)}, in points")
    widths = [max(len(text) for text in (head, *fields)) for head, *fields in zip(heads, *rows.values(), strict=True)]
    room = chars - max((len(label) for label in rows), default=0) - _GAP
    for block in column_blocks(widths, room, _GAP):
        body = [[label, *(fields[i] for i in block)] for label, fields in rows.items()]
        typer.echo()
        for line in table_lines(["method", *(heads[i] for i in block)], body):
            typer.echo(line)
    typer.echo()
    for note in (*_notes(found), *standing(board)):
        for line in wrapped(one_line(note, 2000), chars):
            typer.echo(line)


def _heading(found: ImageDifferences, column: Column) -> str:
    label = column_label(found.board, column)
    return label if column.images is None else f"{label} ({column.images})"


def _field(difference: PairedDifference | None, metric: MetricSpec) -> str:
    """Return "+3.5 [-1.8, +8.9]", with a star where the interval leaves zero out."""
    if difference is None:
        return NONE
    mean = signed_text(difference.difference, metric)
    if difference.low is None or difference.high is None:
        return mean
    star = "*" if difference.low > 0 or difference.high < 0 else ""
    return f"{mean} [{signed_text(difference.low, metric)}, {signed_text(difference.high, metric)}]{star}"


def _notes(found: ImageDifferences) -> tuple[str, ...]:
    seeds = max((cell.expected_seeds for cell in found.board.cells), default=0)
    gap = f"{NONE}: one of the two lacks a seed there; `ucdver leaderboard` says why."
    return (
        f"In parentheses, the number of test images. Each image is judged by its share of right answers over {seeds} "
        f"seed{'s' if seeds != 1 else ''}; in brackets, the {100 * found.board.confidence:g} % percentile interval of "
        "a bootstrap that draws a task's images anew, for both methods the same ones. It speaks of other images like "
        "these and not of other seeds; it is too narrow where images are few or resemble one another.",
        "*: the interval leaves zero out. Each speaks for itself: about one of twenty without a difference has one.",
        *([gap] if any(None in row for row in found.rows.values()) else []),
    )
