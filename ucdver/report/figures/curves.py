"""Scores against the levels of a knob: the tasks `NAME_1`, `NAME_2`, … of a suite as one curve a method."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from ucdver.errors import SpecError
from ucdver.report.board import Cell, Column, Leaderboard
from ucdver.report.figures.canvas import COLOURS, MARKERS, new_figure, svg_text, tidy
from ucdver.report.format import method_label, one_line, title

#: The task that is level 0 of every knob which has no level 0 of its own.
BASE = "base"
_LEVEL = re.compile(r"(.+)_(\d+)")


def export(board: Leaderboard) -> str:
    """Return an SVG with one panel a knob, one curve a method; bars are intervals over seeds, where there are any.

    A task called `base` is level 0 of every knob. A score that lacks a seed, or all,
    leaves a gap in its curve.

    Raises:
        SpecError: no two tasks are levels of one knob.
    """
    knobs = knob_columns(board.columns)
    if not knobs:
        raise SpecError(
            f"suite '{board.suite}' has no tasks that are levels of one knob, as noise_1 and noise_2 are",
            "choose another format: 'ucdver list exporters' shows all of them",
        )
    figure = new_figure(0.9 + 3.6 * len(knobs), 4.2)
    figure.suptitle(title(board), fontsize=10)
    panels = figure.subplots(1, len(knobs), sharey=True, squeeze=False)[0]
    for axes, (knob, levels) in zip(panels, knobs.items(), strict=True):
        _panel(axes, board, knob, levels)
    unit = " (%)" if board.metric.percent else ""
    panels[0].set_ylabel(board.metric.name + unit)
    panels[-1].legend(fontsize=8, frameon=False)
    notes = [f"{name}: {one_line(caution)}." for name, caution in board.cautions.items()]
    if notes:
        figure.supxlabel(" ".join(notes), fontsize=8)
    return svg_text(figure)


def knob_columns(columns: Sequence[Column]) -> dict[str, dict[int, Column]]:
    """Return, by knob, the column of each level, rising; a knob of one level is none."""
    found: dict[str, dict[int, Column]] = {}
    base = next((column for column in columns if column.task == BASE), None)
    for column in columns:
        match = _LEVEL.fullmatch(column.task)
        if match:
            # Of a task with several targets the first is shown.
            found.setdefault(match[1], {}).setdefault(int(match[2]), column)
    for levels in found.values():
        if base is not None:
            levels.setdefault(0, base)
    return {knob: dict(sorted(levels.items())) for knob, levels in found.items() if len(levels) > 1}


def _panel(axes: Axes, board: Leaderboard, knob: str, levels: Mapping[int, Column]) -> None:
    factor = 100 if board.metric.percent else 1
    for number, method in enumerate(board.methods):
        cells = {(cell.task, cell.target): cell for cell in board.row(method)}
        shown = [_point(cells[column.task, column.target]) for column in levels.values()]
        middle = [factor * value for value, _ in shown]
        half = [factor * width for _, width in shown]
        colour = "black" if method in board.oracles else COLOURS[number % len(COLOURS)]
        style = ":" if method in board.oracles else "-"
        axes.errorbar(
            list(levels),
            middle,
            yerr=half if any(half) else None,
            label=method_label(board, method),
            color=colour,
            linestyle=style,
            # A step further with each round of colours, so that no two methods are drawn alike.
            marker=MARKERS[(number + number // len(COLOURS)) % len(MARKERS)],
            markersize=5,
            capsize=3,
        )
    if board.metric.name == "accuracy":
        chance = next((column.chance for column in levels.values() if column.chance is not None), None)
        if chance is not None:
            axes.axhline(factor * chance, color="grey", linewidth=0.8, linestyle="--", label="chance")
    axes.set_title(one_line(knob), fontsize=10)
    axes.set_xlabel("level")
    axes.set_xticks(list(levels))
    tidy(axes)


def _point(cell: Cell) -> tuple[float, float]:
    """Return mean and half-width of a cell; NaN where it lacks a seed or all, which draws nothing."""
    if cell.interval is None or cell.status != "done":
        return float("nan"), 0.0
    return cell.interval.mean, cell.interval.half_width or 0.0
