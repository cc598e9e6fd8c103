"""The leaderboard as a table for terminals."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from io import StringIO

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ucdver.report.board import Leaderboard
from ucdver.report.format import Row, Shown, column_blocks, headers, metric_label, one_line, rows, title

_PADDING = 1
# Between two columns rich writes the padding and the blank that stands for a rule.
_GAP = _PADDING + 1
_LONGEST_WORD = 18
_STYLES = {"failed": "red", "missing": "yellow", "not_applicable": "dim", "partial": "yellow"}


def export(board: Leaderboard, width: int | None = None, ansi: bool = False) -> str:
    """Return the table as text; columns that do not fit beside each other follow in further blocks.

    Args:
        board: what is written.
        width: characters a line; the terminal's when None, or 100 where there is none.
        ansi: write the best ranked values in bold and states in colour; without, a star follows the best.
    """
    chars = width if width is not None else shutil.get_terminal_size((100, 24)).columns
    output = StringIO()
    heads, table = headers(board), rows(board)
    label_width = max(cell_len(name) for name in ("method", *(row.label for row in table)))
    widths = _widths(heads, table, ansi)
    blocks = column_blocks(widths, chars - label_width, _GAP)
    # A number is never cut: where even one column does not fit, its lines are longer than asked for.
    needed = max(label_width + sum(widths[i] + _GAP for i in block) for block in blocks)
    console = Console(
        file=output,
        width=max(chars, needed),
        force_terminal=ansi,
        color_system="standard" if ansi else None,
        legacy_windows=False,
    )
    console.print(Text(title(board), style="bold"))
    console.print(Text(metric_label(board)))
    for block in blocks:
        console.print()
        console.print(_block(heads, table, block, widths, label_width, ansi))
    console.print()
    notes = Console(file=output, width=max(chars, 20), color_system=None, legacy_windows=False)
    for note in board.footnotes:
        notes.print(Text(one_line(note, 2000)))
    if not ansi and any(field.best for row in table for field in row.fields):
        notes.print(Text("*: the best of the ranked methods."))
    return "\n".join(line.rstrip() for line in output.getvalue().splitlines()) + "\n"


def _text(field: Shown, ansi: bool) -> Text:
    if ansi:
        return Text(field.text, style="bold" if field.best else _STYLES.get(field.status, ""))
    # The blank keeps the digits of the others under those of the best.
    return Text(f"{field.text}{'*' if field.best else ' '}")


def _widths(heads: Sequence[str], table: Sequence[Row], ansi: bool) -> list[int]:
    """Return the width of each field column: its longest field, or the longest word of its heading, which is folded."""
    found = []
    for number, heading in enumerate(heads):
        longest = max((_text(row.fields[number], ansi).cell_len for row in table), default=0)
        word = max(cell_len(word) for word in heading.split())
        found.append(max(longest, min(word + (not ansi), _LONGEST_WORD)))
    return found


def _block(
    heads: Sequence[str],
    table: Sequence[Row],
    block: Sequence[int],
    widths: Sequence[int],
    label_width: int,
    ansi: bool,
) -> Table:
    result = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, _PADDING, 0, 0), show_edge=False)
    result.add_column("method", width=label_width)
    for number in block:
        heading = Text(heads[number] + ("" if ansi else " "))
        result.add_column(heading, width=widths[number], justify="right", overflow="fold")
    for row in table:
        result.add_row(Text(row.label), *(_text(row.fields[number], ansi) for number in block))
    return result
