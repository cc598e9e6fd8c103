"""The list of pictures that are left out of a data set on this machine, since no program could use them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ucdver.errors import DataError
from ucdver.files import atomic_write_text

_FIELDS = ("id", "sha256", "reason")


@dataclass(frozen=True)
class Held:
    """One row that is left out as long as its file is the one that was judged.

    Attributes:
        id: the row's.
        sha256: of the file; where a path has a `#part`, of the hash together with the part, as in the manifest.
        reason: why, in words.
    """

    id: str
    sha256: str
    reason: str


def quarantine_path(folder: Path) -> Path:
    """Return where the list is, below a data set's own folder."""
    return folder / "quarantine.csv"


def read_quarantine(folder: Path) -> dict[str, Held]:
    """Return what is left out, by id; nothing where there is no list, and a damaged list is a DataError."""
    path = quarantine_path(folder)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}", _AGAIN) from error
    lines = list(csv.reader(io.StringIO(text)))
    if not lines or tuple(lines[0]) != _FIELDS or any(len(line) != len(_FIELDS) for line in lines):
        raise DataError(f"{path} is not a list of {', '.join(_FIELDS)}", _AGAIN)
    return {line[0]: Held(*line) for line in lines[1:]}


def write_quarantine(folder: Path, held: Iterable[Held]) -> Path:
    """Write the list, sorted by id, and return its path; an empty one removes it."""
    path = quarantine_path(folder)
    ordered = sorted(held, key=lambda one: one.id)
    if not ordered:
        path.unlink(missing_ok=True)
        return path
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_FIELDS)
    writer.writerows((one.id, one.sha256, one.reason) for one in ordered)
    atomic_write_text(path, text.getvalue())
    return path


def is_held(held: Mapping[str, Held], row_id: str, sha256: str) -> bool:
    """Whether the row is on the list with the content that it has now."""
    return row_id in held and held[row_id].sha256 == sha256


_AGAIN = "remove it, then ucdver data check NAME --quarantine"
