"""What readers share: sorted listings, list files that name what they lack, and pictures that have gone."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import logging
import math
import os
import zlib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TextIO

from ucdver import DataError

_LOGGER = logging.getLogger("ucdver_emotion")
# The formats that ucdver decodes, under the names that Pillow gives them; not .pfm, whose pixels have no fixed scale.
_PICTURES = frozenset(
    {".apng", ".avif", ".avifs", ".bmp", ".dib", ".gif", ".icb", ".j2c", ".j2k", ".jfif", ".jp2", ".jpc", ".jpe"}
    | {".jpeg", ".jpf", ".jpg", ".jpx", ".mpo", ".pbm", ".pgm", ".png", ".pnm", ".ppm", ".tga", ".tif", ".tiff"}
    | {".vda", ".vst", ".webp"}
)
# What people take for pictures too.
_OTHER_PICTURES = frozenset({".eps", ".heic", ".heif", ".ico", ".jxl", ".pfm", ".psd", ".svg"})
#: The names that releases give to the three splits.
SPLITS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
    "dev": "val",
    "validate": "val",
}
#: So many files of the same bytes are the picture that a web site shows in place of one that was removed.
PLACEHOLDER_COPIES = 3


def inner(root: Path, *names: str) -> Path:
    """Return the first of the folders `names` that is in `root`, or `root` itself: people give either."""
    return next((root / name for name in names if (root / name).is_dir()), root)


def folder(root: Path, *names: str) -> Path:
    """Return the first of the folders `names` that is in `root`; a DataError names all that would do."""
    for name in names:
        if (root / name).is_dir():
            return root / name
    raise DataError(f"there is no folder {' or '.join(names)} in {root}", "give --root the folder that holds it")


def file(root: Path, *names: str) -> Path:
    """Return the first of the files `names` that is in `root`; a DataError names all that would do."""
    for name in names:
        if (root / name).is_file():
            return root / name
    raise DataError(f"there is no {' or '.join(names)} in {root}", "give --root the folder that holds it")


def pictures(root: Path) -> list[str]:
    """Return the pictures below `root` as sorted POSIX paths, without hidden files and folders.

    How many files are pictures of a format that ucdver does not decode is logged.

    Raises:
        DataError: a folder cannot be read or is a link, or a name holds a '#'.
    """
    found: list[str] = []
    others: Counter[str] = Counter()
    for place, folders, names in os.walk(root, onerror=_unread):
        # What archives made on a Mac leave beside every file.
        folders[:] = [name for name in folders if not name.startswith((".", "__MACOSX"))]
        links = [name for name in folders if (Path(place) / name).is_symlink()]
        if links:
            # Followed, it may lead out of the data set or round in a circle; passed over, a class would be gone.
            raise DataError(
                f"{Path(place) / links[0]} is a link to a folder", "put the folder itself, or a copy, there"
            )
        at = Path(place).relative_to(root)
        shown = [name for name in names if not name.startswith(".")]
        found += [(at / name).as_posix() for name in shown if Path(name).suffix.lower() in _PICTURES]
        others.update(suffix for name in shown if (suffix := Path(name).suffix.lower()) in _OTHER_PICTURES)
    parts = [name for name in found if "#" in name]
    if parts:
        raise DataError(f"{root / parts[0]} has a '#' in its name, which marks a part of a file", "rename it")
    if others:
        told = ", ".join(sorted(others))
        _LOGGER.warning("%s: %d files of formats that are not read (%s) are left out", root, others.total(), told)
    return sorted(found)


def _unread(error: OSError) -> None:
    # Passed over, as `os.walk` does by itself, a class would be gone without a word.
    raise DataError(
        f"the folder {error.filename} cannot be read: {error.strerror}", "check its permissions and the disk"
    ) from error


def relative(path: Path, root: Path) -> str:
    """Return a file's POSIX path below `root`, as a row bears it; a list that leads out of it is a DataError."""
    below = path.relative_to(root) if path.is_relative_to(root) else None
    if below is None or ".." in below.parts:
        raise DataError(f"{path} does not stay inside {root}", "no list of the release names such a file")
    return listed(below.as_posix(), root)


def listed(path: str, root: Path) -> str:
    """Return a path below `root` as a list names it; a `#`, after which all would be cut off, is a DataError."""
    if "#" in path:
        problem = f"{root / path} has a '#' in its name, which marks a part of a file"
        raise DataError(problem, "rename it, in the list too")
    return path


def read_json(path: Path) -> Any:
    """Return what a JSON file holds; a damaged one is a DataError."""
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}", "it is damaged; get the file again") from error


@contextmanager
def open_text(path: Path) -> Iterator[TextIO]:
    """Open a text file, which is unpacked where its name ends in .gz; damage met while reading it is a DataError."""
    try:
        packed = path.suffix == ".gz"
        with (
            gzip.open(path, "rt", encoding="utf-8-sig", newline="")
            if packed
            else path.open(encoding="utf-8-sig", newline="")
        ) as stream:
            yield stream
    except (OSError, ValueError, EOFError, zlib.error, csv.Error) as error:
        raise DataError(f"{path} cannot be read: {error}", "it is damaged; get the file again") from error


class Table:
    """A delimited text with a header, read whole: its columns, and its rows as lists of texts.

    Args:
        path: the file, which may be gzipped.
        delimiter: between fields; by default a tab for .tsv, else a comma.
        quote: the character that encloses fields; by default nothing does between tabs, else a double quote.

    Raises:
        DataError: a quoted field does not end, or something stands behind its end.
    """

    def __init__(self, path: Path, delimiter: str = "", quote: str = "") -> None:
        self.path = path
        chosen = delimiter or ("\t" if ".tsv" in path.name else ",")
        # Taken for quotes, those of a text between tabs would make one row of two.
        quoting: Literal[0, 3] = csv.QUOTE_NONE if chosen == "\t" and not quote else csv.QUOTE_MINIMAL
        # Row by row: the text of FER2013 alone is 300 MB.
        with open_text(path) as stream:
            lines = csv.reader(stream, delimiter=chosen, quotechar=quote or '"', quoting=quoting, strict=True)
            rows = [line for line in lines if any(cell.strip() for cell in line)]
        self.columns = tuple(name.strip() for name in rows[0]) if rows else ()
        self.rows: Sequence[list[str]] = rows[1:]

    def column(self, *names: str, needed: bool = True) -> int:
        """Return the index of the column that bears one of `names`, in any case; -1 where it need not be there.

        Raises:
            DataError: there is none, or more than one; it names the columns found.
        """
        for name in names:
            at = [number for number, column in enumerate(self.columns) if column.lower() == name.lower()]
            if len(at) == 1:
                return at[0]
            if at:
                raise DataError(f"{self.path} has {len(at)} columns called '{name}'")
        if not needed:
            return -1
        found = ", ".join(self.columns) or "none"
        raise DataError(f"{self.path} has no column {' or '.join(names)}", f"the columns found are: {found}")

    def cells(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the number of each row, from 1, and its cells; a row of another length is a DataError."""
        for number, row in enumerate(self.rows, start=1):
            if len(row) != len(self.columns):
                raise DataError(f"{self.path}, row {number}: {len(row)} fields under {len(self.columns)} columns")
            yield number, row


def numeral(text: str, path: Path, number: int) -> float:
    """Return a number that stands in row `number` of a file; what is none, or not finite, is a DataError."""
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not math.isfinite(found):
        raise DataError(f"{path}, row {number}: '{text}' is not a number")
    return found


def split_of(text: str, path: Path, number: int, none: Collection[str] = ("",)) -> str:
    """Return the split that stands in row `number` of a list, "" where it is one of `none`.

    Raises:
        DataError: no split bears that name; passed over, its pictures would leave an official split in silence.
    """
    name = text.strip().lower()
    if name in none:
        return ""
    if name not in SPLITS:
        raise DataError(f"{path}, row {number}: '{text}' is no split", f"write one of {', '.join(SPLITS)}")
    return SPLITS[name]


def majority(votes: Mapping[str, float]) -> str | None:
    """Return the class with the most votes, or None where two have as many or there is no vote."""
    most = max(votes.values(), default=0)
    winners = [name for name, count in votes.items() if count == most]
    return winners[0] if most > 0 and len(winners) == 1 else None


def distribution(votes: Mapping[str, float]) -> dict[str, float]:
    """Return votes as shares that add up to 1; empty where there is no vote."""
    total = sum(votes.values())
    return {name: count / total for name, count in votes.items()} if total > 0 else {}


def still_there(dataset: str, root: Path, paths: Iterable[str]) -> set[str]:
    """Return the paths below `root` that are files with something in them; how many are not is logged."""
    asked = list(paths)
    found = {path for path in asked if (root / path).is_file() and (root / path).stat().st_size > 0}
    left_out(dataset, len(asked) - len(found), len(asked), "are not there or are empty")
    return found


def without_placeholders(dataset: str, root: Path, paths: Iterable[str]) -> set[str]:
    """Return the paths but those of a picture that occurs `PLACEHOLDER_COPIES` times or more, byte by byte."""
    asked = sorted(paths)
    by_size: dict[int, list[str]] = defaultdict(list)
    for path in asked:
        by_size[(root / path).stat().st_size].append(path)
    digests: dict[str, bytes] = {}
    for alike in by_size.values():
        if len(alike) >= PLACEHOLDER_COPIES:
            digests |= {path: hashlib.sha256((root / path).read_bytes()).digest() for path in alike}
    copies = Counter(digests.values())
    kept = {path for path in asked if path not in digests or copies[digests[path]] < PLACEHOLDER_COPIES}
    left_out(dataset, len(asked) - len(kept), len(asked), "are the placeholder of a removed picture")
    return kept


def left_out(dataset: str, count: int, total: int, why: str) -> None:
    """Log how many of the listed pictures are not read, and why."""
    if count:
        _LOGGER.warning("data set '%s': %d of %d pictures %s, and are left out", dataset, count, total, why)
