"""Checks of names: those that another system would mix up, refuse or spell in another way."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence

from ucdver.data.check.files import entry_of
from ucdver.data.check.report import Entry, Finding
from ucdver.data.hashing import file_part
from ucdver.data.manifest import Row

# https://learn.microsoft.com/windows/win32/fileio/naming-a-file: characters, endings and devices of old.
_FORBIDDEN = re.compile(r'[<>:"|?*\\\x00-\x1f]')
_DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}


def name_findings(rows: Sequence[Row]) -> Iterator[Finding]:
    """Yield what is wrong with the names of the rows' files: all of it notes, since it may work well here."""
    twins = tuple(_twins(rows))
    if twins:
        meaning = "paths that differ only in case or in how a letter is encoded"
        advice = "systems that do not tell them apart keep one file of each; rename them"
        yield Finding("case_twins", False, meaning, twins, advice)
    windows = tuple(entry_of(row, reason) for row in rows if (reason := windows_trouble(file_part(row.path))))
    if windows:
        yield Finding("windows_names", False, "names that Windows cannot hold", windows, "rename them")
    loose = tuple(entry_of(row) for row in rows if not unicodedata.is_normalized("NFC", file_part(row.path)))
    if loose:
        meaning = "names whose letters are encoded in parts (not NFC)"
        yield Finding("not_nfc", False, meaning, loose, "copies by way of other systems change such names; rename them")


def windows_trouble(path: str) -> str:
    """Return why Windows could not hold a file at this POSIX path, or nothing."""
    for name in path.split("/"):
        if _FORBIDDEN.search(name):
            return f"'{name}' has a character that is not allowed"
        if name.endswith((" ", ".")):
            return f"'{name}' ends in a blank or a dot"
        if name.partition(".")[0].rstrip().lower() in _DEVICES:
            return f"'{name}' is the name of a device"
    return ""


def _twins(rows: Sequence[Row]) -> Iterator[Entry]:
    names: dict[str, dict[str, Row]] = defaultdict(dict)
    for row in rows:
        path = file_part(row.path)
        names[unicodedata.normalize("NFC", path).casefold()].setdefault(path, row)
    for paths in names.values():
        if len(paths) > 1:
            ordered = [paths[path] for path in sorted(paths)]
            yield Entry(tuple(row.id for row in ordered), tuple(row.path for row in ordered))
