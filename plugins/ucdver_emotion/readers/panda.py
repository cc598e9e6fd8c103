"""UnBiasedEmo and WEBEmo (Panda et al., ECCV 2018)."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path

from ucdver import DataError, Row
from ucdver_emotion.label_spaces.families import PARROTT
from ucdver_emotion.readers.class_folders import rows_of_tree
from ucdver_emotion.readers.listing import (
    SPLITS,
    Table,
    folder,
    inner,
    pictures,
    relative,
    split_of,
    still_there,
)

_LOGGER = logging.getLogger("ucdver_emotion")
_SIX = frozenset(PARROTT.values())


def read_unbiasedemo(root: Path) -> Iterator[Row]:
    """Yield the rows of UnBiasedEmo: `images/<emotion>/<object>/<file>`; the object is topic and group.

    The same objects are shown with every emotion, so a grouped split tests on objects never seen. In a tree that was
    flattened, `images/<emotion>/<object>_<file>`, the object is what stands before the first `_`.

    Raises:
        DataError: a folder is not one of the six emotions.
    """
    base = folder(inner(root, "UnBiasedEmo"), "images")
    for path in pictures(base):
        emotion, *between, name = path.split("/")
        if emotion.lower() not in _SIX or len(between) > 1:
            raise DataError(f"{base / path} is not at EMOTION/OBJECT/FILE, with {', '.join(sorted(_SIX))}")
        thing = between[0] if between else name.partition("_")[0]
        yield Row(
            id=f"{emotion.lower()}/{'/'.join((*between, name))}",
            path=relative(base / path, root),
            domain="photo",
            labels={"parrott6": emotion.lower()},
            group=thing,
            topic=thing,
        )


def read_webemo(root: Path) -> Iterable[Row]:
    """Return the rows of WEBEmo, from a list or from a folder a class (with or without a split above it).

    The format of the release is not documented. A list is any `.csv` or `.tsv` at the top with a header that names the
    picture (`image`, `image_path`, `path`, `file`, `filename`, `file_name`) and the emotion (`label`, `emotion`,
    `class`, `fine`), one of the 25 by name; a column `split`, or a list called after a split, gives the split. One
    list alone may have neither: then there is no split, and a warning says so.

    Raises:
        DataError: a list has other columns, which it names, an emotion is not one of the 25, a split has no known
            name, or one of several lists has neither a column `split` nor the name of one.
    """
    base = inner(root, "WEBEmo", "webemo")
    lists = sorted(path for path in base.iterdir() if path.suffix in (".csv", ".tsv"))
    if lists:
        return [row for path in lists for row in _listed(root, base, path, alone=len(lists) == 1)]
    return rows_of_tree(root, inner(base, "images"), "photo", "webemo25", {name: name for name in PARROTT})


def _listed(root: Path, base: Path, path: Path, *, alone: bool) -> list[Row]:
    table = Table(path)
    image_at = table.column("image", "image_path", "path", "file", "filename", "file_name")
    label_at = table.column("label", "emotion", "class", "fine")
    split_at = table.column("split", needed=False)
    of_all = _split_of_list(path, alone=alone) if split_at < 0 else ""
    rows = []
    for number, cells in table.cells():
        label, name = cells[label_at].strip().lower(), cells[image_at].strip().lstrip("/")
        if label not in PARROTT:
            raise DataError(
                f"{path}, row {number}: '{cells[label_at]}' is not one of WEBEmo's 25 emotions",
                f"they are {', '.join(sorted(PARROTT))}",
            )
        split = split_of(cells[split_at], path, number) if split_at >= 0 else of_all
        rows.append(
            Row(
                id=name,
                path=relative(base / name, root),
                domain="photo",
                labels={"webemo25": label},
                split=split,
            )
        )
    there = still_there("webemo", root, (row.path for row in rows))
    return [row for row in rows if row.path in there]


def _split_of_list(path: Path, *, alone: bool) -> str:
    """Return the split that a list without a column of splits is called after."""
    split = SPLITS.get(path.stem.lower(), "")
    how = "call it train, val or test, or add the column"
    if not split and not alone:
        raise DataError(f"{path} has no column 'split' and is called after none", how)
    if not split:
        _LOGGER.warning("data set 'webemo': %s is in no split: it has no column 'split' and is called after none", path)
    return split
