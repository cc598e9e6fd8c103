"""CLIP as it is: the nearest prompt (Radford et al., ICML 2021)."""

from __future__ import annotations

from typing import ClassVar

from ucdver_vlm.base import ClipMethod


class ClipZeroShot(ClipMethod):
    """The class whose prompts are most similar to the image: logits_k = exp(s) cos(f(x), g_k).

    g_k is the mean embedding of the prompts of class k. Nothing is trained and no step is made, so that the row says
    what the model knew already.

    Paper: Radford et al., Learning Transferable Visual Models From Natural Language Supervision, ICML 2021.
    """

    trains: ClassVar[bool] = False
