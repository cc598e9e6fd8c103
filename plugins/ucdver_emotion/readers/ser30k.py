"""SER30K: stickers with a theme and their text, whose numeric labels are named nowhere in the release."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ucdver import DataError, Row
from ucdver_emotion.histograms import HISTOGRAMS
from ucdver_emotion.readers.listing import distribution, folder, inner, read_json, relative

#: The names of the labels 1 to 7. The release says them nowhere; this is the order that KCDP's use of them implies, and
#: the class counts of the test split, which all differ, decide whether it holds.
ORDER = ("surprise", "joy", "disgust", "fear", "sadness", "anger", "neutral")
ORDER_FILE = "label_order.txt"


def read(root: Path) -> list[Row]:
    """Return the rows of the three lists; the topic and group are the theme, soft labels the three annotators' votes.

    The lists are `Annotations/image-level/{train,val,test}.json`, or `Annotations/{train,val,test}.json` in older
    copies. `label_order.txt` in the same folder as `Images`, seven names in seven lines, gives another order than
    `ORDER`.

    Raises:
        DataError: the counts of the test split decide for another order of the labels than the one used, or cannot
            verify the default one; or a list is damaged.
    """
    base = inner(root, "SER_Dataset")
    images = folder(base, "Images")
    lists = folder(base, "Annotations/image-level", "Annotations")
    entries = {split: _entries(lists / f"{split}.json") for split in ("train", "val", "test")}
    order = _order(base, Counter(entry["anno"] for entry in entries["test"]))
    return [_row(root, images, split, entry, order) for split, found in entries.items() for entry in found]


def _entries(path: Path) -> list[dict[str, Any]]:
    found = read_json(path)
    entries = found.get("annotations") if isinstance(found, Mapping) else None
    if not isinstance(entries, list):
        raise DataError(f'{path} has no list "annotations"')
    for number, entry in enumerate(entries, start=1):
        votes = [entry.get(key) for key in ("anno", "anno1", "anno2", "anno3")] if isinstance(entry, Mapping) else []
        if not votes or votes[0] is None or not all(vote is None or _is_label(vote) for vote in votes):
            raise DataError(f"{path}, entry {number}: its labels {votes} are not numbers from 1 to 7")
        if not all(isinstance(entry.get(key), str) and entry[key] for key in ("topic", "file_name")):
            raise DataError(f"{path}, entry {number}: it has no topic or no file_name")
    return entries


def _is_label(vote: object) -> bool:
    return isinstance(vote, int) and 1 <= vote <= len(ORDER)


def _order(base: Path, counts: Counter[int]) -> tuple[str, ...]:
    """Return the names of the labels 1 to 7 once the published counts of the test split agree with them."""
    path = base / ORDER_FILE
    given = tuple(path.read_text(encoding="utf-8").split()) if path.is_file() else ()
    if given and sorted(given) != sorted(ORDER):
        raise DataError(f"{path} must name, in seven lines, {', '.join(sorted(ORDER))}")
    published = HISTOGRAMS["ser30k"].classes["test"]
    by_count = {count: name for name, count in published.items()}
    decided = tuple(by_count.get(counts[label], "") for label in range(1, len(ORDER) + 1))
    order = given or ORDER
    if sorted(decided) == sorted(ORDER):
        if decided != order:
            raise DataError(
                f"the class counts of the test split decide for the label order {' '.join(decided)}, "
                f"not {' '.join(order)}",
                f"write those seven names, one a line, into {path}",
            )
    elif not given:
        raise DataError(
            f"the class counts of the test split, {[counts[label] for label in range(1, len(ORDER) + 1)]}, are not the "
            f"published ones, {sorted(published.values())}, so the order of the labels 1 to 7 is not known",
            f"get the official split, or write the names of the labels, one a line, into {path} if you know them",
        )
    return order


def _row(root: Path, images: Path, split: str, entry: Mapping[str, Any], order: tuple[str, ...]) -> Row:
    votes = Counter(order[entry[key] - 1] for key in ("anno1", "anno2", "anno3") if entry.get(key) is not None)
    text = entry.get("text")
    return Row(
        id=f"{entry['topic']}/{entry['file_name']}",
        path=relative(images / entry["topic"] / entry["file_name"], root),
        domain="sticker",
        labels={"ekman7": order[entry["anno"] - 1]},
        split=split,
        group=entry["topic"],
        soft={"ekman7": distribution(votes)} if votes else {},
        text=text if isinstance(text, str) else "",
        topic=entry["topic"],
    )
