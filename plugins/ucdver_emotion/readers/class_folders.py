"""Releases with a folder a class: Emo8, CAER-S, WEBEmo, Twitter II; and what other readers need of such a tree."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from ucdver import DataError, Row
from ucdver_emotion.readers.listing import SPLITS, inner, pictures, relative

MIKELS8 = {
    name: name for name in ("amusement", "anger", "awe", "contentment", "disgust", "excitement", "fear", "sadness")
}
EKMAN6 = {name: name for name in ("anger", "disgust", "fear", "joy", "sadness", "surprise")}
_CAERS = {
    "anger": "anger",
    "disgust": "disgust",
    "fear": "fear",
    "happy": "joy",
    "neutral": "neutral",
    "sad": "sadness",
    "surprise": "surprise",
}


def read_emo8(root: Path) -> Iterable[Row]:
    """Return the rows of Emo8: `Emo8/{train,val,test}/<class>/<file>`, in any case of the class's name."""
    return rows_of_tree(root, inner(root, "Emo8", "emo8"), "mixed", "mikels8", MIKELS8)


def read_caers(root: Path) -> Iterable[Row]:
    """Return the rows of CAER-S: `{train,test}/{Anger,Disgust,Fear,Happy,Neutral,Sad,Surprise}/<file>`."""
    return rows_of_tree(root, inner(root, "CAER-S", "CAER_S"), "scene", "ekman7", _CAERS)


def rows_of_tree(root: Path, base: Path, domain: str, space: str, classes: Mapping[str, str]) -> Iterator[Row]:
    """Yield a row for each picture in `base`, which is sorted into `[split/]class/`; ids are paths below `base`.

    Args:
        root: the folder that paths are below.
        base: the folder of the tree, in or at `root`.
        domain: of every row.
        space: the label space of the classes.
        classes: class by folder name in lower case.

    Raises:
        DataError: a picture is in no folder that is a class; the message names the folder.
    """
    for path in pictures(base):
        file, name, *above = *reversed(path.split("/")), *([] if "/" in path else [""])
        split = SPLITS.get(above[0].lower()) if above else ""
        label = classes.get(name.lower())
        if label is None or split is None or len(above) > 1:
            raise DataError(
                f"{base / path}: its folder is neither a class nor below a split",
                f"expected [train|val|test]/CLASS/FILE with the classes {', '.join(sorted(set(classes)))}",
            )
        yield Row(
            id="/".join(part for part in (split, label, file) if part),
            path=relative(base / path, root),
            domain=domain,
            labels={space: label},
            split=split,
        )
