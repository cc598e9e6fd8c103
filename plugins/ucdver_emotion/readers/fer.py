"""FER2013, one table with the pixels of every face, and FER+, ten people's votes on the same faces."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from ucdver import DataError, ImageRecipe, Row
from ucdver_emotion.readers.listing import Table, distribution, file, inner, majority, numeral

SIDE = 48
#: Of the numbers 0 to 6.
ORDER = ("anger", "disgust", "fear", "joy", "sadness", "surprise", "neutral")
_USAGE = {"Training": "train", "PublicTest": "val", "PrivateTest": "test"}
_PLUS = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt")


def read_fer2013(root: Path) -> Iterator[Row]:
    """Yield a row for each line of `fer2013.csv` or `fer2013.csv.gz` (columns emotion, pixels, Usage), in its order.

    PublicTest is the validation split, and PrivateTest the test split, as in the competition.

    Raises:
        DataError: a column is lacking, or a line is not a label from 0 to 6, 48 x 48 pixels and a known usage.
    """
    table, usage_at, pixels_at = _faces(root)
    emotion_at = table.column("emotion")
    name = table.path.relative_to(root).as_posix()
    for number, cells in table.cells():
        emotion, usage = cells[emotion_at].strip(), cells[usage_at].strip()
        if emotion not in ("0", "1", "2", "3", "4", "5", "6") or usage not in _USAGE:
            raise DataError(f"{table.path}, row {number}: emotion '{emotion}' or usage '{usage}' is not known")
        if cells[pixels_at].strip().count(" ") != SIDE * SIDE - 1:
            raise DataError(f"{table.path}, row {number}: it does not have {SIDE} x {SIDE} pixels")
        yield Row(
            id=f"{number:05d}",
            path=f"{name}#{number}",
            domain="face",
            labels={"ekman7": ORDER[int(emotion)]},
            split=_USAGE[usage],
        )


def read_ferplus(root: Path) -> Iterator[Row]:
    """Yield the rows of FER+: the faces of FER2013, row by row, with the votes of `fer2013new.csv`.

    The label is the emotion that more of the ten people chose than any other answer; a face for which that is
    `unknown`, `NF` (no face) or a tie has none. The soft label is the share of each of the eight emotions.

    Raises:
        DataError: a column is lacking, or the two tables do not have the same rows.
    """
    faces, usage_at, _ = _faces(root)
    votes = Table(file(inner(root, "FER2013", "fer2013"), "fer2013new.csv"))
    if len(votes.rows) != len(faces.rows):
        raise DataError(
            f"{votes.path} has {len(votes.rows)} rows, and {faces.path} {len(faces.rows)}", "they must match"
        )
    columns = {name: votes.column(name) for name in (*_PLUS, "unknown", "NF")}
    plus_usage_at = votes.column("Usage")
    name = faces.path.relative_to(root).as_posix()
    for (number, face), (_, cells) in zip(faces.cells(), votes.cells(), strict=True):
        usage = face[usage_at].strip()
        if usage not in _USAGE or cells[plus_usage_at].strip() != usage:
            raise DataError(f"row {number} is '{usage}' in {faces.path} and '{cells[plus_usage_at]}' in {votes.path}")
        counts = {column: numeral(cells[at], votes.path, number) for column, at in columns.items()}
        soft = distribution({emotion: counts[emotion] for emotion in _PLUS})
        label = majority(counts)
        yield Row(
            id=f"{number:05d}",
            path=f"{name}#{number}",
            domain="face",
            labels={"ferplus8": label} if label in _PLUS else {},
            split=_USAGE[usage],
            soft={"ferplus8": soft} if soft else {},
        )


def loader(root: Path) -> Callable[[str, ImageRecipe], Image.Image]:
    """Read the table once and return what draws the face of a row's path (`fer2013.csv#7`): 48 x 48, mode L."""
    table, _, pixels_at = _faces(root)
    faces = np.zeros((len(table.rows), SIDE, SIDE), np.uint8)
    for number, cells in table.cells():
        faces[number - 1] = _pixels(cells[pixels_at], table.path, number)

    def draw(path: str, recipe: ImageRecipe) -> Image.Image:
        number = path.rpartition("#")[2]
        if not number.isdecimal() or not 1 <= int(number) <= len(faces):
            raise DataError(f"'{path}' is not a row of {table.path}", "ucdver data add fer2013 --root DIR")
        return Image.fromarray(faces[int(number) - 1])

    return draw


def _faces(root: Path) -> tuple[Table, int, int]:
    """Return the table of faces, and where its usage and its pixels are."""
    table = Table(file(inner(root, "FER2013", "fer2013"), "fer2013.csv", "fer2013.csv.gz"))
    return table, table.column("Usage"), table.column("pixels")


def _pixels(text: str, path: Path, number: int) -> npt.NDArray[np.uint8]:
    try:
        return np.array(text.split(), dtype=np.uint8).reshape(SIDE, SIDE)
    except (ValueError, OverflowError):
        raise DataError(f"{path}, row {number}: its pixels are not {SIDE} x {SIDE} numbers from 0 to 255") from None
