"""Which emoji pretraining may see: those without a face, told by Unicode's groups, by their names and by our own table.

The suites ask for the emotion of a face. A face emoji's name gives its emotion away ("crying face"), so none is shown,
in any icon set, neither as a picture nor as a name; nor is anything with a body that has a face, nor a heart.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ucdver_emotion.emoji_labels import all_labels, plain_hexcode

#: The list of emoji with groups and subgroups as in Unicode's emoji-test.txt (version 16), from npm; MIT.
PACKAGE = "emoji.json@16.0.0"
INTEGRITY = "sha512-OWFSIAA5ZY2D7KTPxnS/oZTk5cs4ZE4+w/bHkpS+t6hj4AUwDH0okBGuffvsli6WMIimfgxb8ofadPC+UR+glw=="

#: Nothing of these groups is seen: faces, hearts and signs of emotion; people and parts of them; hair and skin.
HELD_OUT_GROUPS = frozenset({"Smileys & Emotion", "People & Body", "Component"})
#: Nor animals, most of which icon sets draw as faces.
HELD_OUT_SUBGROUPS = frozenset(f"animal-{kind}" for kind in ("mammal", "bird", "amphibian", "reptile", "marine", "bug"))
#: Words in a name that tell a face, a figure or a feeling.
HELD_OUT_WORDS = frozenset(
    [
        "face",
        "faces",
        "eye",
        "eyes",
        "mouth",
        "head",
        "smile",
        "smiling",
        "grinning",
        "laughing",
        "crying",
        "tears",
        "tear",
        "angry",
        "anger",
        "rage",
        "happy",
        "happiness",
        "joy",
        "sad",
        "sadness",
        "fear",
        "fearful",
        "scared",
        "screaming",
        "disgust",
        "disgusted",
        "surprise",
        "surprised",
        "love",
        "heart",
        "hearts",
        "kiss",
        "worried",
        "person",
        "people",
        "man",
        "woman",
        "men",
        "women",
        "boy",
        "girl",
        "baby",
        "child",
        "children",
        "pirate",
        "congratulations",
    ]
)
#: What is drawn with a face or a figure in at least one icon set, though its name says neither.
HELD_OUT_NAMES = frozenset(
    {
        "snowman",
        "snowman without snow",
        "jack-o-lantern",
        "japanese dolls",
        "carp streamer",
        "teddy bear",
        "piñata",
        "nesting dolls",
        "joker",
        "performing arts",
        "framed picture",
        "carousel horse",
        "statue of liberty",
        "moai",
        "nazar amulet",
        "hamsa",
        "identification card",
        "x-ray",
        "wedding",
        "fire engine",
        "litter in bin sign",
        "men’s room",
        "women’s room",
        "restroom",
        "wheelchair symbol",
        "passport control",
        "no littering",
        "no pedestrians",
        "place of worship",
        "mahjong red dragon",
        "chess pawn",
    }
)


@dataclass(frozen=True, order=True)
class Concept:
    """One emoji: its code points without variation selectors, its CLDR name, and where Unicode files it."""

    hexcode: str
    name: str
    group: str
    subgroup: str


def judged() -> frozenset[str]:
    """Return the code points of every concept in the project's own label table, also of those left without a label."""
    return frozenset(label.hexcode for label in all_labels())


def is_held_out(concept: Concept, own_table: Collection[str]) -> bool:
    """Return whether pretraining must not see a concept; in doubt it must not."""
    words = set(re.findall(r"[a-z]+", concept.name.lower().replace("’s", "")))
    return (
        concept.hexcode in own_table
        or concept.group in HELD_OUT_GROUPS
        or concept.subgroup in HELD_OUT_SUBGROUPS
        or bool(words & HELD_OUT_WORDS)
        or concept.name.lower() in HELD_OUT_NAMES
    )


def concepts(listing: bytes) -> list[Concept]:
    """Return every concept of the package's `emoji.json`, each once, sorted by code points."""
    rows: Iterable[Mapping[str, Any]] = json.loads(listing)
    found: dict[str, Concept] = {}
    for row in rows:
        hexcode = plain_hexcode(row["codes"].replace(" ", "-"))
        found.setdefault(hexcode, Concept(hexcode, row["name"], row["group"], row["subgroup"]))
    return sorted(found.values())


def shown(listing: bytes) -> list[Concept]:
    """Return the concepts that pretraining sees."""
    own_table = judged()
    return [concept for concept in concepts(listing) if not is_held_out(concept, own_table)]
