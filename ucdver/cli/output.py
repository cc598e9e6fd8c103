"""How commands write: tables and JSON to stdout, messages to stderr."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import typer


def say(message: str) -> None:
    """Write a message to stderr."""
    typer.echo(message, err=True)


def write_json(value: object) -> None:
    """Write `value` (JSON types only) to stdout, indented, keys in their own order."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))


def write_table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Write a table to stdout."""
    for line in table_lines(headers, rows):
        typer.echo(line)


def table_lines(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a header and rows in columns as wide as their longest cell, two blanks between them."""
    lines = [[str(cell) for cell in line] for line in (headers, *rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(headers))]
    return ["  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in lines]


def fact_lines(facts: Mapping[str, Any], indent: str = "") -> list[str]:
    """Return `name  value` lines; a mapping is indented below its name, a list of mappings is a table."""
    shown = {name: value for name, value in facts.items() if value not in (None, "", [], {})}
    width = max((len(name) for name, value in shown.items() if _is_flat(value)), default=0)
    lines: list[str] = []
    for name, value in shown.items():
        label = name.replace("_", " ")
        if _is_flat(value):
            lines.append(f"{indent}{label.ljust(width)}  {_text(value)}")
        elif isinstance(value, Mapping):
            lines += [f"{indent}{label}", *fact_lines(value, indent + "  ")]
        else:
            headers = list(dict.fromkeys(key for row in value for key in row))
            rows = [[_text(row.get(key, "")) for key in headers] for row in value]
            lines += [f"{indent}{label}", *(f"{indent}  {line}" for line in table_lines(headers, rows))]
    return lines


def _is_flat(value: object) -> bool:
    if isinstance(value, Mapping):
        return False
    return not (isinstance(value, list | tuple) and value and isinstance(value[0], Mapping))


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={_text(part)}" for key, part in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_text(part) for part in value)
    return "" if value is None else str(value)
