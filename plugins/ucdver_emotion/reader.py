"""Reading the fetched emoji into rows: one for every drawing of a labelled concept."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from ucdver import DataError, Row
from ucdver_emotion.emoji_labels import EmojiLabel, labelled
from ucdver_emotion.fetch import STAMP

_AGAIN = "remove the folder, then ucdver data fetch emoji"


def read(root: Path) -> Iterable[Row]:
    """Return one row for each drawing below `root`, sorted by id; the group is the concept's code points.

    Raises:
        DataError: nothing was fetched, it was fetched for another label table, or a picture is gone.
    """
    pictures = _expected_pictures(root)
    labels = labelled()
    rows = []
    for domain in sorted(pictures):
        found = {path.stem: path for path in (root / domain).iterdir()} if (root / domain).is_dir() else {}
        drawn = [label for label in labels if label.hexcode in found]
        if len(drawn) != pictures[domain]:
            raise DataError(f"{root / domain} holds {len(drawn)} of its {pictures[domain]} pictures", _AGAIN)
        rows += [_row(domain, found[label.hexcode].name, label) for label in drawn]
    return sorted(rows, key=lambda row: row.id)


def _expected_pictures(root: Path) -> dict[str, int]:
    """Return how many pictures each domain must have, as the stamp of the fetch says."""
    path = root / STAMP
    if not path.is_file():
        raise DataError(f"there are no emoji in {root} (it has no {STAMP})", "ucdver data fetch emoji")
    try:
        stamp = json.loads(path.read_bytes())
        pictures = {str(domain): int(entry["pictures"]) for domain, entry in stamp["sets"].items()}
        concepts = list(stamp["concepts"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path} is damaged: {error}", _AGAIN) from error
    if concepts != [label.hexcode for label in labelled()]:
        raise DataError(f"the emoji in {root} were fetched for another table of labels", _AGAIN)
    return pictures


def _row(domain: str, file: str, label: EmojiLabel) -> Row:
    labels = {"ekman7": label.ekman7}
    if label.ekman7 != "neutral":
        labels["ekman6"] = label.ekman7
    if label.mikels8:
        labels["mikels8"] = label.mikels8
    return Row(
        id=f"{domain}/{label.hexcode}",
        path=f"{domain}/{file}",
        domain=domain,
        labels=labels,
        group=label.hexcode,
    )
