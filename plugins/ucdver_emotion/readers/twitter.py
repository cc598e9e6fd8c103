"""Twitter I (You et al., AAAI 2015) and Twitter II (Borth et al., ACM MM 2013): positive or negative."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from ucdver import DataError, Row
from ucdver_emotion.readers.class_folders import rows_of_tree
from ucdver_emotion.readers.listing import Table, distribution, file, folder, inner, majority, numeral, relative

_SIDES = {"negative": "negative", "positive": "positive"}


def read_twitter1(root: Path) -> Iterator[Row]:
    """Yield the rows of Twitter I: `Agg_AMT_Candidates/<file>`, with `amt_result.csv` and its votes of five people.

    `sentiment2` is what most of them chose; `twitter1_agree4` and `twitter1_agree5` are the same for the pictures on
    which at least four, or all five, agreed. Which of the two columns of votes is the positive one is read from the
    header.

    Raises:
        DataError: the header does not say which column is which; the message names the columns found.
    """
    base = inner(root, "Twitter_PCNN")
    images = folder(base, "Agg_AMT_Candidates")
    table = Table(file(base, "amt_result.csv"))
    votes_at = {side: _column_of(table, side) for side in _SIDES}
    for number, cells in table.cells():
        name = cells[0].strip()
        votes = {side: numeral(cells[at], table.path, number) for side, at in votes_at.items()}
        label = majority(votes)
        spaces = ["sentiment2", *(f"twitter1_agree{least}" for least in (4, 5) if max(votes.values()) >= least)]
        soft = distribution(votes)
        yield Row(
            id=name,
            path=relative(images / name, root),
            domain="photo",
            labels=dict.fromkeys(spaces, label) if label else {},
            soft={"sentiment2": soft} if soft else {},
        )


def _column_of(table: Table, side: str) -> int:
    """Return the one column whose name holds `pos` or `neg`."""
    at = [number for number, name in enumerate(table.columns) if number > 0 and side[:3] in name.lower()]
    if len(at) != 1:
        found = ", ".join(table.columns) or "none"
        raise DataError(
            f"{table.path} does not say which column counts {side} votes", f"the columns found are: {found}"
        )
    return at[0]


def read_twitter2(root: Path) -> Iterable[Row]:
    """Return the rows of Twitter II, from `{positive,negative}/<file>` or from a list at the top.

    The layout of the release is not documented. A list is `labels.csv` or `twitter2.csv` with a picture
    (`image`, `image_path`, `path`, `file`, `filename`, `name`) and a `label`, `sentiment` or `polarity`: a side
    by name, or 1 and -1 (or 0).

    Raises:
        DataError: a list has other columns, which it names, or a folder is not a side.
    """
    base = inner(root, "Twitter_II", "twitter2")
    path = next((base / name for name in ("labels.csv", "twitter2.csv") if (base / name).is_file()), None)
    if path is None:
        return rows_of_tree(root, inner(base, "images"), "photo", "sentiment2", _SIDES)
    table = Table(path)
    image_at = table.column("image", "image_path", "path", "file", "filename", "name")
    label_at = table.column("label", "sentiment", "polarity")
    sides = {**_SIDES, "1": "positive", "0": "negative", "-1": "negative"}
    rows = []
    for number, cells in table.cells():
        name, said = cells[image_at].strip(), cells[label_at].strip().lower()
        if said not in sides:
            raise DataError(f"{path}, row {number}: '{said}' is neither positive nor negative")
        rows.append(Row(name, relative(base / name, root), "photo", {"sentiment2": sides[said]}))
    return rows
