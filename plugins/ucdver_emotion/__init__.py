"""Emotion recognition for ucdver: data sets and their readers, label spaces and maps, two emotion metrics, suites."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ucdver_emotion.own import folder_dataset as folder_dataset
    from ucdver_emotion.own import table_dataset as table_dataset

__all__ = ["folder_dataset", "table_dataset"]


def __getattr__(name: str) -> object:
    # Imported on first use: `import ucdver_emotion` is part of every command's start.
    if name not in __all__:
        raise AttributeError(f"module 'ucdver_emotion' has no attribute '{name}'")
    from ucdver_emotion import own

    return getattr(own, name)
