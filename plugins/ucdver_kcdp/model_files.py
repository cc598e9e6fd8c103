"""The small models that ship with this package, beside those that a folder or the hub has."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import ucdver

#: The name of the small models that ship with this package; docs/kcdp.md says what they were trained on.
EMOJI_SMALL = "emoji_small"


def model_folder(name: str, patterns: Sequence[str], setting: str, *, fetch: bool) -> Path:
    """Return the folder of a model: for "emoji_small" this package's own, else as `ucdver.model_folder`.

    Args:
        name: a folder, a name on the hub, as "owner/model", or "emoji_small".
        patterns: the files that are read.
        setting: what a user sets to name another folder, for the error.
        fetch: whether it may be downloaded.

    Raises:
        WeightsError: there is none, or it cannot be fetched.
    """
    if name == EMOJI_SMALL:
        return Path(__file__).parent / EMOJI_SMALL
    return ucdver.model_folder(name, patterns, f"download it and set {setting} to its folder", fetch=fetch)
