"""Eyes, brows and the lines around them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ucdver_emotion.drawn.marks import Mark, Points, bow, curve, ellipse
from ucdver_emotion.drawn.sampling import Look

_EYE_Y = 46.0
_EYE_X = 15.5
_BROW_Y = 35.5


def eye_marks(au: dict[int, float], look: Look) -> Iterator[Mark]:
    """Yield the marks of both eyes."""
    for side in (-1, 1):
        x = 50 + side * _EYE_X * look.eye_apart
        yield from _eye(au, look, x, side)


def brow_marks(au: dict[int, float], look: Look) -> Iterator[Mark]:
    """Yield the marks of both brows, and the wrinkles of the forehead between and above them."""
    for side in (-1, 1):
        yield Mark("brow", _brow(au, look, side), closed=False, width=2.7 * look.brow_weight)
    yield from _forehead(au, look)


def _openings(au: dict[int, float]) -> tuple[float, float]:
    """Return how far the upper lid stands above and the lower lid below the eye's axis, before scaling."""
    raised, cheeks, tight, nose = au.get(5, 0.0), au.get(6, 0.0), au.get(7, 0.0), au.get(9, 0.0)
    droop = 1.5 * au.get(1, 0.0) * au.get(4, 0.0) * (1 - au.get(5, 0.0))
    upper = 4.9 + 2.6 * raised - 0.6 * cheeks - 1.1 * tight * (1 - 0.4 * raised) - 2.2 * nose - droop
    # The cheek pushes the lower lid up past the axis: the eye of a smile is a crescent.
    lower = 3.9 + 0.9 * raised * (1 - tight) - 5.6 * cheeks - 2.1 * tight - 2.2 * nose
    return max(upper, 1.2), max(lower, -max(upper, 1.2) + 1.5)


def _eye(au: dict[int, float], look: Look, x: float, side: int) -> Iterator[Mark]:
    size = look.eye_size
    upper, lower = (size * value for value in _openings(au))
    half = 7.2 * size
    top, bottom = bow(x - half, x + half, _EYE_Y, -upper), bow(x - half, x + half, _EYE_Y, lower)
    shape: Points = np.concatenate([top, bottom[::-1][1:-1]])
    yield Mark("eye", shape, width=0.7 * look.stroke)
    y = _EYE_Y + (lower - upper) / 4
    yield Mark("iris", ellipse(x, y, 3.7 * size, 3.7 * size, 18), width=0.5, inside=shape)
    yield Mark("pupil", ellipse(x, y, 1.8 * size, 1.8 * size, 12), width=0.4, inside=shape)
    yield Mark("lid", top, closed=False, width=1.6 * look.stroke)
    yield from _around(au, look, x, side, half, bottom)


def _around(au: dict[int, float], look: Look, x: float, side: int, half: float, bottom: Points) -> Iterator[Mark]:
    """Yield the lower lid's line, the crow's feet of 6 and the bag that 6, 7 and 9 raise."""
    tight = max(au.get(6, 0.0), au.get(7, 0.0), au.get(9, 0.0))
    yield Mark("lid", bottom, closed=False, width=(0.5 + 0.7 * tight) * look.stroke)
    if tight > 0.3:
        bag = bow(x - 0.8 * half, x + 0.8 * half, _EYE_Y + 4.2 - 1.2 * au.get(6, 0.0), 2.2)
        yield Mark("furrow", bag, closed=False, width=(0.3 + 0.6 * tight) * look.stroke)
    if au.get(6, 0.0) > 0.3:
        corner = x + side * (half + 1.2)
        for rise in (-2.6, 0.0, 2.6):
            foot = np.array([[corner, _EYE_Y + 0.35 * rise], [corner + side * 3.4, _EYE_Y + 1.15 * rise]])
            yield Mark("furrow", foot, closed=False, width=0.9 * au.get(6, 0.0) * look.stroke)


def _brow(au: dict[int, float], look: Look, side: int) -> Points:
    """Return the line of one brow, from its inner to its outer end."""
    inner, outer, lower, nose = au.get(1, 0.0), au.get(2, 0.0), au.get(4, 0.0), au.get(9, 0.0)
    # 1 and 4 together pull the inner end up and in, which makes the brow oblique; 4 alone pulls it down.
    inner_dy = -7.0 * inner + 7.5 * lower * (1 - 0.9 * inner) + 3.0 * nose
    middle_dy = -2.5 * inner - 5.5 * outer + 4.0 * lower * (1 - 0.6 * inner) + 2.2 * nose
    sink = lower * (1 - 0.3 * outer) * (0.8 + 2.4 * inner)
    outer_dy = -6.5 * outer + sink + 0.5 * nose
    drawn_in = 2.8 * lower + 1.0 * nose
    x = _EYE_X * look.eye_apart
    knots = (
        (50 + side * (x - 7.8 - drawn_in), _BROW_Y + inner_dy),
        (50 + side * (x + 0.3 - 0.5 * drawn_in), _BROW_Y - 2.6 + middle_dy),
        (50 + side * (x + 8.6), _BROW_Y + 0.8 + outer_dy),
    )
    return curve(*knots)


def _forehead(au: dict[int, float], look: Look) -> Iterator[Mark]:
    """Yield level wrinkles where the brows rise, upright ones where they are drawn together, and those of the nose."""
    rise, lower, nose = max(au.get(1, 0.0), au.get(2, 0.0)), au.get(4, 0.0), au.get(9, 0.0)
    if rise > 0.35:
        half = 17.0 if au.get(2, 0.0) > 0.35 else 8.0
        for y in (19.5, 23.0):
            yield Mark("furrow", bow(50 - half, 50 + half, y, -1.2), closed=False, width=1.0 * rise * look.stroke)
    if lower > 0.35:
        top = 33.0 - 4.0 * au.get(1, 0.0)
        for side in (-1, 1):
            line = np.array([[50 + side * 2.2, top], [50 + side * 1.5, top + 6.5]])
            yield Mark("furrow", line, closed=False, width=1.2 * lower * look.stroke)
    if nose > 0.3:
        for y in (45.0, 48.0, 51.0):
            yield Mark("furrow", bow(46.8, 53.2, y, -1.6), closed=False, width=1.3 * nose * look.stroke)
