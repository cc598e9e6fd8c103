"""RAF-DB and AffectNet, faces as files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ucdver import DataError, Row
from ucdver_emotion.readers.listing import Table, file, folder, inner, pictures, relative

#: Of the numbers 1 to 7 of RAF-DB.
_RAF = ("surprise", "fear", "disgust", "joy", "sadness", "anger", "neutral")
#: Of the numbers 0 to 7 of AffectNet; 8 to 10 are none, uncertain and no face.
_AFFECTNET = ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt")
_NO_EMOTION = range(8, 11)


def read_rafdb(root: Path) -> Iterator[Row]:
    """Yield the rows of RAF-DB's basic set: `EmoLabel/list_patition_label.txt` and the aligned faces.

    A line is `train_00001.jpg 5`; the aligned face is `Image/aligned/train_00001_aligned.jpg`.

    Raises:
        DataError: a line is something else.
    """
    base = inner(root, "basic")
    path = file(base, "EmoLabel/list_patition_label.txt", "list_patition_label.txt")
    images = folder(base, "Image/aligned", "aligned")
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        name, _, label = line.strip().partition(" ")
        split = name.partition("_")[0]
        if split not in ("train", "test") or label.strip() not in ("1", "2", "3", "4", "5", "6", "7"):
            raise DataError(f"{path}, line {number}: '{line}' is not like 'train_00001.jpg 5'")
        aligned = images / f"{Path(name).stem}_aligned{Path(name).suffix}"
        yield Row(
            id=name,
            path=relative(aligned, root),
            domain="face",
            labels={"ekman7": _RAF[int(label) - 1]},
            split=split,
        )


def read_affectnet(root: Path) -> Iterator[Row]:
    """Yield the rows of AffectNet, in either layout; its validation images are the test split.

    `{train_set,val_set}/images/<n>.jpg` with `annotations/<n>_exp.npy`, or `{training,validation}.csv` (columns
    subDirectory_filePath, expression) with the pictures in `Manually_Annotated_Images/` or beside the table. The test
    set was never released, and everybody reports on the validation images. Pictures of no emotion (8 to 10) have no
    label.

    Raises:
        DataError: an annotation is absent or is not a number from 0 to 10.
    """
    base = inner(root, "AffectNet")
    if (base / "training.csv").is_file() or (base / "validation.csv").is_file():
        for split, name in (("train", "training.csv"), ("test", "validation.csv")):
            yield from _from_table(root, base, Table(file(base, name)), split)
        return
    for split, name in (("train", "train_set"), ("test", "val_set")):
        place = folder(base, name)
        for picture in pictures(folder(place, "images")):
            expression = _from_array(place / "annotations" / f"{Path(picture).stem}_exp.npy")
            yield _face(root, place / "images" / picture, f"{name}/{picture}", split, expression)


def _from_table(root: Path, base: Path, table: Table, split: str) -> Iterator[Row]:
    name_at, expression_at = table.column("subDirectory_filePath"), table.column("expression")
    images = inner(base, "Manually_Annotated_Images")
    for number, cells in table.cells():
        text, name = cells[expression_at].strip(), cells[name_at].strip()
        if not text.isdecimal() or int(text) not in range(11):
            raise DataError(f"{table.path}, row {number}: the expression '{text}' is not a number from 0 to 10")
        yield _face(root, images / name, name, split, int(text))


def _from_array(path: Path) -> int:
    try:
        value = str(np.load(path, allow_pickle=False).item())
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path} cannot be read: {error}", "every picture needs its annotation") from error
    if not value.isdecimal() or int(value) not in range(11):
        raise DataError(f"{path}: the expression '{value}' is not a number from 0 to 10")
    return int(value)


def _face(root: Path, picture: Path, name: str, split: str, expression: int) -> Row:
    known = expression not in _NO_EMOTION
    return Row(
        id=name,
        path=relative(picture, root),
        domain="face",
        labels={"affectnet8": _AFFECTNET[expression]} if known else {},
        split=split,
    )
