"""Taking out of a caption the words that name an emotion, to see what a method does without them."""

from __future__ import annotations

import re

#: Beginnings of English words that name one of Ekman's or Mikels' emotions, a near synonym, or its usual expression.
#: Ours, and chosen on no data; a caption can still tell an emotion in other words.
STEMS = (
    *("happi", "happy", "cheer", "delight", "amus", "elat", "laugh", "smil", "grinn", "giggl"),
    *("excit", "thrill", "enthus", "wonder", "amaz", "astonish", "surpris", "shock", "startl"),
    *("unhapp", "sorrow", "griev", "gloom", "depress", "melanchol", "miserabl", "weep", "mourn", "frown"),
    *("anger", "angr", "furious", "enrag", "annoy", "irritat", "hostil", "outrag", "scowl"),
    *("fear", "afraid", "frighten", "terrif", "terror", "horrif", "horror", "anxi", "panic", "worr", "nervous"),
    *("disgust", "revolt", "repuls", "repugn", "nause", "loath", "contempt", "disdain", "emotion", "feeling"),
    *("glee", "ecstatic", "ecstasy", "euphor", "jubil", "despair", "despond", "dread", "heartbr", "tearful"),
)
#: Words of the same kind that are short enough to begin others, as "sad" begins "saddle".
WORDS = frozenset(
    (
        *("joy", "joys", "joyful", "joyfully", "joyous", "glad", "gladly", "gladness", "content", "contented"),
        *("contentedly", "contentment", "merry", "merrily", "grin", "grins", "awe", "awed", "awestruck"),
        *("stunned", "sad", "sadly", "sadder", "saddest", "sadness", "saddened", "grief", "misery", "cry", "cries"),
        *("cried", "crying", "wept", "sob", "sobs", "sobbing", "sobbed", "tear", "tears", "teary"),
        *("upset", "pout", "pouts", "pouting", "mad", "madly", "rage", "rages", "raging", "fury", "glare"),
        *("glares", "glared", "glaring", "scare", "scared", "scares", "scary", "scaring", "scream", "screams"),
        *("screaming", "screamed", "mood", "moods"),
    )
)
#: Words that begin as one of `STEMS` and name no emotion.
SPARED = frozenset({"amazon", "cheerleader", "cheerleaders", "wonderland"})
#: With hyphens, so that "sad-looking" goes as a whole.
_WORD = re.compile(r"[A-Za-z]+(?:['’-][A-Za-z]+)*")
_STEM = re.compile("|".join(STEMS))


def without_emotion_words(text: str) -> str:
    """Return a text without the words that are in `WORDS` or begin as one of `STEMS`, and without their gaps."""
    kept = _WORD.sub(lambda word: "" if _names_emotion(word.group().lower()) else word.group(), text)
    # Of the marks around what went, the last one stays, and none at the beginning.
    kept = re.sub(r"[\s.,;:!?]*([.,;:!?])", r"\1", re.sub(r"\s+", " ", kept))
    return re.sub(r"^[\s.,;:!?]+", "", kept).rstrip()


def _names_emotion(word: str) -> bool:
    parts = re.split(r"['’-]", word)
    return any(part in WORDS or (_STEM.match(part) is not None and part not in SPARED) for part in parts)
