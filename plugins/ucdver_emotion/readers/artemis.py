"""ArtEmis: what several people felt before each painting of WikiArt."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from ucdver import DataError, Row
from ucdver_emotion.readers.listing import (
    Table,
    distribution,
    file,
    folder,
    inner,
    majority,
    relative,
    split_of,
    still_there,
)

_CLASSES = frozenset(
    {"amusement", "awe", "contentment", "excitement", "anger", "disgust", "fear", "sadness", "something else"}
)


def read(root: Path) -> Iterator[Row]:
    """Yield a row for each painting, with the histogram of its annotations as soft label and the majority as label.

    The table is `artemis_dataset_release_v0.csv` (columns art_style, painting, emotion), or what the authors' code
    makes of it, whose column `split` is then read (`rest` is what it leaves out of all three); the release itself has
    no split. Pictures are `wikiart/<art_style>/<painting>.jpg`. Utterances are not read: they say in words
    why the label was chosen. Paintings whose picture is not there are left out; how many is logged.

    Raises:
        DataError: a column is lacking, an emotion or a split is not known, or a painting is in two splits.
    """
    base = inner(root, "artemis", "official_data")
    table = Table(file(base, "artemis_dataset_release_v0.csv", "artemis_preprocessed.csv"))
    style_at, name_at, emotion_at = (table.column(name) for name in ("art_style", "painting", "emotion"))
    split_at = table.column("split", needed=False)
    votes: dict[str, Counter[str]] = defaultdict(Counter)
    splits: dict[str, str] = {}
    for number, cells in table.cells():
        emotion, painting = cells[emotion_at].strip().lower(), f"{cells[style_at]}/{cells[name_at]}"
        if emotion not in _CLASSES:
            raise DataError(f"{table.path}, row {number}: '{emotion}' is not one of the nine emotions of ArtEmis")
        votes[painting][emotion] += 1
        split = split_of(cells[split_at], table.path, number, none=("", "rest")) if split_at >= 0 else ""
        if splits.setdefault(painting, split) != split:
            raise DataError(f"{table.path}, row {number}: '{painting}' is in two splits")
    images = folder(base if (base / "wikiart").is_dir() else root, "wikiart")
    path_of = {painting: relative(images / f"{painting}.jpg", root) for painting in sorted(votes)}
    there = still_there("artemis", root, path_of.values())
    for painting, path in path_of.items():
        if path in there:
            label = majority(votes[painting])
            yield Row(
                id=painting,
                path=path,
                domain="painting",
                labels={"artemis9": label} if label else {},
                split=splits[painting],
                soft={"artemis9": distribution(votes[painting])},
                topic=painting.partition("/")[0],
            )
