"""ArtPhoto and Abstract, the two sets of art by Machajdik & Hanbury (2010)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ucdver import DataError, Row
from ucdver_emotion.readers.class_folders import MIKELS8
from ucdver_emotion.readers.listing import (
    Table,
    distribution,
    file,
    inner,
    majority,
    numeral,
    pictures,
    relative,
)

_SHORT = {**MIKELS8, "content": "contentment", "sad": "sadness"}


def read_artphoto(root: Path) -> Iterator[Row]:
    """Yield the rows of ArtPhoto: `testImages_artphoto/<class>_<number>.jpg`, where the class `sad` is sadness.

    Raises:
        DataError: a file's name does not begin with a class.
    """
    base = inner(root, "testImages_artphoto")
    for name in pictures(base):
        prefix = name.rpartition("/")[2].partition("_")[0].lower()
        if prefix not in _SHORT:
            known = ", ".join(sorted(set(MIKELS8)))
            raise DataError(f"{base / name}: its name does not begin with CLASS_", f"the classes are {known}, and sad")
        yield Row(
            id=name,
            path=relative(base / name, root),
            domain="art",
            labels={"mikels8": _SHORT[prefix]},
        )


def read_abstract(root: Path) -> Iterator[Row]:
    """Yield the rows of Abstract: `testImages_abstract/` with a table of votes, in which every field is quoted by `'`.

    The label is the emotion with the most votes; a painting where two have as many has none, and keeps its
    votes as a soft label, as every other.

    Raises:
        DataError: the table lacks one of the eight columns of votes.
    """
    base = inner(root, "testImages_abstract")
    table = Table(file(base, "ABSTRACT_groundTruth.csv"), quote="'")
    votes_at = {emotion: table.column(short) for short, emotion in _in_table().items()}
    for number, cells in table.cells():
        name = cells[0].strip().strip("'")
        votes = {emotion: numeral(cells[at], table.path, number) for emotion, at in votes_at.items()}
        label, soft = majority(votes), distribution(votes)
        yield Row(
            id=name,
            path=relative(base / name, root),
            domain="abstract",
            labels={"mikels8": label} if label else {},
            soft={"mikels8": soft} if soft else {},
        )


def _in_table() -> dict[str, str]:
    """Return the emotion by the name that its column of votes has."""
    short = {"contentment": "content", "sadness": "sad"}
    return {short.get(emotion, emotion): emotion for emotion in MIKELS8}
