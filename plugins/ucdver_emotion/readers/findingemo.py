"""FindingEmo: scenes with several people, Plutchik's emotions, valence; many of its links are dead."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ucdver import DataError, Row
from ucdver_emotion.label_spaces.families import PLUTCHIK
from ucdver_emotion.readers.listing import (
    Table,
    distribution,
    file,
    inner,
    majority,
    numeral,
    relative,
    still_there,
    without_placeholders,
)


@dataclass
class _Seen:
    """What was said of one picture: its emotions, counted, and its valences, from -3 to 3."""

    emotions: Counter[str] = field(default_factory=Counter)
    valences: list[float] = field(default_factory=list)


def read(root: Path) -> Iterator[Row]:
    """Yield a row for each annotated picture that is still there, with labels in three spaces.

    `plutchik24` is the emotion chosen, `plutchik8` the one it is an intensity of, `sentiment2` the side of the
    valence (none at 0). Where several people judged a picture, the majority is taken and their votes are kept as soft
    labels. The names of the columns are not documented, so they are looked for by name: `image_path`, `image`,
    `path`, `file` or `filename`; `emotion` or `emo24`; and, where they are there, `valence` and `reject`. Pictures
    that are gone, and the placeholders of removed ones, are left out; how many is logged. There is no official split.

    Raises:
        DataError: the table has other columns, which it names, or an emotion is not on Plutchik's wheel.
    """
    base = inner(root, "FindingEmo")
    path = file(base, "annotations_single.ann", "data/annotations_single.ann", "annotations.csv")
    seen = _read_table(Table(path))
    # The pictures are in Run_1/ and Run_2/, and the paths of the table begin with those.
    at = {name: relative(base / name, root) for name in sorted(seen)}
    there = without_placeholders("findingemo", root, still_there("findingemo", root, at.values()))
    for name, found in seen.items():
        if at[name] in there:
            yield _row(name, at[name], found)


def _read_table(table: Table) -> dict[str, _Seen]:
    image_at = table.column("image_path", "image", "path", "file", "filename")
    emotion_at = table.column("emotion", "emo24")
    valence_at, reject_at = table.column("valence", needed=False), table.column("reject", needed=False)
    seen: dict[str, _Seen] = defaultdict(_Seen)
    for number, cells in table.cells():
        if reject_at >= 0 and cells[reject_at].strip().lower() in ("reject", "true", "1"):
            continue
        emotion = cells[emotion_at].strip().lower()
        if emotion not in PLUTCHIK:
            raise DataError(f"{table.path}, row {number}: '{emotion}' is not one of Plutchik's 24 emotions")
        found = seen[cells[image_at].strip().lstrip("/")]
        found.emotions[emotion] += 1
        if valence_at >= 0 and cells[valence_at].strip():
            found.valences.append(numeral(cells[valence_at], table.path, number))
    return dict(sorted(seen.items()))


def _row(name: str, path: str, found: _Seen) -> Row:
    eight: Counter[str] = Counter()
    for emotion, count in found.emotions.items():
        eight[PLUTCHIK[emotion]] += count
    valence = sum(found.valences)
    labels = {
        "plutchik24": majority(found.emotions),
        "plutchik8": majority(eight),
        "sentiment2": None if valence == 0 else "positive" if valence > 0 else "negative",
    }
    several = found.emotions.total() > 1
    soft = {"plutchik24": distribution(found.emotions), "plutchik8": distribution(eight)}
    return Row(
        id=name,
        path=path,
        domain="photo",
        labels={space: label for space, label in labels.items() if label},
        soft=soft if several else {},
    )
