"""The emotion label spaces and the declared maps between them."""

from __future__ import annotations

from ucdver import LabelMap, LabelSpace

_EKMAN_POLARITY = {"anger": -1, "disgust": -1, "fear": -1, "joy": 1, "sadness": -1, "surprise": 0}

EKMAN6 = LabelSpace(
    name="ekman6",
    classes=("anger", "disgust", "fear", "joy", "sadness", "surprise"),
    polarity=_EKMAN_POLARITY,
    source="Ekman, An argument for basic emotions, Cognition and Emotion 6, 1992",
)

EKMAN7 = LabelSpace(
    name="ekman7",
    classes=(*EKMAN6.classes, "neutral"),
    polarity={**_EKMAN_POLARITY, "neutral": 0},
    source="Ekman's six basic emotions and neutral",
)

MIKELS8 = LabelSpace(
    name="mikels8",
    classes=("amusement", "anger", "awe", "contentment", "disgust", "excitement", "fear", "sadness"),
    polarity={
        "amusement": 1,
        "anger": -1,
        "awe": 1,
        "contentment": 1,
        "disgust": -1,
        "excitement": 1,
        "fear": -1,
        "sadness": -1,
    },
    wheel={
        "amusement": 0,
        "contentment": 1,
        "awe": 2,
        "excitement": 3,
        "fear": 4,
        "sadness": 5,
        "disgust": 6,
        "anger": 7,
    },
    source=(
        "classes: Mikels et al., Emotional category data on images from the International Affective Picture "
        "System, Behavior Research Methods 37, 2005; order around the wheel: Zhao et al., Predicting "
        "personalized emotion perceptions of social images, ACM MM 2016, and Yang et al., A "
        "circular-structured representation for visual emotion distribution learning, CVPR 2021"
    ),
)

UCDVER6 = LabelSpace(
    name="ucdver6",
    classes=("surprise", "joy", "disgust", "fear", "sadness", "anger"),
    polarity=_EKMAN_POLARITY,
    source="Ekman's six emotions in the index order of KCDP",
)

SENTIMENT2 = LabelSpace(
    name="sentiment2",
    classes=("negative", "positive"),
    polarity={"negative": -1, "positive": 1},
    source="valence alone",
)

LABEL_SPACES = (EKMAN6, EKMAN7, MIKELS8, UCDVER6, SENTIMENT2)


def _same(space: LabelSpace) -> dict[str, str | None]:
    return {name: name for name in space.classes}


LABEL_MAPS = (
    LabelMap(
        name="ekman7_to_ekman6",
        source="ekman7",
        target="ekman6",
        table={**_same(EKMAN6), "neutral": None},
        note="neutral images are left out",
    ),
    LabelMap(name="ekman6_to_ucdver6", source="ekman6", target="ucdver6", table=_same(EKMAN6)),
    LabelMap(
        name="ekman7_to_ucdver6",
        source="ekman7",
        target="ucdver6",
        table={**_same(EKMAN6), "neutral": None},
        note="neutral images are left out, as in KCDP",
    ),
    LabelMap(
        name="mikels8_to_ucdver6",
        source="mikels8",
        target="ucdver6",
        table={
            "amusement": "joy",
            "anger": "anger",
            "awe": "surprise",
            "contentment": "joy",
            "disgust": "disgust",
            "excitement": "surprise",
            "fear": "fear",
            "sadness": "sadness",
        },
        note="KCDP's alignment; excitement to surprise is its weakest link, since surprise has no valence",
    ),
    LabelMap(
        name="mikels8_to_sentiment2",
        source="mikels8",
        target="sentiment2",
        table={c: "positive" if MIKELS8.polarity[c] > 0 else "negative" for c in MIKELS8.classes},
    ),
    LabelMap(
        name="ekman6_to_sentiment2",
        source="ekman6",
        target="sentiment2",
        table={
            "anger": "negative",
            "disgust": "negative",
            "fear": "negative",
            "joy": "positive",
            "sadness": "negative",
            "surprise": None,
        },
        note="surprise has no valence of its own and is left out",
    ),
)
