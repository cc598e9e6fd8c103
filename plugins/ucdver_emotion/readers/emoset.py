"""EmoSet-118K: split lists whose rows have three or four columns, and one annotation file a picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ucdver import DataError, Row
from ucdver_emotion.readers.class_folders import MIKELS8
from ucdver_emotion.readers.listing import file, inner, read_json, relative

#: The index order of the release, positive emotions first; `info.json` says it too.
ORDER = ("amusement", "awe", "contentment", "excitement", "anger", "disgust", "fear", "sadness")


def read(root: Path) -> Iterator[Row]:
    """Yield the rows of train.json, val.json and test.json; the topic is the scene, where one is annotated.

    The label is the folder of the picture, and the list's own label must agree, as a name or as an index of
    `info.json`. The README shows rows of four columns, the files in circulation have three: so the picture is the
    first element that begins with `image/`, and the annotation the first that begins with `annotation/`.

    Raises:
        DataError: a list is absent or damaged, or a label contradicts the folder or the annotation.
    """
    base = inner(root, "EmoSet-118K", "EmoSet")
    order = _order(base)
    for split in ("train", "val", "test"):
        path = file(base, f"{split}.json")
        rows = read_json(path)
        if not isinstance(rows, list):
            raise DataError(f"{path} is not a list of rows")
        for number, entry in enumerate(rows, start=1):
            yield _row(root, base, split, entry, order, f"{path}, row {number}")


def _row(root: Path, base: Path, split: str, entry: Any, order: tuple[str, ...], where: str) -> Row:
    texts = [text for text in entry if isinstance(text, str)] if isinstance(entry, list) else []
    image = next((text for text in texts if text.startswith("image/")), "")
    parts = image.split("/")
    if len(parts) != 3 or parts[1] not in MIKELS8:
        raise DataError(f"{where}: no element is image/EMOTION/FILE, as every row of EmoSet has")
    label = parts[1]
    said = entry[0]
    named = order[said] if isinstance(said, int) and 0 <= said < len(order) else str(said)
    if named != label:
        raise DataError(f"{where}: its label is {said!r}, and its picture is in the folder '{label}'")
    annotation = next((text for text in texts if text.startswith("annotation/")), "")
    return Row(
        id=image.removeprefix("image/"),
        path=relative(base / image, root),
        domain="photo",
        labels={"mikels8": label},
        split=split,
        topic=_scene(base, annotation, label) if annotation else "",
    )


def _scene(base: Path, annotation: str, label: str) -> str:
    """Return the annotated scene, or nothing: any attribute may be absent, and so may the whole folder."""
    path = base / annotation
    if ".." in path.parts or not path.is_file():
        return ""
    found = read_json(path)
    if not isinstance(found, dict):
        raise DataError(f"{path} is not an annotation of EmoSet")
    if found.get("emotion", label) != label:
        raise DataError(f"{path} says {found['emotion']!r}, and the picture is in the folder '{label}'")
    scene = found.get("scene")
    return scene if isinstance(scene, str) else ""


def _order(base: Path) -> tuple[str, ...]:
    """Return the classes by index, as `info.json` has them: nested by attribute, or flat as in some copies."""
    if not (base / "info.json").is_file():
        return ORDER
    info = read_json(base / "info.json")
    nested = info.get("emotion", info) if isinstance(info, Mapping) else None
    table = nested.get("label2idx") if isinstance(nested, Mapping) else None
    if not isinstance(table, Mapping) or set(table) != set(MIKELS8) or sorted(table.values()) != list(range(8)):
        raise DataError(f"{base / 'info.json'} has no label2idx of Mikels' eight emotions")
    return tuple(sorted(table, key=lambda name: int(table[name])))
