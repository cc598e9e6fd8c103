"""The declared maps. One that is an alternative is used only where a task names it."""

from __future__ import annotations

from ucdver import LabelMap, LabelSpace
from ucdver_emotion.label_spaces.families import PARROTT, PLUTCHIK
from ucdver_emotion.label_spaces.spaces import (
    AFFECTNET8,
    ARTEMIS9,
    EKMAN6,
    EMOTION6_KEYWORD,
    EMOTION6_VALENCE,
    FERPLUS8,
    MIKELS8,
    SENTIMENT2,
    TWITTER1_AGREE4,
    TWITTER1_AGREE5,
)

Table = dict[str, str | None]


def _same(space: LabelSpace, **changes: str | None) -> Table:
    """Return the table that keeps every class of `space` but those that are named."""
    return {name: changes.get(name, name) for name in space.classes}


def _map(source: str, target: str, table: Table, note: str, alternative: str | None = None) -> LabelMap:
    """Return a map named after its spaces; an alternative bears its word after that, which may be empty."""
    name = f"{source}_to_{target}" + (f"_{alternative}" if alternative else "")
    chosen = alternative is not None
    return LabelMap(name=name, source=source, target=target, table=table, note=note, alternative=chosen)


def _through(first: LabelMap, second: LabelMap) -> LabelMap:
    """Return one map that does what two do one after the other."""
    table: Table = {}
    for label, middle in first.table.items():
        table[label] = None if middle is None else second.apply(middle)
    note = f"{first.name}, then {second.name}"
    return _map(first.source, second.target, table, note)


_VALENCE: Table = {
    "anger": "negative",
    "disgust": "negative",
    "fear": "negative",
    "joy": "positive",
    "sadness": "negative",
}

_EKMAN7_EKMAN6 = _map("ekman7", "ekman6", {**_same(EKMAN6), "neutral": None}, "neutral images are left out")
_EKMAN6_UCDVER6 = _map("ekman6", "ucdver6", _same(EKMAN6), "the same six emotions in another order")
_EKMAN6_UCDVER5 = _map("ekman6", "ucdver5", _same(EKMAN6, surprise=None), "surprise is left out")
_EKMAN6_SHARED5 = _map("ekman6", "shared5", _same(EKMAN6, disgust=None), "disgust is left out")
_EKMAN6_SENTIMENT2 = _map(
    "ekman6", "sentiment2", {**_VALENCE, "surprise": None}, "surprise has no valence of its own and is left out"
)

_EKMAN = (
    _EKMAN7_EKMAN6,
    _EKMAN6_UCDVER6,
    _EKMAN6_UCDVER5,
    _EKMAN6_SHARED5,
    _EKMAN6_SENTIMENT2,
    _map(
        *("ekman7", "ucdver6", {**_same(EKMAN6), "neutral": None}),
        "neutral images are left out, as in KCDP",
    ),
    _through(_EKMAN7_EKMAN6, _EKMAN6_UCDVER5),
    _through(_EKMAN7_EKMAN6, _EKMAN6_SHARED5),
    _through(_EKMAN7_EKMAN6, _EKMAN6_SENTIMENT2),
    _map(
        *("ekman6", "sentiment2", {**_VALENCE, "surprise": "positive"}),
        "surprise counts as positive, the convention of two-class EmotionROI (recalled, not checked)",
        alternative="roi",
    ),
)

_MIKELS8_UCDVER6 = _map(
    "mikels8",
    "ucdver6",
    _same(MIKELS8, amusement="joy", awe="surprise", contentment="joy", excitement="surprise"),
    "KCDP's alignment; excitement to surprise is its weakest link, since surprise has no valence",
)
_MIKELS8_SENTIMENT2 = _map(
    "mikels8", "sentiment2", dict(MIKELS8.levels["sentiment2"]), "polarity as in EmoSet's own loader"
)
_MIKELS8_UCDVER5 = _map(
    "mikels8",
    "ucdver5",
    _same(MIKELS8, amusement="joy", awe="joy", contentment="joy", excitement="joy"),
    "all four positive emotions become joy: the check of mikels8_to_ucdver6 that needs no surprise",
)
_MIKELS8_SHARED5 = _map(
    "mikels8",
    "shared5",
    {**_MIKELS8_UCDVER6.table, "disgust": None},
    "mikels8_to_ucdver6 without disgust",
)
_ARTEMIS9_MIKELS8 = _map(
    "artemis9",
    "mikels8",
    {**{name: name for name in ARTEMIS9.classes}, "something else": None},
    "paintings of 'something else' are left out",
)

_MIKELS = (
    *(_MIKELS8_UCDVER6, _MIKELS8_SENTIMENT2, _MIKELS8_UCDVER5, _MIKELS8_SHARED5, _ARTEMIS9_MIKELS8),
    *(_through(_ARTEMIS9_MIKELS8, onward) for onward in (_MIKELS8_UCDVER6, _MIKELS8_SENTIMENT2, _MIKELS8_UCDVER5)),
)

_PARROTT6_SHARED5: dict[str, str | None] = {
    "anger": "anger",
    "fear": "fear",
    "joy": "joy",
    "love": "joy",
    "sadness": "sadness",
    "surprise": "surprise",
}
_LOVE = "love counts as joy"
_WEBEMO25_PARROTT6 = _map("webemo25", "parrott6", dict(PARROTT), "Parrott's primary emotion; see the level of webemo25")
_WEBEMO25_UCDVER6: Table = {
    # Disgust is a kind of anger to Parrott, and an emotion of its own here.
    name: "disgust" if name == "disgust" else _PARROTT6_SHARED5[parent]
    for name, parent in PARROTT.items()
}

_PARROTT6_VALENCE: Table = {**{k: v for k, v in _VALENCE.items() if k != "disgust"}, "love": "positive"}

_PARROTT_MAPS = (
    _map("parrott6", "shared5", _PARROTT6_SHARED5, _LOVE),
    *(
        _map("parrott6", target, _PARROTT6_SHARED5, f"{_LOVE}; no image becomes disgust, so prefer shared5")
        for target in ("ucdver6", "ekman6")
    ),
    _map(
        *("parrott6", "sentiment2", {**_PARROTT6_VALENCE, "surprise": None}),
        "surprise has no valence of its own and is left out",
    ),
    _map(
        *("parrott6", "sentiment2", {**_PARROTT6_VALENCE, "surprise": "positive"}),
        "surprise counts as positive, as at WEBEmo's two-way level (recalled, not checked)",
        alternative="webemo",
    ),
    _WEBEMO25_PARROTT6,
    _map("webemo25", "ucdver6", _WEBEMO25_UCDVER6, f"Parrott's primary emotion, but disgust stays disgust; {_LOVE}"),
    _map(
        *("webemo25", "shared5"),
        {name: None if becomes == "disgust" else becomes for name, becomes in _WEBEMO25_UCDVER6.items()},
        f"Parrott's primary emotion; disgust is left out, {_LOVE}",
    ),
)

_PLUTCHIK8_EKMAN6: Table = {**_same(EKMAN6), "trust": None, "anticipation": None}
_DROPPED = "trust and anticipation are left out"
_KEPT: Table = {**_same(EKMAN6), "trust": "joy", "anticipation": "surprise"}

_PLUTCHIK_MAPS = (
    _map("plutchik24", "plutchik8", dict(PLUTCHIK), "the middle one of three intensities on Plutchik's wheel"),
    *(_map("plutchik8", target, _PLUTCHIK8_EKMAN6, _DROPPED) for target in ("ekman6", "ucdver6")),
    *(
        _map("plutchik8", target, _KEPT, "trust counts as joy, and anticipation as surprise", alternative="kept")
        for target in ("ekman6", "ucdver6")
    ),
    _map(
        *("plutchik8", "sentiment2", {**_VALENCE, "trust": "positive", "surprise": None, "anticipation": None}),
        "surprise and anticipation have no valence and are left out; FindingEmo's own reading is its valence",
    ),
)


def _of_faces(space: LabelSpace) -> tuple[LabelMap, ...]:
    """Return the maps from a space of facial expressions that has contempt."""
    to_ekman7 = _map(*(space.name, "ekman7", _same(space, happiness="joy", contempt=None)), "contempt is left out")
    onward = (_EKMAN7_EKMAN6, *(m for m in _EKMAN if m.source == "ekman7" and m.target in ("ucdver6", "sentiment2")))
    return (
        to_ekman7,
        *(_through(to_ekman7, then) for then in onward),
        _map(
            *(space.name, "ekman7", _same(space, happiness="joy", contempt="disgust")),
            "contempt counts as disgust",
            alternative="contempt",
        ),
    )


_OTHERS = (
    *(
        _map("emotion6_keyword", target, _same(EMOTION6_KEYWORD), "the search word instead of what people saw", "")
        for target in ("ekman6", "ucdver6")
    ),
    _map("emotion6_valence", "sentiment2", _same(EMOTION6_VALENCE), "the side of the mean valence", ""),
    *(
        _map(space.name, "sentiment2", _same(SENTIMENT2), space.source, "")
        for space in (TWITTER1_AGREE4, TWITTER1_AGREE5)
    ),
)

LABEL_MAPS = (
    *_EKMAN,
    *_MIKELS,
    *_PARROTT_MAPS,
    *_PLUTCHIK_MAPS,
    *_of_faces(FERPLUS8),
    *_of_faces(AFFECTNET8),
    *_OTHERS,
)
