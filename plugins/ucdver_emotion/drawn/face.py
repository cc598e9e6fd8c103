"""From an expression and a head to the marks of a face, back to front."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ucdver_emotion.drawn.action_units import Expression
from ucdver_emotion.drawn.eyes import brow_marks, eye_marks
from ucdver_emotion.drawn.marks import Mark, Points, curve, ellipse
from ucdver_emotion.drawn.mouth import mouth_marks
from ucdver_emotion.drawn.sampling import Look

_TOP, _MIDDLE, _CHIN = 11.0, 46.0, 92.0


def face_marks(expression: Expression, look: Look) -> list[Mark]:
    """Return the marks of a face in the order in which they are drawn."""
    au = dict(expression)
    marks = [*_head(au, look), *_cheeks(au, look), *_nose(au, look)]
    return [*marks, *eye_marks(au, look), *brow_marks(au, look), *mouth_marks(au, look.mouth_width, look.stroke)]


def _outline(au: Expression, look: Look) -> Points:
    """Return the closed outline of the head; the jaw drops with the mouth."""
    drop = 2.6 * au.get(26, 0.0) + 4.0 * au.get(27, 0.0)
    angle = np.linspace(0, 2 * np.pi, 44, endpoint=False)
    x, y = np.cos(angle), np.sin(angle)
    below = np.clip(y, 0, 1)
    wide = 34.0 * look.width * (1 - 0.2 * below**2)
    tall = np.where(y > 0, (_CHIN - _MIDDLE + drop) * look.height, (_MIDDLE - _TOP) * look.height)
    return np.stack([50 + wide * x, _MIDDLE + tall * y], axis=1)


def _head(au: Expression, look: Look) -> Iterator[Mark]:
    half = 34.0 * look.width
    if look.haircut == "long":
        back = curve((50 - half - 3, 84), (50 - half - 4, 40), (50, 5), (50 + half + 4, 40), (50 + half + 3, 84))
        yield Mark("hair_back", back, width=look.stroke)
    for side in (-1, 1):
        yield Mark("ear", ellipse(50 + side * (half + 0.5), 50, 4.2, 7.0, 16), width=1.3 * look.stroke)
    yield Mark("head", _outline(au, look), width=1.7 * look.stroke)
    if look.haircut != "none":
        yield Mark("hair", _hair(look, half), width=1.2 * look.stroke)


def _hair(look: Look, half: float) -> Points:
    top = _MIDDLE - (_MIDDLE - _TOP) * look.height - 3.5
    over = curve((50 - half - 1.5, 40), (50 - 0.8 * half, 19), (50, top), (50 + 0.8 * half, 19), (50 + half + 1.5, 40))
    line = {"short": (27.0, 16.5), "fringe": (26.0, 22.0), "long": (28.0, 15.5)}[look.haircut]
    side, temple = half - 2, 0.7 * half
    under = curve((50 + side, 38), (50 + temple, line[0]), (50, line[1]), (50 - temple, line[0]), (50 - side, 38))
    return np.concatenate([over, under])


def _cheeks(au: Expression, look: Look) -> Iterator[Mark]:
    raised = au.get(6, 0.0)
    for side in (-1, 1):
        if raised > 0.25:
            x = 50 + side * 20.5 * look.width
            yield Mark("cheek", ellipse(x, 61 - 2.5 * raised, 6.5 + raised, 4.6 + raised, 20), width=0.6)


def _nose(au: Expression, look: Look) -> Iterator[Mark]:
    up = 2.2 * au.get(9, 0.0) + 0.6 * au.get(10, 0.0)
    tip = 50 + 9.5 * look.nose_length - 0.6 * up
    flare = 4.2 + 1.5 * au.get(9, 0.0)
    wing = tip - 1.2 - up
    bottom = curve((50 - flare, wing), (47.6, tip + 0.6), (50, tip + 1.4), (52.4, tip + 0.6), (50 + flare, wing))
    yield Mark("nose", bottom, closed=False, width=1.4 * look.stroke)
    if au.get(9, 0.0) > 0.3:
        for side in (-1, 1):
            outer, end = (50 + side * (flare + 1.4), wing - 2.8), (50 + side * (flare - 0.4), wing - 5.3)
            raised = curve((50 + side * flare, wing), outer, end)
            yield Mark("nose", raised, closed=False, width=1.2 * look.stroke)
