"""Checks of single files: those that are not there, hold nothing, lie outside, or cannot be decoded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ucdver.data.check.report import Entry, Finding
from ucdver.data.hashing import file_part
from ucdver.data.manifest import Row
from ucdver.data.paths import Found
from ucdver.data.quarantine import Held
from ucdver.spec.plugin import DatasetSpec

_MEANINGS = {
    "outside": "paths that leave the folder by '..', a drive or a link; they are never read",
    "missing": "files that are not there",
    "empty": "files of no bytes",
}


def file_findings(spec: DatasetSpec, rows: Sequence[Row], found: Mapping[str, Found]) -> Iterator[Finding]:
    """Yield what is wrong with files before any is read.

    Args:
        spec: the data set's; it says whether files may be missing, and where they come from.
        rows: those that are not quarantined.
        found: what each file part leads to.
    """
    advice = {
        "outside": "mend the list or the reader: paths must stay below the root",
        "missing": f"get them: {spec.obtain}",
        "empty": "get them again, or leave them out: --quarantine",
    }
    for state, meaning in _MEANINGS.items():
        entries = tuple(entry_of(row) for row in rows if found[file_part(row.path)].state == state)
        if entries:
            allowed = state == "missing" and spec.may_miss_files
            told = "they are left out; the release allows for it" if allowed else advice[state]
            yield Finding(state, not allowed, meaning, entries, told)


def unreadable_finding(rows: Sequence[Row], problems: Mapping[str, str]) -> Iterator[Finding]:
    """Yield the rows whose picture cannot be decoded, with the reason; `problems` is by row id."""
    entries = tuple(entry_of(row, problems[row.id]) for row in rows if problems.get(row.id))
    if entries:
        advice = "get them again, or leave them out: --quarantine; a bench fails at them otherwise"
        yield Finding("unreadable", True, "pictures that cannot be decoded", entries, advice)


def quarantined_finding(rows: Sequence[Row], held: Mapping[str, Held]) -> Iterator[Finding]:
    """Yield the rows that are left out already."""
    entries = tuple(entry_of(row, held[row.id].reason) for row in rows)
    if entries:
        yield Finding("quarantined", False, "rows that the quarantine list leaves out", entries)


def entry_of(row: Row, detail: str = "") -> Entry:
    """Return the entry of one row."""
    return Entry((row.id,), (row.path,), detail)
