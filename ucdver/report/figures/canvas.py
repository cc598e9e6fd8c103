"""Figures as files and as text, the same bytes for the same numbers on the same version of matplotlib."""

from __future__ import annotations

import io
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.text import Text

from ucdver.errors import SpecError
from ucdver.files import atomic_path

#: Okabe & Ito, Color universal design, 2008: told apart by colour-blind readers too. Black is for the oracle.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#f0e442")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure, sizes in inches, whose parts are laid out so that nothing overlaps."""
    return Figure(figsize=(width, height), layout="constrained")


def tidy(axes: Axes) -> None:
    """Take away the two spines that say nothing, and lay a faint grid behind the data."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", alpha=0.3, linewidth=0.6)
    axes.set_axisbelow(True)


def check_png(path: Path) -> None:
    """Refuse a path that does not end in .png, before any work is done for it."""
    if path.suffix.lower() != ".png":
        raise SpecError(f"the figure is a PNG, and '{path}' is not called so", "write -o FILE.png")


def write_png(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, atomically, 150 dots an inch."""
    check_png(path)
    FigureCanvasAgg(figure)
    _take_literally(figure)
    with atomic_path(path) as temporary:
        # The version of matplotlib is left out of the file: it is no part of what is shown.
        figure.savefig(temporary, format="png", dpi=150, metadata={"Software": None})


def svg_text(figure: Figure) -> str:
    """Return a figure as an SVG document without date and with names that depend on its content alone."""
    FigureCanvasSVG(figure)
    _take_literally(figure)
    text = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": "ucdver", "svg.fonttype": "path"}):
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    return text.getvalue()


def _take_literally(figure: Figure) -> None:
    # Titles and names are other people's: to matplotlib a $ begins a formula, and half of one ends in an error.
    for text in figure.findobj(Text):
        assert isinstance(text, Text)
        text.set_parse_math(False)
