"""FI (Flickr and Instagram): a folder a class in any case, with or without a published split list."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ucdver import DataError, Row
from ucdver_emotion.readers.class_folders import MIKELS8, rows_of_tree
from ucdver_emotion.readers.listing import inner, read_json, relative, still_there, without_placeholders

_INDEX = tuple(MIKELS8)


def read(root: Path) -> Iterable[Row]:
    """Return the rows of FI, sorted by id.

    With `train.json` and `test.json` (rows like `["Amusement/9198954746_51d941620a_z.jpg", 0]`, the index being
    alphabetical) those are the splits, and `val.json` is read where it is there. Without them, the tree alone is read:
    `<class>/`, or `{train,val,test}/<class>/`. Class folders may begin with a capital in the lists and not on the disk.
    Pictures that are gone, and the placeholder that stands for removed ones, are left out; how many is logged.

    Raises:
        DataError: a list is damaged, or its index contradicts the folder.
    """
    base = inner(root, "FI")
    lists = [base / f"{split}.json" for split in ("train", "val", "test") if (base / f"{split}.json").is_file()]
    images = inner(base, "emotion_dataset", "images")
    if lists:
        rows = [row for path in lists for row in _listed(root, images, path)]
    else:
        rows = list(rows_of_tree(root, images, "photo", "mikels8", MIKELS8))
    there = still_there("fi", root, (row.path for row in rows))
    kept = without_placeholders("fi", root, there)
    return sorted((row for row in rows if row.path in kept), key=lambda row: row.id)


def _listed(root: Path, images: Path, path: Path) -> list[Row]:
    on_disk = {entry.name.lower(): entry.name for entry in sorted(images.iterdir()) if entry.is_dir()}
    entries = read_json(path)
    if not isinstance(entries, list):
        raise DataError(f"{path} is not a list of rows")
    rows = []
    for number, entry in enumerate(entries, start=1):
        match entry:
            case [str() as name, int() as index] if name.count("/") == 1 and 0 <= index < len(_INDEX):
                folder, _, picture = name.partition("/")
            case _:
                raise DataError(f'{path}, row {number}: {entry!r} is not ["CLASS/FILE", INDEX]')
        if folder.lower() != _INDEX[index]:
            raise DataError(f"{path}, row {number}: index {index} is '{_INDEX[index]}', and its folder is '{folder}'")
        at = images / on_disk.get(folder.lower(), folder) / picture
        rows.append(
            Row(
                id=f"{_INDEX[index]}/{picture}",
                path=relative(at, root),
                domain="photo",
                labels={"mikels8": _INDEX[index]},
                split=path.stem,
            )
        )
    return rows
