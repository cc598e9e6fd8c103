"""A comparison of selection rules as text: a table, Markdown, CSV or JSON."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict

from ucdver.report import delimited, document
from ucdver.report.board import Leaderboard
from ucdver.report.comparison import Comparison, Gap
from ucdver.report.footnotes import ONE_CHECKPOINT, standing
from ucdver.report.format import (
    NONE,
    ORACLE,
    column_blocks,
    interval_text,
    method_label,
    metric_label,
    one_line,
    title,
    wrapped,
)
from ucdver.report.markdown import escape

_GAP = "  "


def headings(found: Comparison) -> list[str]:
    """Return the headings: the rule, the average of each method, the gap."""
    return ["selection", *(_method(found, method) for method in found.methods), "gap to oracle"]


def body(found: Comparison) -> list[list[str]]:
    """Return one row a rule."""
    return [_row(found, board) for board in found.boards]


def notes(found: Comparison) -> list[str]:
    """Return the sentences under the table."""
    sentences = [
        f"average of each method over all columns, {metric_label(found.boards[0])}, by the rule that chose each run's "
        "checkpoint.",
        f"gap to oracle: what the rule leaves to the best checkpoint, mean over {_cells(found)} ± half-width of the "
        f"{found.boards[0].confidence * 100:g} % interval over seeds.",
        f"{ORACLE}: looks at target labels; an upper bound, never ranked.",
    ]
    if found.single:
        sentences.append(ONE_CHECKPOINT)
    return [one_line(text, 2000) for text in (*sentences, *standing(found.boards[0]), *_absences(found))]


def _absences(found: Comparison) -> list[str]:
    """Return why cells lack a seed, and averages are empty for it, once for all the rules under which they do."""
    rules: dict[str, list[str]] = {}
    for board in found.boards:
        for reason in sorted({cell.reason for cell in board.cells if cell.status != "done" and cell.reason}):
            rules.setdefault(reason, []).append(board.selection)
    told: dict[str, list[str]] = {}
    for reason, under in rules.items():
        named = "every rule" if len(under) == len(found.boards) > 1 else ", ".join(under)
        told.setdefault(named, []).append(reason)
    return [f"{named}: {one_line('; '.join(reasons))}." for named, reasons in told.items()]


def as_table(found: Comparison) -> str:
    """Return the comparison in columns as wide as their longest field, in blocks and lines that fit the terminal."""
    chars = shutil.get_terminal_size((100, 24)).columns
    lines = [headings(found), *body(found)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    text = [title(found.boards[0]), metric_label(found.boards[0])]
    for block in column_blocks(widths[1:], chars - widths[0], len(_GAP)):
        chosen = [0, *(number + 1 for number in block)]
        rows = [_GAP.join(_aligned([line[i] for i in chosen], [widths[i] for i in chosen])).rstrip() for line in lines]
        text += ["", rows[0], "─" * max(len(row) for row in rows), *rows[1:]]
    text += ["", *(line for note in notes(found) for line in wrapped(note, max(chars, 20)))]
    return "\n".join(text) + "\n"


def as_markdown(found: Comparison) -> str:
    """Return the comparison as a Markdown table."""
    heads = [escape(text) for text in headings(found)]
    rows = ["| " + " | ".join(escape(text) for text in line) + " |" for line in body(found)]
    rule = "| --- |" + " ---: |" * (len(heads) - 1)
    told = [f"- {escape(note)}" for note in notes(found)]
    text = [f"**{escape(title(found.boards[0]))}**", "", f"| {' | '.join(heads)} |", rule, *rows, "", *told]
    return "\n".join(text) + "\n"


def as_csv(found: Comparison) -> str:
    """Return the cells of all boards as one CSV; the column `selection` tells them apart."""
    parts = [delimited.export(board) for board in found.boards]
    return parts[0] + "".join(part.partition("\n")[2] for part in parts[1:])


def as_json(found: Comparison) -> str:
    """Return the boards as they are exported alone, and the gaps."""
    value = {
        "boards": [json.loads(document.export(board)) for board in found.boards],
        "gaps": {rule: None if gap is None else asdict(gap) for rule, gap in found.gaps.items()},
    }
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


#: By the name of the exporter that writes one board.
WRITERS: dict[str, Callable[[Comparison], str]] = {
    "table": as_table,
    "md": as_markdown,
    "csv": as_csv,
    "json": as_json,
}


def _row(found: Comparison, board: Leaderboard) -> list[str]:
    label = f"{board.selection} {ORACLE}" if board.oracle_selection else board.selection
    averages = [board.averages[method] for method in found.methods]
    texts = [NONE if average is None else interval_text(average, board.metric) for average in averages]
    return [label, *texts, _gap(found.gaps[board.selection], board)]


def _gap(gap: Gap | None, board: Leaderboard) -> str:
    return NONE if gap is None else interval_text(gap.interval, board.metric)


def _method(found: Comparison, method: str) -> str:
    return method_label(found.boards[0], method)


def _cells(found: Comparison) -> str:
    counts = [gap.cells for gap in found.gaps.values() if gap is not None]
    if not counts:
        return "methods and columns"
    return f"the {counts[0]} pairs of method and column that every rule with any has"


def _aligned(line: list[str], widths: list[int]) -> list[str]:
    return [line[0].ljust(widths[0]), *(text.rjust(width) for text, width in zip(line[1:], widths[1:], strict=True))]
