"""The manifest of a data set: one row an image, its labels, its split, its group, the hash of its file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Row:
    """One image as a data set's reader yields it.

    Attributes:
        id: unique within the data set and the same on every machine, as in "noto/1f600".
        path: POSIX path of the file below the data set's root; a `#suffix` may name a part of it for the loader.
        domain: one of the data set's domains.
        labels: class name by label space; a space is left out where nothing is known.
        split: `train`, `val`, `test`, or empty where the release has none.
        group: what must stay together in grouped splits (a concept, a person, a theme); empty for none.
        soft: class distributions by label space, where the release has votes.
    """

    id: str
    path: str
    domain: str
    labels: Mapping[str, str]
    split: str = ""
    group: str = ""
    soft: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
