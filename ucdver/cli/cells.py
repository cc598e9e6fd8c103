"""Pictures in the terminal: two pixels in each character cell, one as ink and one as paper."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image
from rich.console import Console
from rich.segment import Segment, Segments
from rich.style import Style

_UPPER_HALF = "\u2580"
_BETWEEN = 2


def can_show(console: Console) -> bool:
    """Whether pictures can be told in this terminal: it has colours, more than the sixteen of old."""
    return console.is_terminal and console.color_system in ("256", "truecolor", "windows")


def print_cells(console: Console, pictures: Sequence[tuple[Image.Image, str]], side: int = 20) -> None:
    """Print RGB pictures beside each other, each `side` cells wide, with a line of text below.

    Args:
        console: where to; see `can_show`.
        pictures: each with its caption, which is cut to the picture's width.
        side: width in cells; half as many lines are used, so that a square stays one.
    """
    a_line = max(1, (console.width + _BETWEEN) // (side + _BETWEEN))
    for start in range(0, len(pictures), a_line):
        row = pictures[start : start + a_line]
        small = [picture.resize((side, side), Image.Resampling.BOX) for picture, _ in row]
        segments: list[Segment] = []
        for top in range(0, side, 2):
            for picture in small:
                segments += [_cell(picture, x, top, side) for x in range(side)]
                segments.append(Segment(" " * _BETWEEN))
            segments.append(Segment.line())
        captions = [_cut(text, side).ljust(side) for _, text in row]
        segments += [Segment((" " * _BETWEEN).join(captions).rstrip()), Segment.line()]
        console.print(Segments(segments), end="")


def _cell(picture: Image.Image, x: int, y: int, side: int) -> Segment:
    upper = _hex(picture, x, y)
    lower = _hex(picture, x, min(y + 1, side - 1))
    return Segment(_UPPER_HALF, Style(color=upper, bgcolor=lower))


def _hex(picture: Image.Image, x: int, y: int) -> str:
    pixel = picture.getpixel((x, y))
    assert isinstance(pixel, tuple)
    return "#{:02x}{:02x}{:02x}".format(*(int(value) for value in pixel[:3]))


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"
