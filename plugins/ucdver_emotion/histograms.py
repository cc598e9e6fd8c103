"""Published sizes and class counts, by which a copy of a data set is checked.

Only numbers that were read in a release, in code that uses it, or derived and checked are here; numbers that are merely
recalled are not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Histogram:
    """What is published about how many images a data set has.

    Attributes:
        space: label space of the classes.
        classes: split -> class -> images; the split is empty where the release has none.
        totals: split -> images, where only that is known.
        source: where the numbers come from.
    """

    space: str
    source: str
    classes: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    totals: Mapping[str, int] = field(default_factory=dict)


_MIKELS = ("amusement", "anger", "awe", "contentment", "disgust", "excitement", "fear", "sadness")


def _mikels(*counts: int) -> dict[str, int]:
    return dict(zip(_MIKELS, counts, strict=True))


HISTOGRAMS: dict[str, Histogram] = {
    "emoset": Histogram(
        space="mikels8",
        source="counted in the split lists of EmoSet-118K; train is the whole, 118,102, less the other two",
        classes={
            "test": _mikels(2770, 1708, 2260, 2484, 1661, 3014, 1974, 1845),
            "val": _mikels(994, 518, 755, 817, 538, 977, 693, 613),
        },
        totals={"train": 94_481, "val": 5_905, "test": 17_716},
    ),
    "fi": Histogram(
        space="mikels8",
        source="counted in other_dataset/FI/{train,test}.json of SER30K's repository; copies of FI differ",
        classes={
            "train": _mikels(4131, 1050, 2595, 4497, 1373, 2402, 850, 2392),
            "test": _mikels(728, 186, 459, 794, 243, 424, 150, 423),
        },
        totals={"train": 19_290, "test": 3_407},
    ),
    "emotion6": Histogram(
        space="emotion6_keyword",
        source="the readme of the archive: 330 pictures for each of six search words",
        classes={"": dict.fromkeys(("anger", "disgust", "fear", "joy", "sadness", "surprise"), 330)},
        totals={"": 1_980},
    ),
    "emotionroi": Histogram(
        space="ekman6",
        source="the pictures of Emotion6",
        totals={"": 1_980},
    ),
    "ser30k": Histogram(
        space="ekman7",
        source=(
            "derived from the recall of each class in the supplement of TGCA-PVT, and checked against the accuracies "
            "of three methods there; the release states no counts"
        ),
        classes={
            "test": {
                "anger": 550,
                "disgust": 42,
                "fear": 165,
                "joy": 2251,
                "neutral": 2163,
                "sadness": 672,
                "surprise": 305,
            }
        },
        totals={"test": 6_148},
    ),
    "artphoto": Histogram(
        space="mikels8",
        source="the release of Machajdik & Hanbury, 2010",
        totals={"": 806},
    ),
    "abstract": Histogram(
        space="mikels8",
        source="the release of Machajdik & Hanbury, 2010: 280 paintings, of which 228 have one emotion with most votes",
        totals={"": 280},
    ),
    "fer2013": Histogram(
        space="ekman7",
        source="the rows of fer2013.csv by Usage",
        totals={"train": 28_709, "val": 3_589, "test": 3_589},
    ),
    "ferplus": Histogram(
        space="ferplus8",
        source="the rows of fer2013.csv by Usage, which fer2013new.csv follows",
        totals={"train": 28_709, "val": 3_589, "test": 3_589},
    ),
}
