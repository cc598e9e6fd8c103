"""Facial action units, and what each basic emotion is made of.

The units are those of the Facial Action Coding System (Ekman, Friesen & Hager, Facial Action Coding System: The
Manual, 2002); an intensity here runs from 0 (absent) to 1 (its maximum, E in the manual).
"""

from __future__ import annotations

from typing import Final

Expression = dict[int, float]

#: Every unit that the drawing knows, with its name in the manual.
ACTION_UNITS: Final[dict[int, str]] = {
    1: "inner brow raiser",
    2: "outer brow raiser",
    4: "brow lowerer",
    5: "upper lid raiser",
    6: "cheek raiser",
    7: "lid tightener",
    9: "nose wrinkler",
    10: "upper lip raiser",
    12: "lip corner puller",
    15: "lip corner depressor",
    16: "lower lip depressor",
    17: "chin raiser",
    20: "lip stretcher",
    23: "lip tightener",
    24: "lip pressor",
    25: "lips part",
    26: "jaw drop",
    27: "mouth stretch",
}

#: The prototypes of EMFACS (Friesen & Ekman, EMFACS-7: Emotional Facial Action Coding System, 1983, unpublished
#: manual), as the literature commonly lists them: joy 6+12, sadness 1+4+15, surprise 1+2+5B+26, fear 1+2+4+5+7+20+26,
#: anger 4+5+7+23, disgust 9+15+16. B is the second of the manual's five grades, hence the 0.4.
PROTOTYPES: Final[dict[str, Expression]] = {
    "anger": {4: 1.0, 5: 1.0, 7: 1.0, 23: 1.0},
    "disgust": {9: 1.0, 15: 1.0, 16: 1.0},
    "fear": {1: 1.0, 2: 1.0, 4: 1.0, 5: 1.0, 7: 1.0, 20: 1.0, 26: 1.0},
    "joy": {6: 1.0, 12: 1.0},
    "sadness": {1: 1.0, 4: 1.0, 15: 1.0},
    "surprise": {1: 1.0, 2: 1.0, 5: 0.4, 26: 1.0},
    "neutral": {},
}

#: Units that may join the prototype. The FACS Investigator's Guide (2002) lists such variants of each emotion; which of
#: them are drawn, and that each comes alone, is the project's choice.
OPTIONAL: Final[dict[str, tuple[int, ...]]] = {
    "anger": (10, 17, 24, 25),
    "disgust": (4, 10, 17, 25),
    "fear": (25, 27),
    "joy": (25, 26),
    "sadness": (6, 17, 25),
    "surprise": (25, 27),
    "neutral": (1, 12, 17, 25),
}

#: In the order of the label space `ekman7`.
CLASSES: Final[tuple[str, ...]] = ("anger", "disgust", "fear", "joy", "sadness", "surprise", "neutral")
