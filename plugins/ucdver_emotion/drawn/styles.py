"""The styles: each turns the marks of a face into an SVG document."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np

from ucdver_emotion.drawn.marks import Mark, Points
from ucdver_emotion.drawn.sampling import Look

Colours = dict[str, str]
Paint = Callable[[Mark, Colours], dict[str, str]]

_INK: Final[str] = "#2b2320"
_FILLED: Final[frozenset[str]] = frozenset(
    {"hair_back", "ear", "head", "hair", "cheek", "eye", "iris", "pupil", "lips", "mouth", "teeth", "tongue"}
)
#: Strokes in pixel art are a pixel of its coarse grid at least, or brows and mouth are lost.
PIXEL_GRID: Final[int] = 32
_CHALKS: Final[tuple[str, ...]] = ("#f4f2ea", "#f6e9a8", "#bfe3f2", "#f5c4c9", "#cdeec2")
_BOARDS: Final[tuple[str, ...]] = ("#23332d", "#2b2f33", "#1f2d3a")


def svg(marks: list[Mark], look: Look, style: str, size: int) -> str:
    """Return the face as an SVG document of `size` pixels square, with nothing that loads or hangs on fonts."""
    body = "".join(_STYLES[style](marks, look))
    turn = (
        f"translate({50 + look.shift_x:.2f} {52 + look.shift_y:.2f}) rotate({look.tilt:.2f}) "
        f"scale({look.scale * 0.94:.3f}) translate(-50 -50)"
    )
    crisp = ' shape-rendering="crispEdges"' if style == "pixel" else ""
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100" width="{size}" height="{size}"{crisp}>'
    paper = f'<rect width="100" height="100" fill="{_paper(look, style)}"/>'
    group = f'<g transform="{turn}" stroke-linecap="round" stroke-linejoin="round">{body}</g>'
    return f"{head}{_definitions(look, style)}{paper}{group}</svg>"


def _paper(look: Look, style: str) -> str:
    if style == "outline":
        return "#ffffff"
    if style == "chalk":
        return _BOARDS[look.hand % len(_BOARDS)]
    return shade(look.paper, 0.9) if style == "shaded" else look.paper


def _path(points: Points, closed: bool) -> str:
    # One formatting of all numbers: a join over points takes twice as long as the rest of a drawing.
    text = ("%.1f %.1f " * len(points)) % tuple(points.ravel().tolist())
    return f"M{text}Z" if closed else f"M{text}"


def _drawn(marks: list[Mark], look: Look, paint: Paint) -> Iterator[str]:
    """Yield an SVG element a mark, clipped where the mark is inside another."""
    colours = _colours(look)
    for number, mark in enumerate(marks):
        looks = paint(mark, colours)
        if not looks:
            continue
        attributes = "".join(f' {name}="{value}"' for name, value in looks.items())
        element = f'<path d="{_path(mark.points, mark.closed)}"{attributes}/>'
        if mark.inside is not None:
            yield f'<clipPath id="c{number}"><path d="{_path(mark.inside, True)}"/></clipPath>'
            element = f'<g clip-path="url(#c{number})">{element}</g>'
        yield element


def shade(colour: str, factor: float) -> str:
    """Return a colour (`#rrggbb`) mixed with black for a factor below 1, and with white above: 1.2 is a fifth white."""
    share = min(abs(factor - 1), 1.0)
    goal = 255 if factor > 1 else 0
    parts = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return "#" + "".join(f"{round(part + (goal - part) * share):02x}" for part in parts)


def _dark(colour: str) -> bool:
    return sum(int(colour[i : i + 2], 16) for i in (1, 3, 5)) < 360


def _colours(look: Look) -> Colours:
    """Return the fill, or for a line the stroke, of each role in full colour."""
    skin = look.skin
    return {
        "hair_back": shade(look.hair, 0.85),
        "ear": shade(skin, 0.93),
        "head": skin,
        "hair": look.hair,
        "cheek": shade(skin, 0.9) if _dark(skin) else "#ef9a8d",
        "furrow": shade(skin, 0.55 if not _dark(skin) else 0.45),
        "eye": "#ffffff",
        "iris": look.iris,
        "pupil": "#111111",
        "lid": shade(skin, 0.3),
        "brow": shade(look.hair, 0.7) if _dark(look.hair) else shade(look.hair, 0.5),
        "nose": shade(skin, 0.6),
        "lips": "#c4645f" if not _dark(skin) else "#93423f",
        "mouth": "#4a1518",
        "teeth": "#fdfdf8",
        "tongue": "#d9666b",
        "lip_line": shade(skin, 0.3),
    }


def _flat_paint(mark: Mark, colours: Colours) -> dict[str, str]:
    colour = colours[mark.role]
    if mark.role in _FILLED:
        return {"fill": colour, "fill-opacity": "0.5"} if mark.role == "cheek" else {"fill": colour}
    return {"fill": "none", "stroke": colour, "stroke-width": f"{mark.width * 1.25:.2f}"}


def _outline_paint(mark: Mark, colours: Colours) -> dict[str, str]:
    if mark.role in ("iris", "cheek", "tongue"):
        return {}
    if mark.role == "lips":
        return {"fill": "none", "stroke": _INK, "stroke-width": "0.8"}
    fill = {"pupil": _INK, "mouth": _INK, "teeth": "#ffffff", "hair_back": "none"}.get(mark.role, "#ffffff")
    width = 1.3 * mark.width
    return {"fill": fill if mark.role in _FILLED else "none", "stroke": _INK, "stroke-width": f"{width:.2f}"}


def _pixel_paint(mark: Mark, colours: Colours) -> dict[str, str]:
    # A wrinkle is finer than the grid, and so is the lower lid (thinner than the upper).
    if mark.role in ("furrow", "iris") or (mark.role == "lid" and mark.width < 1.3):
        return {}
    looks = _flat_paint(mark, colours)
    if mark.role == "pupil":
        # Wide enough to hit the middle of a pixel wherever it lies.
        return {**looks, "stroke": looks["fill"], "stroke-width": "1.2"}
    if "stroke" in looks:
        looks["stroke-width"] = f"{max(3.0, 1.5 * mark.width):.2f}"
    return looks


def _shaded_paint(mark: Mark, colours: Colours) -> dict[str, str]:
    looks = _flat_paint(mark, colours)
    gradients = {"head": "skin", "hair": "hair", "ear": "skin", "lips": "lips", "eye": "white", "cheek": "cheek"}
    if mark.role in gradients:
        looks = {"fill": f"url(#{gradients[mark.role]})"}
    elif mark.role in ("furrow", "nose"):
        looks["stroke-opacity"] = "0.6"
        looks["stroke-width"] = f"{mark.width * 1.7:.2f}"
    return looks


def _definitions(look: Look, style: str) -> str:
    if style != "shaded":
        return ""

    def radial(name: str, inner: str, outer: str) -> str:
        stops = f'<stop offset="0.35" stop-color="{inner}"/><stop offset="1" stop-color="{outer}"/>'
        return f'<radialGradient id="{name}" cx="0.38" cy="0.3" r="0.85">{stops}</radialGradient>'

    skin, colours = look.skin, _colours(look)
    blush = f'stop-color="{colours["cheek"]}"'
    cheek = (
        f'<radialGradient id="cheek"><stop offset="0" {blush}/>'
        f'<stop offset="1" {blush} stop-opacity="0"/></radialGradient>'
    )
    return (
        "<defs>"
        + radial("skin", shade(skin, 1.08), shade(skin, 0.62))
        + radial("hair", shade(look.hair, 1.5), shade(look.hair, 0.6))
        + radial("lips", shade(colours["lips"], 1.15), shade(colours["lips"], 0.75))
        + radial("white", "#ffffff", "#c9ccd6")
        + cheek
        + "</defs>"
    )


def _chalk(marks: list[Mark], look: Look) -> Iterator[str]:
    """Yield two or three wavering strokes a line, in broken chalk; nothing is filled but pupils and mouth, thinly."""
    rng = np.random.Generator(np.random.Philox(look.hand))
    colour = _CHALKS[look.hand % len(_CHALKS)]
    for mark in marks:
        if mark.role in ("iris", "cheek", "tongue", "lips"):
            continue
        if mark.role in ("pupil", "hair", "teeth"):
            cover = 0.25 if mark.role == "hair" else 0.85
            yield f'<path d="{_path(mark.points, True)}" fill="{colour}" fill-opacity="{cover}"/>'
        # Every second point: the hand that holds chalk is not exact, and half the points are drawn twice as fast.
        line = mark.points[::2] if len(mark.points) > 12 else mark.points
        for _ in range(2):
            wave = rng.normal(0, 0.35, line.shape)
            dash = f"{rng.uniform(5, 9):.1f} {rng.uniform(0.3, 0.9):.1f}"
            yield (
                f'<path d="{_path(line + wave, mark.closed)}" fill="none" stroke="{colour}" '
                f'stroke-width="{0.95 * mark.width + 0.25:.2f}" stroke-opacity="0.62" stroke-dasharray="{dash}"/>'
            )


_STYLES: Final[dict[str, Callable[[list[Mark], Look], Iterator[str]]]] = {
    "flat": lambda marks, look: _drawn(marks, look, _flat_paint),
    "outline": lambda marks, look: _drawn(marks, look, _outline_paint),
    "pixel": lambda marks, look: _drawn(marks, look, _pixel_paint),
    "shaded": lambda marks, look: _drawn(marks, look, _shaded_paint),
    "chalk": _chalk,
}
