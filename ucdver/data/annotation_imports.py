"""Texts that were made elsewhere and stand in for what an annotator would compute: captions, OCR."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from pathlib import Path

from ucdver.data.manifest import Manifest
from ucdver.errors import DataError, suggestion
from ucdver.files import atomic_write_text

_FORM = 'a line is {"id": "dataset/row id", "text": "..."}'


class Imports:
    """The imported texts below a home folder, one file for each annotator and data set."""

    def __init__(self, home: Path) -> None:
        self._root = home / "annotations" / "imports"
        self._held: dict[tuple[str, str], str] = {}

    def sha256(self, annotator: str, dataset: str) -> str:
        """Return the hash of what was imported, or an empty string where nothing was."""
        key = (annotator, dataset)
        if key not in self._held:
            path = self._path(*key)
            self._held[key] = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        return self._held[key]

    def texts(self, annotator: str, dataset: str) -> dict[str, str] | None:
        """Return the imported texts by row id, or None where nothing was imported; a damaged file is a DataError."""
        path = self._path(annotator, dataset)
        if not path.is_file():
            return None
        try:
            lines = path.read_text(encoding="utf-8").split("\n")
            return dict(json.loads(line) for line in lines if line)
        except (ValueError, TypeError) as error:
            raise DataError(f"{path} is damaged: {error}", "import the texts again") from error

    def write(self, annotator: str, dataset: str, texts: Mapping[str, str]) -> None:
        """Keep the texts of a data set, in place of those imported before."""
        lines = [json.dumps([row_id, texts[row_id]]) for row_id in sorted(texts)]
        atomic_write_text(self._path(annotator, dataset), "\n".join(lines) + "\n")
        self._held.pop((annotator, dataset), None)

    def _path(self, annotator: str, dataset: str) -> Path:
        return self._root / annotator / f"{dataset}.jsonl"


def read_texts(
    path: Path, manifests: Mapping[str, Manifest], needed: Mapping[str, Collection[str]]
) -> dict[str, dict[str, str]]:
    """Return the texts of a JSONL file by data set and row id.

    Args:
        path: lines `{"id": "dataset/row id", "text": "..."}`.
        manifests: the data sets that may be named, by name.
        needed: the domains of each that must be covered as a whole, if the file names the data set at all.

    Raises:
        DataError: a line is malformed or names an image that there is not or one twice, or an image lacks; the line
            is named.
    """
    known = {name: {row.id for row in manifest.rows()} for name, manifest in manifests.items()}
    found, last = _texts_by_dataset(path, known)
    if not found:
        raise DataError(f"{path}:{last}: the file ends without a text", _FORM)
    for dataset, texts in found.items():
        wanted = [row.id for domain in needed.get(dataset, ()) for row in manifests[dataset].rows(domain)]
        lacking = [row_id for row_id in wanted if row_id not in texts]
        if lacking:
            more = f" and {len(lacking) - 1} others" if len(lacking) > 1 else ""
            raise DataError(
                f"{path}:{last}: the file ends without '{dataset}/{lacking[0]}'{more}",
                "every image of the suite's domains needs a line; its text may be empty",
            )
    return found


def _texts_by_dataset(path: Path, known: Mapping[str, Collection[str]]) -> tuple[dict[str, dict[str, str]], int]:
    """Return the texts by data set and row id, and the number of the last line."""
    lines_of: dict[str, int] = {}
    found: dict[str, dict[str, str]] = {}
    number = 0
    try:
        with path.open(encoding="utf-8") as stream:
            for number, line in enumerate(stream, start=1):
                if not line.strip():
                    continue
                name, text = _line(line, f"{path}:{number}")
                if name in lines_of:
                    raise DataError(f"{path}:{number}: '{name}' stands on line {lines_of[name]} already")
                lines_of[name] = number
                dataset, row_id = _owner(name, known, f"{path}:{number}")
                found.setdefault(dataset, {})[row_id] = text
    except UnicodeDecodeError as error:
        raise DataError(f"{path}:{number + 1}: not UTF-8 text: {error.reason}", "save it as UTF-8") from error
    return found, number


def _line(line: str, place: str) -> tuple[str, str]:
    try:
        value = json.loads(line)
    except ValueError as error:
        raise DataError(f"{place}: not JSON: {error}", _FORM) from error
    fits = isinstance(value, dict) and set(value) == {"id", "text"}
    if not fits or not all(isinstance(part, str) for part in value.values()):
        raise DataError(f"{place}: not an object of exactly the texts 'id' and 'text'", _FORM)
    return value["id"], value["text"]


def _owner(name: str, known: Mapping[str, Collection[str]], place: str) -> tuple[str, str]:
    dataset, _, row_id = name.partition("/")
    if dataset not in known:
        hint = suggestion(dataset, known, f"the suite reads {', '.join(known)}")
        raise DataError(f"{place}: '{name}' belongs to no data set of the suite", hint)
    if row_id not in known[dataset]:
        raise DataError(f"{place}: data set '{dataset}' has no image '{row_id}'", f"'ucdver data show {dataset}'")
    return dataset, row_id
