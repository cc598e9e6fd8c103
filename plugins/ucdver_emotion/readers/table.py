"""A user's own pictures listed in a table: CSV, TSV, JSON lines or Parquet."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ucdver import DataError, Row
from ucdver_emotion.readers.listing import Table, distribution, file, listed, majority, numeral, open_text

_KNOWN = ("id", "path", "domain", "label", "split", "group", "text", "topic")
_SOFT = "soft_"


def read(root: Path, options: Mapping[str, str | tuple[str, ...]]) -> Iterator[Row]:
    """Yield the rows of a table: `path` and any of id, domain, label, split, group, text, topic, soft_CLASS.

    `path` is relative to `root`, and stands for a lacking `id`; a lacking `domain` is the only one. The columns
    `soft_CLASS` are votes or shares, of which the distribution is kept; without a column `label` their majority is
    the label.

    Args:
        root: the folder that holds the table and the pictures.
        options: `file`, the table; `space`, the label space; `domains`; as `table_dataset` puts them into the spec.

    Raises:
        DataError: there is no `path`, a column is not known or there twice, a vote is no number from 0 up, or the
            domain cannot be told.
    """
    domains, space = options["domains"], str(options["space"])
    path = file(root, str(options["file"]))
    columns, rows = _load(path)
    strange = [name for name in columns if name not in _KNOWN and not name.startswith(_SOFT)]
    if strange or "path" not in columns:
        problem = f"{path} has the column '{strange[0]}'" if strange else f"{path} has no column 'path'"
        raise DataError(problem, f"it may have {', '.join(_KNOWN)} and {_SOFT}CLASS; found: {', '.join(columns)}")
    for number, cells in enumerate(rows, start=1):
        domain = cells.get("domain") or (domains[0] if len(domains) == 1 else "")
        if not domain or not cells.get("path"):
            raise DataError(f"{path}, row {number}: it has no {'path' if domain else 'domain'}")
        votes = _votes(cells, path, number)
        label = cells.get("label", "") if "label" in columns else majority(votes)
        soft = distribution(votes)
        yield Row(
            id=cells.get("id") or cells["path"],
            path=listed(cells["path"], root),
            domain=domain,
            labels={space: label} if label else {},
            split=cells.get("split", ""),
            group=cells.get("group", ""),
            soft={space: soft} if soft else {},
            text=cells.get("text", ""),
            topic=cells.get("topic", ""),
        )


def _votes(cells: Mapping[str, str], path: Path, number: int) -> dict[str, float]:
    votes = {
        name.removeprefix(_SOFT): numeral(text or "0", path, number)
        for name, text in cells.items()
        if name.startswith(_SOFT)
    }
    if below := [name for name, count in votes.items() if count < 0]:
        raise DataError(f"{path}, row {number}: {_SOFT}{below[0]} is below 0")
    return votes


def _load(path: Path) -> tuple[tuple[str, ...], list[dict[str, str]]]:
    """Return the columns of a table and its rows as texts; what is absent in a row is an empty text."""
    if path.name.endswith((".csv", ".tsv", ".csv.gz", ".tsv.gz")):
        table = Table(path)
        for name in table.columns:
            table.column(name)
        return table.columns, [dict(zip(table.columns, cells, strict=True)) for _, cells in table.cells()]
    if path.name.endswith((".jsonl", ".jsonl.gz")):
        records = _json_lines(path)
    elif path.suffix == ".parquet":
        try:
            records = pq.read_table(path).to_pylist()
        except (OSError, pa.ArrowException) as error:
            raise DataError(f"{path} cannot be read: {error}", "it is damaged, or no Parquet file") from error
    else:
        raise DataError(f"{path} is no table that can be read", "write .csv, .tsv, .jsonl or .parquet")
    columns = tuple(dict.fromkeys(str(name) for record in records for name in record))
    return columns, [
        {name: "" if record.get(name) is None else str(record[name]) for name in columns} for record in records
    ]


def _json_lines(path: Path) -> list[dict[str, Any]]:
    with open_text(path) as stream:
        # Not `splitlines`, which ends a line at characters that a text may hold.
        lines = stream.read().split("\n")
    records = []
    for number, line in enumerate(lines, start=1):
        try:
            record = json.loads(line) if line.strip() else {}
        except ValueError as error:
            raise DataError(f"{path}, line {number}: {error}") from error
        if not isinstance(record, dict):
            raise DataError(f"{path}, line {number}: it is not an object")
        if record:
            records.append(record)
    return records
