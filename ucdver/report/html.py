"""The leaderboard as an HTML page that needs no other file."""

from __future__ import annotations

from html import escape

from ucdver.report.board import Leaderboard
from ucdver.report.format import Row, Shown, headers, metric_label, one_line, rows, title

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; padding: 0 1rem; }
body { width: fit-content; max-width: 100%; box-sizing: border-box; }
h1 { font-size: 1.4rem; margin: 0 0 .2rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding: 0 0 .6rem; }
th, td { padding: .35rem .8rem; text-align: right; white-space: nowrap; }
th:first-child { text-align: left; }
thead th { border-bottom: 2px solid; vertical-align: bottom; }
tbody th { font-weight: normal; }
tbody + tbody tr:first-child > * { border-top: 1px solid; }
tr.oracle { font-style: italic; }
td.failed { color: light-dark(#a40000, #ff8a80); }
td.missing, td.partial { color: light-dark(#7a4f00, #ffc966); }
td.not_applicable { color: light-dark(#5a5a5a, #b0b0b0); }
ul { font-size: .9rem; max-width: 75rem; padding-left: 1.2rem; overflow-wrap: anywhere; }
""".strip()


def export(board: Leaderboard) -> str:
    """Return a whole page with one table and its footnotes; it loads nothing and runs nothing."""
    table = rows(board)
    bodies = [[row for row in table if not row.oracle], [row for row in table if row.oracle]]
    heads = "".join(f'<th scope="col">{escape(head)}</th>' for head in ("method", *headers(board)))
    lines = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        f"<title>{escape(title(board))}</title>",
        f"<style>\n{_STYLE}\n</style>",
        "</head>",
        "<body>",
        f"<h1>{escape(title(board))}</h1>",
        '<div class="scroll">',
        "<table>",
        f"<caption>{escape(metric_label(board))}</caption>",
        f"<thead>\n<tr>{heads}</tr>\n</thead>",
        *(line for body in bodies if body for line in ("<tbody>", *map(_row, body), "</tbody>")),
        "</table>",
        "</div>",
        "<ul>",
        *(f"<li>{escape(one_line(note, 2000))}</li>" for note in board.footnotes),
        "</ul>",
        "</body>",
        "</html>",
    ]
    return "\n".join(lines) + "\n"


def _row(row: Row) -> str:
    start = '<tr class="oracle">' if row.oracle else "<tr>"
    return f'{start}<th scope="row">{escape(row.label)}</th>{"".join(map(_field, row.fields))}</tr>'


def _field(field: Shown) -> str:
    kind = "" if field.status == "done" else f' class="{field.status}"'
    hover = f' title="{escape(field.note)}"' if field.note else ""
    text = escape(field.text)
    return f"<td{kind}{hover}>{f'<strong>{text}</strong>' if field.best else text}</td>"
