"""The label spaces: classes in index order, polarity, place on Mikels' wheel, coarser levels."""

from __future__ import annotations

from ucdver import LabelSpace
from ucdver_emotion.label_spaces.families import PARROTT, PLUTCHIK

_EKMAN_POLARITY = {"anger": -1, "disgust": -1, "fear": -1, "joy": 1, "sadness": -1, "surprise": 0}


def _sides(polarity: dict[str, int]) -> dict[str, str]:
    return {name: "positive" if side > 0 else "negative" for name, side in polarity.items()}


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

_MIKELS_POLARITY = {
    "amusement": 1,
    "anger": -1,
    "awe": 1,
    "contentment": 1,
    "disgust": -1,
    "excitement": 1,
    "fear": -1,
    "sadness": -1,
}

MIKELS8 = LabelSpace(
    name="mikels8",
    classes=tuple(_MIKELS_POLARITY),
    polarity=_MIKELS_POLARITY,
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
    levels={"sentiment2": _sides(_MIKELS_POLARITY)},
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

UCDVER5 = LabelSpace(
    name="ucdver5",
    classes=("joy", "disgust", "fear", "sadness", "anger"),
    polarity={name: side for name, side in _EKMAN_POLARITY.items() if name != "surprise"},
    levels={
        "sentiment2": _sides({name: side for name, side in _EKMAN_POLARITY.items() if name != "surprise"}),
    },
    source="ucdver6 without surprise, which has no valence: a check of how much ucdver6 rests on it",
)

SHARED5 = LabelSpace(
    name="shared5",
    classes=("anger", "fear", "joy", "sadness", "surprise"),
    polarity={name: side for name, side in _EKMAN_POLARITY.items() if name != "disgust"},
    source="what Ekman's and Parrott's basic emotions share: no disgust, and love counted with joy",
)

SENTIMENT2 = LabelSpace(
    name="sentiment2",
    classes=("negative", "positive"),
    polarity={"negative": -1, "positive": 1},
    source="valence alone",
)

ARTEMIS9 = LabelSpace(
    name="artemis9",
    # The order of the release, which is that of EmoSet's indices too.
    classes=(
        "amusement",
        "awe",
        "contentment",
        "excitement",
        "anger",
        "disgust",
        "fear",
        "sadness",
        "something else",
    ),
    polarity={**_MIKELS_POLARITY, "something else": 0},
    source="Achlioptas et al., ArtEmis: Affective Language for Visual Art, CVPR 2021: Mikels' eight and a rest",
)

_PARROTT_POLARITY = {"anger": -1, "fear": -1, "joy": 1, "love": 1, "sadness": -1, "surprise": 0}
# The two-way level of WEBEmo has no third class for surprise and counts it as positive (recalled, not checked).
_PARROTT_SIDES = {**_sides(_PARROTT_POLARITY), "surprise": "positive"}

PARROTT6 = LabelSpace(
    name="parrott6",
    classes=tuple(_PARROTT_POLARITY),
    polarity=_PARROTT_POLARITY,
    levels={"sentiment2": _PARROTT_SIDES},
    source="Parrott, Emotions in Social Psychology, 2001: primary emotions, as in Panda et al., ECCV 2018",
)

WEBEMO25 = LabelSpace(
    name="webemo25",
    classes=tuple(sorted(PARROTT)),
    polarity={name: _PARROTT_POLARITY[PARROTT[name]] for name in sorted(PARROTT)},
    levels={"parrott6": PARROTT, "sentiment2": {name: _PARROTT_SIDES[parent] for name, parent in PARROTT.items()}},
    source="Panda et al., Contemplating Visual Emotions, ECCV 2018; the names are partly recalled, not checked",
)

_PLUTCHIK_POLARITY = {
    "joy": 1,
    "trust": 1,
    "fear": -1,
    "surprise": 0,
    "sadness": -1,
    "disgust": -1,
    "anger": -1,
    "anticipation": 0,
}

PLUTCHIK8 = LabelSpace(
    name="plutchik8",
    classes=tuple(_PLUTCHIK_POLARITY),
    polarity=_PLUTCHIK_POLARITY,
    source="Plutchik, A general psychoevolutionary theory of emotion, 1980, in order around his wheel",
)

PLUTCHIK24 = LabelSpace(
    name="plutchik24",
    classes=tuple(PLUTCHIK),
    polarity={name: _PLUTCHIK_POLARITY[parent] for name, parent in PLUTCHIK.items()},
    levels={"plutchik8": PLUTCHIK},
    source="Plutchik's wheel with three intensities of each emotion, as in FindingEmo, NeurIPS 2024",
)

_FACE_POLARITY = {
    "neutral": 0,
    "happiness": 1,
    "surprise": 0,
    "sadness": -1,
    "anger": -1,
    "disgust": -1,
    "fear": -1,
    "contempt": -1,
}

FERPLUS8 = LabelSpace(
    name="ferplus8",
    classes=tuple(_FACE_POLARITY),
    polarity=_FACE_POLARITY,
    source="Barsoum et al., Training deep networks for facial expression recognition, ICMI 2016",
)

AFFECTNET8 = LabelSpace(
    name="affectnet8",
    classes=("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt"),
    polarity=_FACE_POLARITY,
    source="Mollahosseini et al., AffectNet, IEEE Transactions on Affective Computing 10, 2019",
)

EMOTION6_KEYWORD = LabelSpace(
    name="emotion6_keyword",
    classes=EKMAN6.classes,
    polarity=_EKMAN_POLARITY,
    source="the word with which an image of Emotion6 was searched, which is not what people saw in it",
)

EMOTION6_VALENCE = LabelSpace(
    name="emotion6_valence",
    classes=SENTIMENT2.classes,
    polarity=SENTIMENT2.polarity,
    source="side of the mean valence of Emotion6; its scale of 1 to 9 is recalled, not checked",
)

TWITTER1_AGREE4, TWITTER1_AGREE5 = (
    LabelSpace(
        name=f"twitter1_agree{votes}",
        classes=SENTIMENT2.classes,
        polarity=SENTIMENT2.polarity,
        source=f"the images of Twitter I on which at least {votes} of 5 people agreed; You et al., AAAI 2015",
    )
    for votes in (4, 5)
)

LABEL_SPACES = (
    *(EKMAN6, EKMAN7, MIKELS8, UCDVER6, UCDVER5, SHARED5, SENTIMENT2),
    *(ARTEMIS9, PARROTT6, WEBEMO25, PLUTCHIK8, PLUTCHIK24, FERPLUS8, AFFECTNET8),
    *(EMOTION6_KEYWORD, EMOTION6_VALENCE, TWITTER1_AGREE4, TWITTER1_AGREE5),
)
