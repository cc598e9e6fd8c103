"""The leaderboard as a LaTeX table with booktabs rules."""

from __future__ import annotations

import re

from ucdver.report.board import Leaderboard
from ucdver.report.format import NONE, PLUS_MINUS, Shown, headers, metric_label, one_line, rows, title

_ESCAPES = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "`": r"\textasciigrave{}",
    # A bracket after \\ or \item would be read as an optional argument.
    "[": "{[}",
    "]": "{]}",
    PLUS_MINUS: r"$\pm$",
    NONE: "--",
    "…": r"\ldots{}",
}


def escape(text: str) -> str:
    """Return `text` with every character escaped that LaTeX would read as a command."""
    # Two hyphens, as in an option to type, would print as one dash.
    return "{}-".join("".join(_ESCAPES.get(c, c) for c in part) for part in re.split("(?<=-)-", text))


def export(board: Leaderboard) -> str:
    r"""Return a `table` environment; it needs the packages booktabs and, for a double quote, fontenc with T1."""
    heads = ("method", *headers(board))
    table = rows(board)
    ranked = [row for row in table if not row.oracle]
    oracles = [row for row in table if row.oracle]
    lines = [
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{escape(f'{title(board)}: {metric_label(board)}')}}}",
        rf"\begin{{tabular}}{{l{'r' * (len(heads) - 1)}}}",
        r"\toprule",
        _line([escape(head) for head in heads]),
        r"\midrule",
        *(_line([escape(row.label), *map(_field, row.fields)]) for row in ranked),
        *([r"\midrule"] if ranked and oracles else []),
        *(_line([escape(row.label), *map(_field, row.fields)]) for row in oracles),
        r"\bottomrule",
        r"\end{tabular}",
        "",
        r"\begin{minipage}{\linewidth}",
        r"\footnotesize",
        *(rf"{escape(one_line(note, 2000))}\par" for note in board.footnotes),
        r"\end{minipage}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _line(fields: list[str]) -> str:
    return rf"{' & '.join(fields)} \\"


def _field(field: Shown) -> str:
    text = escape(field.text)
    return rf"\textbf{{{text}}}" if field.best else text
