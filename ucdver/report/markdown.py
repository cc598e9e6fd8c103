"""The leaderboard as a Markdown table."""

from __future__ import annotations

import re

from ucdver.report.board import Leaderboard
from ucdver.report.format import Shown, headers, metric_label, one_line, rows, title

_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_MARKS = "\\`*[]|~$!"


def escape(text: str) -> str:
    """Return `text`, which is one line, with everything escaped that Markdown or HTML would read as markup."""
    marked = "".join(_ENTITIES.get(c, f"\\{c}" if c in _MARKS else c) for c in text)
    # Inside a word an underscore is no emphasis, and names such as source_only stay readable.
    return re.sub(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])", r"\\_", marked)


def export(board: Leaderboard) -> str:
    """Return a heading, a table of methods by columns with average and rank, and the footnotes as a list."""
    heads = ("method", *headers(board))
    lines = [
        f"# {escape(title(board))}",
        "",
        escape(metric_label(board)),
        "",
        _line([escape(head) for head in heads]),
        _line([":--", *("--:" for _ in heads[1:])]),
    ]
    lines += [_line([escape(row.label), *(_field(field) for field in row.fields)]) for row in rows(board)]
    lines += ["", *(f"- {escape(one_line(note, 2000))}" for note in board.footnotes)]
    return "\n".join(lines) + "\n"


def _line(fields: list[str]) -> str:
    return f"| {' | '.join(fields)} |"


def _field(field: Shown) -> str:
    text = escape(field.text)
    return f"**{text}**" if field.best else text
