"""The figure of `ucdver data gap`: what separates each target of a task from its sources."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ucdver.evaluate.gap import Gap
from ucdver.report.figures.canvas import COLOURS, new_figure, tidy
from ucdver.report.format import one_line


def gap_figure(title: str, classes: Sequence[str], gaps: Sequence[Gap]) -> Figure:
    """Return four panels: A-distance, discrepancy, class priors and within-class scatter, a mark a target."""
    figure = new_figure(11.0, 6.4)
    figure.suptitle(one_line(title), fontsize=11)
    panels = figure.subplots(2, 2)
    names = [gap.target for gap in gaps]
    distances = [(g.a_distance.mean, g.a_distance.low or 0.0, g.a_distance.high or 0.0) for g in gaps]
    _intervals(panels[0, 0], names, distances, "proxy A-distance (0: the same, 2: told apart)")
    _intervals(panels[0, 1], names, [(g.mmd.value, g.mmd.low, g.mmd.high) for g in gaps], "squared MMD (0: the same)")
    _priors(panels[1, 0], classes, gaps)
    _scatter(panels[1, 1], gaps)
    return figure


def _intervals(axes: Axes, names: Sequence[str], values: Sequence[tuple[float, float, float]], label: str) -> None:
    places = np.arange(len(names))
    middle, low, high = (np.array(part) for part in zip(*values, strict=True))
    # A percentile interval need not hold the value that it belongs to.
    below, above = np.maximum(middle - low, 0), np.maximum(high - middle, 0)
    axes.errorbar(places, middle, yerr=[below, above], fmt="o", capsize=5, color=COLOURS[0])
    axes.axhline(0, color="black", linewidth=0.8)
    axes.set_xticks(places, names)
    axes.set_xlim(-0.6, len(names) - 0.4)
    axes.set_title(label, fontsize=10)
    tidy(axes)


def _priors(axes: Axes, classes: Sequence[str], gaps: Sequence[Gap]) -> None:
    bars = [("source", gaps[0].source_counts), *((gap.target, gap.target_counts) for gap in gaps)]
    width = 0.8 / len(bars)
    for number, (name, counts) in enumerate(bars):
        places = np.arange(len(classes)) + (number - (len(bars) - 1) / 2) * width
        shares = np.array(counts) / sum(counts)
        axes.bar(places, shares, width, label=name, color="#999999" if number == 0 else COLOURS[(number - 1) % 7])
    names = [one_line(name) for name in classes]
    axes.set_xticks(np.arange(len(names)), names, rotation=30 if len(names) > 5 else 0, ha="right")
    axes.set_title("class priors (share of images)", fontsize=10)
    axes.legend(fontsize=8, frameon=False)
    tidy(axes)


def _scatter(axes: Axes, gaps: Sequence[Gap]) -> None:
    sides = [("source", gaps[0].scatter.source), *((gap.target, gap.scatter.target) for gap in gaps)]
    values = [(share.value, share.low, share.high) for _, share in sides]
    _intervals(axes, [name for name, _ in sides], values, "within-class scatter, share of the total")
    axes.axhline(1, color="black", linewidth=0.8, linestyle=":")
