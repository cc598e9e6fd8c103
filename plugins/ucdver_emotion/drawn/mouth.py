"""The mouth: lips, what shows between them, and the furrows beside it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ucdver_emotion.drawn.marks import Mark, Points, bow, curve, ellipse

_Y = 71.0
_HALF_WIDTH = 11.5


@dataclass(frozen=True)
class MouthShape:
    """Where the mouth lies: half width, height of the corners against the middle (below is positive), opening, lips."""

    x: float
    y: float
    half_width: float
    corner: float
    gap: float
    upper_lip: float
    lower_lip: float
    upper_raise: float
    lower_drop: float
    chin: float


def mouth_shape(au: dict[int, float], width: float) -> MouthShape:
    """Return the shape that the action units give a mouth; `width` is that of the person, around 1."""

    def a(unit: int) -> float:
        return au.get(unit, 0.0)

    thin = (1 - 0.75 * a(23)) * (1 - 0.85 * a(24))
    gap = 2.2 * a(25) + 9.0 * a(26) + 13.0 * a(27) + 2.6 * a(16) + 1.6 * a(10) * a(9)
    gap *= 1 - 0.8 * max(a(23), a(24)) * (1 - a(26))
    # A dropped jaw draws the corners in, unless something pulls them apart.
    narrow = 0.42 * max(a(26), a(27)) * (1 - max(a(20), a(12)))
    half = _HALF_WIDTH * width * (1 + 0.42 * a(12) + 0.45 * a(20) - 0.22 * a(23) - 0.1 * a(24) - narrow)
    corner = -7.5 * a(12) + 6.5 * a(15) + 2.2 * a(20) + 0.8 * a(17)
    return MouthShape(
        x=50.0,
        y=_Y + 0.8 * a(12) - 1.8 * a(9) - 1.5 * a(10) - 1.5 * a(17),
        half_width=half,
        corner=corner,
        gap=gap,
        upper_lip=2.3 * thin,
        lower_lip=3.0 * thin * (1 + 0.35 * a(17)),
        upper_raise=1.6 * a(9) + 2.0 * a(10),
        lower_drop=2.4 * a(16),
        chin=a(17),
    )


def mouth_marks(au: dict[int, float], width: float, stroke: float) -> Iterator[Mark]:
    """Yield lips first, then the opening and what is in it, then the line between the lips and the furrows."""
    m = mouth_shape(au, width)
    left, right, ends = m.x - m.half_width, m.x + m.half_width, m.y + 0.72 * m.corner
    # Corners rise against the middle of a smile: the bend of each line goes the other way.
    sag = -m.corner
    upper_in = bow(left, right, ends, sag - 0.42 * m.gap - 0.4 * m.upper_raise)
    lower_in = bow(left, right, ends, sag + 0.58 * m.gap + 0.5 * m.lower_drop)
    yield Mark("lips", _lips(m, left, right, ends, sag), width=stroke)
    opening: Points = np.concatenate([upper_in, lower_in[::-1][1:-1]])
    if m.gap > 0.9:
        yield Mark("mouth", opening, width=1.4 * stroke)
        teeth = min(0.45 * m.gap, 3.4)
        shown = au.get(12, 0.0) > 0.2 or au.get(20, 0.0) > 0.2 or au.get(16, 0.0) > 0.2 or au.get(10, 0.0) > 0.3
        if shown and m.gap > 1.8:
            yield Mark(
                "teeth", np.concatenate([upper_in, upper_in[::-1] + np.array([0.0, teeth])]), width=0.6, inside=opening
            )
        if m.gap > 6:
            yield Mark("tongue", ellipse(m.x, lower_in[7, 1] + 0.5, 0.6 * m.half_width, 3.2), width=0.6, inside=opening)
    else:
        yield Mark("lip_line", bow(left - 0.5, right + 0.5, ends, sag), closed=False, width=1.9 * stroke)
    yield from _furrows(au, m, stroke)


def _lips(m: MouthShape, left: float, right: float, ends: float, sag: float) -> Points:
    upper = bow(left - 0.8, right + 0.8, ends, sag - 0.42 * m.gap - 0.4 * m.upper_raise - m.upper_lip)
    # The dip of the upper lip's bow, which a stretched or a raised lip loses.
    dip = 0.5 * m.upper_lip * np.exp(-(((upper[:, 0] - m.x) / (0.18 * m.half_width)) ** 2))
    upper = upper + np.stack([np.zeros_like(dip), dip], axis=1)
    lower = bow(left - 0.8, right + 0.8, ends, sag + 0.58 * m.gap + 0.5 * m.lower_drop + m.lower_lip)
    return np.concatenate([upper, lower[::-1][1:-1]])


def _furrows(au: dict[int, float], m: MouthShape, stroke: float) -> Iterator[Mark]:
    """Yield the nasolabial furrows of 9, 10, 12 and 15, and the chin boss of 17."""
    deep = max(0.9 * au.get(12, 0.0), au.get(9, 0.0), au.get(10, 0.0), 0.45 * au.get(15, 0.0))
    if deep > 0.25:
        out = m.half_width + 3.5
        for side in (-1, 1):
            start = (m.x + side * (6.5 + 1.5 * deep), 59.5 - 1.5 * au.get(9, 0.0))
            middle = (m.x + side * (out - 1.0), 65.0 - 1.0 * au.get(12, 0.0))
            end = (m.x + side * (out + 0.5), m.y + 0.5 * m.corner + 1.0)
            yield Mark("furrow", curve(start, middle, end), closed=False, width=(0.5 + 0.9 * deep) * stroke)
    if m.chin > 0.3:
        chin = bow(m.x - 6, m.x + 6, m.y + 0.6 * m.gap + 10.5, -2.5)
        yield Mark("furrow", chin, closed=False, width=(0.5 + 0.8 * m.chin) * stroke)
