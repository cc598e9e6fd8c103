"""The registered tasks, by family: a suite lists them by id."""

from __future__ import annotations

from ucdver_emotion.tasks.emoji import EMOJI_TASKS
from ucdver_emotion.tasks.pictures import PICTURE_TASKS

__all__ = ["TASKS"]

TASKS = (*EMOJI_TASKS, *PICTURE_TASKS)
