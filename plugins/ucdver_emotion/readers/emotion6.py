"""Emotion6 and EmotionROI: the same 1,980 pictures, once with distributions and once with a split."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from ucdver import DataError, Row
from ucdver_emotion.readers.class_folders import EKMAN6, rows_of_tree
from ucdver_emotion.readers.listing import (
    Table,
    distribution,
    file,
    folder,
    inner,
    majority,
    numeral,
    read_json,
    relative,
)

_SEVEN = (*EKMAN6, "neutral")
#: The middle of the valence scale of 1 to 9, which is recalled and not checked.
_NEUTRAL_VALENCE = 5.0


def read_emotion6(root: Path) -> Iterator[Row]:
    """Yield the rows of Emotion6 with what people saw, and apart from it the keyword of the search.

    The folder of a picture is the keyword it was searched with, and is *not* the ground truth. So `ekman7` is the
    emotion with the largest share of the distribution, `ekman6` the one without neutral, both absent where two are
    equally large; `emotion6_keyword` is the folder, and `emotion6_valence` the side of the mean valence. The
    distributions are kept as soft labels. There is no official split.

    Raises:
        DataError: `ground_truth.txt` is absent or has other columns.
    """
    base = inner(root, "Emotion6")
    table = Table(file(base, "ground_truth.txt"), delimiter="\t")
    # The header writes "[prob. anger]"; what matters in it is the last word.
    words = [re.findall(r"[a-z_]+", name.lower()) for name in table.columns]
    table.columns = tuple(found[-1] if found else "" for found in words)
    name_at, valence_at = table.column("image_filename"), table.column("valence")
    shares_at = {name: table.column(name) for name in _SEVEN}
    for number, cells in table.cells():
        name = cells[name_at].strip().strip("[]")
        keyword, slash, _ = name.partition("/")
        if not slash or keyword not in EKMAN6:
            raise DataError(f"{table.path}, row {number}: '{name}' is not KEYWORD/FILE")
        shares = {emotion: numeral(cells[at], table.path, number) for emotion, at in shares_at.items()}
        yield Row(
            id=name,
            path=relative(base / "images" / name, root),
            domain="photo",
            labels=_labels(keyword, shares, numeral(cells[valence_at], table.path, number)),
            soft={space: d for space, d in _soft(shares).items() if d},
        )


def _soft(shares: dict[str, float]) -> dict[str, dict[str, float]]:
    six = {name: share for name, share in shares.items() if name != "neutral"}
    return {"ekman6": distribution(six), "ekman7": distribution(shares)}


def _labels(keyword: str, shares: dict[str, float], valence: float) -> dict[str, str]:
    labels = {"emotion6_keyword": keyword}
    seven = majority(shares)
    six = majority({name: share for name, share in shares.items() if name != "neutral"})
    if six is not None:
        labels["ekman6"] = six
    if seven is not None:
        labels["ekman7"] = seven
    if valence != _NEUTRAL_VALENCE:
        labels["emotion6_valence"] = "positive" if valence > _NEUTRAL_VALENCE else "negative"
    return labels


def read_emotionroi(root: Path) -> Iterator[Row]:
    """Yield the rows of EmotionROI, whose class is the folder: `images/<class>/<n>.jpg`.

    The split is that of `training_testing_split/{training,testing}.txt` (lines `<class>/<file>`), or of
    `{train,test}.json` with rows `[label, path]`; without either there is none.

    Raises:
        DataError: a list names what is no class, or a label that contradicts the folder.
    """
    base = inner(root, "EmotionROI")
    images = folder(base, "images")
    lists = {
        split: path
        for split, names in (("train", ("training.txt", "train.json")), ("test", ("testing.txt", "test.json")))
        for path in (base / "training_testing_split" / names[0], base / names[1])
        if path.is_file()
    }
    if not lists:
        yield from rows_of_tree(root, images, "photo", "ekman6", EKMAN6)
        return
    for split, path in lists.items():
        for name in _json_names(path) if path.suffix == ".json" else _text_names(path):
            keyword, _, picture = name.partition("/")
            if keyword.lower() not in EKMAN6 or not picture:
                raise DataError(f"{path}: '{name}' is not CLASS/FILE")
            yield Row(
                id=f"{keyword.lower()}/{picture}",
                path=relative(images / name, root),
                domain="photo",
                labels={"ekman6": keyword.lower()},
                split=split,
            )


def _text_names(path: Path) -> list[str]:
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    return [line.removeprefix("images/") for line in lines if line]


def _json_names(path: Path) -> list[str]:
    names = []
    for number, entry in enumerate(read_json(path), start=1):
        texts = [text for text in entry if isinstance(text, str) and "/" in text] if isinstance(entry, list) else []
        if len(texts) != 1:
            raise DataError(f"{path}, row {number}: {entry!r} is not [LABEL, PATH]")
        name = "/".join(texts[0].split("/")[-2:])
        index = next((value for value in entry if isinstance(value, int)), None)
        if index is not None and tuple(EKMAN6)[index : index + 1] != (name.partition("/")[0].lower(),):
            raise DataError(f"{path}, row {number}: label {index} in alphabetical order is not the folder of '{name}'")
        names.append(name)
    return names
