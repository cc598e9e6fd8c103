"""The manifest of a data set: one row an image, its labels, its split, its group, the hash of its file."""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ucdver.data.hashing import file_part, hash_file, path_digest
from ucdver.data.paths import find_files
from ucdver.data.scan_cache import Facts
from ucdver.data.threads import in_threads
from ucdver.errors import DataError, suggestion
from ucdver.files import atomic_path
from ucdver.spec.base import canonical_json, sha256_of
from ucdver.spec.labels import LabelSpace
from ucdver.spec.plugin import DatasetSpec

__all__ = ["SPLITS", "Manifest", "Row", "check_row", "check_rows", "file_part", "hash_files", "hash_of", "row_digest"]

SPLITS = ("", "train", "val", "test")
_TEXTS = ("id", "path", "domain", "split", "group", "text", "topic")
_COLUMNS = (*_TEXTS, "sha256", "labels", "soft")
_SIZES = ("width", "height")
_FORMAT = "2"


@dataclass(frozen=True)
class Row:
    """One image as a data set's reader yields it.

    Attributes:
        id: unique within the data set and the same on every machine, as in "noto/1f600".
        path: POSIX path of the file below the data set's root; a `#suffix` may name a part of it for the
            loader.
        domain: one of the data set's domains.
        labels: class name by label space; a space is left out where nothing is known.
        split: `train`, `val`, `test`, or empty where the release has none.
        group: what must stay together in grouped splits (a concept, a person, a theme); empty for none.
        soft: class distributions by label space, where the release has votes.
        text: what is written on the picture, or what the release says with it; never a label.
        topic: what the release files it under (a sticker theme), where that is no label.
    """

    id: str
    path: str
    domain: str
    labels: Mapping[str, str]
    split: str = ""
    group: str = ""
    soft: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    text: str = ""
    topic: str = ""


@dataclass(frozen=True)
class Manifest:
    """The rows of one data set as they were read from one folder, with the hash of every file.

    Rows stand in the order of the hash of their ids. A method sees row numbers and predicts in row order, and the order
    of the ids themselves often gives labels away: folders are named after classes, and one concept has the same rank
    in every icon set.

    Attributes:
        dataset: name of the data set.
        version: version of the spec whose reader read it.
        domains: the domains that the spec names.
        all_rows: every row, in that order.
        digests: sha256 by row id; where a path has a `#part`, of the file's hash together with the part.
        sizes: (width, height) by row id, for pictures whose file was decoded; see `size`.
        left_out: how many rows the reader gave besides, by reason: `missing` or `quarantined`.
        reader: sha256 of `ucdver_local.py` where that held the reader; else empty. No part of a fingerprint.
    """

    dataset: str
    version: str
    domains: tuple[str, ...]
    all_rows: tuple[Row, ...]
    digests: Mapping[str, str]
    sizes: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)
    reader: str = ""

    @classmethod
    def build(
        cls,
        spec: DatasetSpec,
        root: Path,
        rows: Iterable[Row],
        spaces: Mapping[str, LabelSpace],
        facts: Mapping[str, Facts] | None = None,
        left_out: Mapping[str, int] | None = None,
    ) -> Manifest:
        """Check the rows, hash every distinct file once and return the manifest.

        Args:
            spec: the data set's spec.
            root: the folder that the rows' paths are below.
            rows: what the spec's reader yielded.
            spaces: the label spaces by name, at least those that the spec names.
            facts: what a scan found out about each file; without it, files are hashed here and no size is known.
            left_out: how many rows the reader gave besides, by the reason why they are no part of the data set.

        Raises:
            DataError: a row is not valid, or its file is absent, empty or outside the root.
        """
        ordered = tuple(sorted(rows, key=lambda row: _order(spec.name, row.id)))
        check_rows(spec, root, ordered, spaces)
        if facts is None:
            facts = {part: Facts(digest) for part, digest in hash_files(spec, root, ordered).items()}
        of_row = {row.id: facts[file_part(row.path)] for row in ordered}
        digests = {row.id: row_digest(row, of_row[row.id].sha256) for row in ordered}
        sizes = {name: (one.width, one.height) for name, one in of_row.items() if one.width}
        return cls(spec.name, spec.version, spec.domains, ordered, digests, sizes, dict(left_out or {}))

    def size(self, row_id: str) -> tuple[int, int]:
        """Return (width, height) of a row's picture in pixels, as it is shown; (0, 0) where it is not known."""
        return self.sizes.get(row_id, (0, 0))

    def rows(self, domain: str | None = None) -> tuple[Row, ...]:
        """Return the rows of `domain`, or all of them, in the order of hashed ids; an unknown domain is a DataError."""
        if domain is None:
            return self.all_rows
        if domain not in self.domains:
            hint = suggestion(domain, self.domains, f"its domains are {', '.join(self.domains)}")
            raise DataError(f"data set '{self.dataset}' has no domain '{domain}'", hint)
        return tuple(row for row in self.all_rows if row.domain == domain)

    def fingerprint(self, domain: str) -> str:
        """Return the sha256 of the domain's rows: all their fields but the path, and the hash of each file."""
        return sha256_of(
            [
                [
                    *(row.id, row.split, row.group, row.text, row.topic),
                    *(dict(row.labels), _plain(row.soft), self.digests[row.id]),
                ]
                for row in self.rows(domain)
            ]
        )

    def write(self, path: Path) -> None:
        """Write the manifest as Parquet, atomically."""
        values: dict[str, list[str]] = {name: [] for name in _COLUMNS}
        for row in self.all_rows:
            for name in _TEXTS:
                values[name].append(getattr(row, name))
            values["sha256"].append(self.digests[row.id])
            values["labels"].append(canonical_json(dict(row.labels)))
            values["soft"].append(canonical_json(_plain(row.soft)))
        header = {
            "format": _FORMAT,
            "dataset": self.dataset,
            "version": self.version,
            "domains": list(self.domains),
            "left_out": dict(self.left_out),
            "reader": self.reader,
        }
        sizes = zip(*(self.size(row.id) for row in self.all_rows), strict=True)
        columns = {**values, **dict(zip(_SIZES, map(list, sizes), strict=True))}
        types = [*((name, pa.string()) for name in _COLUMNS), *((name, pa.int32()) for name in _SIZES)]
        schema = pa.schema(types, metadata={"ucdver": canonical_json(header)})
        with atomic_path(path) as temporary:
            pq.write_table(pa.table(columns, schema=schema), temporary)

    @classmethod
    def read(cls, path: Path) -> Manifest:
        """Read what `write` wrote; a damaged or foreign file is a DataError."""
        try:
            # `read_table` would import pandas, which takes longer than reading.
            with pq.ParquetFile(path) as file:
                table = file.read()
            header: dict[str, Any] = json.loads((table.schema.metadata or {})[b"ucdver"])
            if header["format"] != _FORMAT:
                raise DataError(f"{path} is a manifest of format {header['format']}, not {_FORMAT}", _READ_AGAIN)
            records: list[dict[str, str]] = table.select(list(_COLUMNS)).to_pylist()
            # A manifest that was written before pictures were measured has no sizes, and is as good otherwise.
            measured = [
                table[name].to_pylist() if name in table.column_names else [0] * len(records) for name in _SIZES
            ]
            rows = tuple(
                Row(
                    **{name: r[name] for name in _TEXTS},
                    labels=json.loads(r["labels"]),
                    soft=json.loads(r["soft"]),
                )
                for r in records
            )
            digests = {r["id"]: r["sha256"] for r in records}
            known = zip(records, *measured, strict=True)
            sizes = {r["id"]: (int(width), int(height)) for r, width, height in known if width}
            left_out = {str(reason): int(count) for reason, count in header.get("left_out", {}).items()}
            read_by = (header["dataset"], header["version"], tuple(header["domains"]))
            return cls(*read_by, rows, digests, sizes, left_out, str(header.get("reader", "")))
        except (OSError, ValueError, KeyError, TypeError, pa.ArrowException) as error:
            raise DataError(f"{path} is not a manifest: {type(error).__name__}: {error}", _READ_AGAIN) from error


_READ_AGAIN = "read the data set again: ucdver data add NAME --root DIR"


def row_digest(row: Row, file_digest: str) -> str:
    """Return the digest of one row, given the sha256 of its file."""
    return path_digest(row.path, file_digest)


def _order(dataset: str, row_id: str) -> str:
    return hashlib.sha256(f"{dataset}/{row_id}".encode()).hexdigest()


def hash_files(spec: DatasetSpec, root: Path, rows: Sequence[Row]) -> dict[str, str]:
    """Return sha256 by relative file, each read once; what cannot be read below `root` is a DataError."""
    parts = list(find_files(spec, root, (file_part(row.path) for row in rows)))
    hashed = chain.from_iterable(in_threads(lambda part: hash_of(spec, root / part), parts))
    return dict(zip(parts, hashed, strict=True))


def hash_of(spec: DatasetSpec, path: Path) -> str:
    """Return the sha256 of a data set's file; one that may not be read is a DataError."""
    try:
        return hash_file(path)
    except OSError as error:
        problem = f"data set '{spec.name}': {path} cannot be read: {error.strerror or error}"
        raise DataError(problem, "see to its permissions and its disk") from error


def check_rows(spec: DatasetSpec, root: Path, rows: Sequence[Row], spaces: Mapping[str, LabelSpace]) -> None:
    """Raise a DataError for no rows at all, an id given twice, or a row that does not fit the spec."""
    if not rows:
        raise DataError(f"data set '{spec.name}': nothing was found in {root}", spec.obtain)
    twice = [name for name, count in Counter(row.id for row in rows).items() if count > 1]
    if twice:
        raise DataError(f"data set '{spec.name}': id '{twice[0]}' is given to more than one row")
    for row in rows:
        check_row(spec, row, spaces)


def check_row(spec: DatasetSpec, row: Row, spaces: Mapping[str, LabelSpace]) -> None:
    """Raise a DataError where a row has no id, or an unknown domain, split, label space, class or vote."""
    where = f"data set '{spec.name}', row '{row.id}'"
    if not row.id:
        raise DataError(f"data set '{spec.name}': the row of '{row.path}' has an empty id")
    _check_name(spec, row)
    if row.domain not in spec.domains:
        hint = suggestion(row.domain, spec.domains, f"the spec names {', '.join(spec.domains)}")
        raise DataError(f"{where}: '{row.domain}' is not one of its domains", hint)
    if row.split not in SPLITS:
        raise DataError(f"{where}: '{row.split}' is not a split", "use train, val, test or nothing")
    for space in (*row.labels, *row.soft):
        if space not in spec.label_spaces or space not in spaces:
            hint = suggestion(space, spec.label_spaces, "name it in the spec's label_spaces and register it")
            raise DataError(f"{where}: label space '{space}' is not one of the data set's", hint)
    try:
        for space, name in row.labels.items():
            spaces[space].index(name)
        for space, votes in row.soft.items():
            _check_votes(spaces[space], votes)
    except DataError as error:
        raise DataError(f"{where}: {error.problem}", error.hint) from None


def _check_name(spec: DatasetSpec, row: Row) -> None:
    """Raise a DataError for a name or a text that cannot be written down."""
    try:
        f"{row.group}{row.text}{row.topic}".encode()
    except UnicodeEncodeError:
        problem = f"data set '{spec.name}', row {row.id!a}: its text, topic or group is not UTF-8"
        raise DataError(problem, "write the file that holds it anew in UTF-8") from None
    try:
        f"{row.id}{row.path}".encode()
    except UnicodeEncodeError:
        # Names from old archives: bytes that are no UTF-8.
        problem = f"data set '{spec.name}': the name {row.path!a} is not UTF-8"
        raise DataError(problem, "rename the file, or unpack its archive anew with the right encoding") from None


def _check_votes(space: LabelSpace, votes: Mapping[str, float]) -> None:
    for name in votes:
        space.index(name)
    if not all(math.isfinite(v) and v >= 0 for v in votes.values()) or abs(sum(votes.values()) - 1) > 1e-3:
        raise DataError(f"the soft label in '{space.name}' is not a distribution", "its parts must add up to 1")


def _plain(soft: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, float]]:
    # An int and the float of the same value are written differently, and a reader may yield either.
    return {space: {name: float(vote) for name, vote in votes.items()} for space, votes in soft.items()}
