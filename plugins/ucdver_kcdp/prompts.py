"""CLIEA's emotion prompts, from the names of the classes."""

from __future__ import annotations

from collections.abc import Sequence

#: The release's. The noun is missing on purpose: the tokens of the knowledge follow in its place.
TEMPLATE = "A {} photo of"
#: The words of the release for its classes, under the names that label spaces have for them.
_WORDS = {
    "joy": "happy",
    "happiness": "happy",
    "sadness": "sad",
    "amazement": "surprise",
}


def emotion_prompts(classes: Sequence[str], template: str = TEMPLATE) -> list[str]:
    """Return one prompt a class, in class order; `template` holds {} where the word goes."""
    return [template.replace("{}", _WORDS.get(name, name.replace("_", " "))) for name in classes]
