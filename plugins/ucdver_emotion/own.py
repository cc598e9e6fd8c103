"""Specs for a user's own pictures, to be returned by `ucdver_datasets` in a `ucdver_local.py`."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from ucdver import DatasetSpec

_READERS = "1"


def folder_dataset(
    name: str, *, label_space: str, domains: Sequence[str] = ("own",), licence: str = "not stated", summary: str = ""
) -> DatasetSpec:
    """Return the spec of pictures in folders, `[<domain>/][<split>/]<class>/<file>`.

    Args:
        name: of the data set, as tasks will call it.
        label_space: a registered one; the folders bear the names of its classes.
        domains: the names of the folders above, or of the one domain that all pictures are in.
        licence: of the pictures.
        summary: one line for lists.
    """
    options: dict[str, str | tuple[str, ...]] = {"space": label_space, "domains": tuple(domains)}
    obtain = "[DOMAIN/][SPLIT/]CLASS/FILE below the folder that you give"
    return _spec(
        name, "ucdver_emotion.readers.folder:read", options, licence, summary or "own pictures in folders", obtain
    )


def table_dataset(
    name: str,
    file: str,
    *,
    label_space: str,
    domains: Sequence[str] = ("own",),
    licence: str = "not stated",
    summary: str = "",
) -> DatasetSpec:
    """Return the spec of pictures that are listed in a table beside them.

    Args:
        name: of the data set, as tasks will call it.
        file: name of the table in the data set's folder: .csv, .tsv (either gzipped or not), .jsonl or .parquet.
        label_space: a registered one, whose classes the column `label` names.
        domains: what the column `domain` may say, or the one domain that all pictures are in.
        licence: of the pictures.
        summary: one line for lists.
    """
    options: dict[str, str | tuple[str, ...]] = {"file": file, "space": label_space, "domains": tuple(domains)}
    obtain = f"the folder that you give holds {file}, whose column 'path' is relative to it"
    return _spec(
        name,
        "ucdver_emotion.readers.table:read",
        options,
        licence,
        summary or f"own pictures, listed in {file}",
        obtain,
    )


def _spec(
    name: str, reader: str, options: dict[str, str | tuple[str, ...]], licence: str, summary: str, obtain: str
) -> DatasetSpec:
    # Another declaration reads other rows, so it must not pass for what was added under the old one.
    declared = hashlib.sha256(repr(sorted(options.items())).encode()).hexdigest()[:8]
    return DatasetSpec(
        name=name,
        version=f"{_READERS}+{declared}",
        reader=reader,
        options=options,
        domains=tuple(options["domains"]),
        label_spaces=(str(options["space"]),),
        summary=summary,
        licence=licence,
        obtain=obtain,
    )
