"""What a face is made of before any style: curves with a role, in a picture 100 units wide, y downwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]

Role = Literal[
    "hair_back",
    "ear",
    "head",
    "hair",
    "cheek",
    "furrow",
    "eye",
    "iris",
    "pupil",
    "lid",
    "brow",
    "nose",
    "lips",
    "mouth",
    "teeth",
    "tongue",
    "lip_line",
]


@dataclass(frozen=True)
class Mark:
    """One curve: points [N, 2], closed or open; `width` is of its stroke where it is a line.

    A mark that is `inside` another is only seen within the closed curve that it names.
    """

    role: Role
    points: Points
    closed: bool = True
    width: float = 1.0
    inside: Points | None = None


def curve(*knots: tuple[float, float], samples: int = 8) -> Points:
    """Return a smooth open curve through the knots, [N, 2]: a Catmull-Rom spline, `samples` points a piece."""
    p = np.array(knots, dtype=np.float64)
    padded = np.concatenate([2 * p[:1] - p[1:2], p, 2 * p[-1:] - p[-2:-1]])
    t = np.linspace(0, 1, samples, endpoint=False)[:, None]
    pieces = []
    for a, b, c, d in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
        pieces.append(0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3))
    return np.concatenate([*pieces, p[-1:]])


def ellipse(x: float, y: float, rx: float, ry: float, samples: int = 28) -> Points:
    """Return a closed ellipse, [samples, 2]."""
    angle = np.linspace(0, 2 * np.pi, samples, endpoint=False)
    return np.stack([x + rx * np.cos(angle), y + ry * np.sin(angle)], axis=1)


def bow(x0: float, x1: float, y0: float, bend: float, y1: float | None = None, samples: int = 14) -> Points:
    """Return a parabola from (x0, y0) to (x1, y1), whose middle lies `bend` below the chord; negative is above."""
    t = np.linspace(0, 1, samples)
    end = y0 if y1 is None else y1
    return np.stack([x0 + (x1 - x0) * t, y0 + (end - y0) * t + 4 * bend * t * (1 - t)], axis=1)
