"""The project's own table of what each face emoji expresses, with its evidence."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from importlib import resources

_VARIATION_SELECTOR = "fe0f"


@dataclass(frozen=True)
class EmojiLabel:
    """One concept, which every icon set may draw.

    Attributes:
        hexcode: its code points in hexadecimal, joined by "-", without variation selectors.
        name: its CLDR short name; `former_names` are earlier ones, by which some icon sets still call it.
        ekman7: a class of `ekman7`, empty where none can be defended.
        mikels8: a class of `mikels8`, empty where none can be defended.
        evidence: what the label rests on: human scores, or the concept's name and keywords.
        confidence: `high`, `medium` or `low`; empty where there is no label.
        note: the reason where one is owed: for no label, or for a judgement others might not share.
    """

    hexcode: str
    name: str
    former_names: tuple[str, ...]
    ekman7: str
    mikels8: str
    evidence: str
    confidence: str
    note: str

    @property
    def slugs(self) -> tuple[str, ...]:
        """The names an icon set may have filed the concept under, the present one first."""
        return tuple(slug(name) for name in (self.name, *self.former_names))


def slug(name: str) -> str:
    """Return a short name as icon sets spell it: lower case, words joined by "-", no apostrophes."""
    return re.sub(r"[^a-z0-9]+", "-", re.sub(r"['’]", "", name.lower())).strip("-")


def plain_hexcode(text: str) -> str:
    """Return code points without the variation selector fe0f, which changes nothing that is drawn here."""
    return "-".join(part for part in text.lower().split("-") if part != _VARIATION_SELECTOR)


def all_labels() -> tuple[EmojiLabel, ...]:
    """Return every concept that was judged, also those left without a label, sorted by code point."""
    text = resources.files("ucdver_emotion").joinpath("emoji_labels.csv").read_text(encoding="utf-8")
    return tuple(_label(row) for row in csv.DictReader(io.StringIO(text)))


def _label(row: dict[str, str]) -> EmojiLabel:
    former = tuple(name for name in row["former_names"].split("|") if name)
    return EmojiLabel(
        hexcode=row["hexcode"],
        name=row["name"],
        former_names=former,
        ekman7=row["ekman7"],
        mikels8=row["mikels8"],
        evidence=row["evidence"],
        confidence=row["confidence"],
        note=row["note"],
    )


def labelled() -> tuple[EmojiLabel, ...]:
    """Return the concepts that carry a label, sorted by code point: these are fetched, drawn and used."""
    return tuple(label for label in all_labels() if label.ekman7)
