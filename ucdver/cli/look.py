"""The part of a data set that somebody wants to look at."""

from __future__ import annotations

from dataclasses import dataclass

from ucdver.data.manifest import Manifest, Row


@dataclass(frozen=True)
class Look:
    """What `ucdver data show` was asked for.

    Attributes:
        manifest: of the data set.
        space: the label space in which labels are told.
        domains, classes: those that are shown, in their own order.
        rows: those that are shown, in the manifest's order, which tells nothing.
    """

    manifest: Manifest
    space: str
    domains: tuple[str, ...]
    classes: tuple[str, ...]
    rows: tuple[Row, ...]
