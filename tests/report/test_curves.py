from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from support.fake_runs import make_task, write_fake_runs

from ucdver.errors import SpecError
from ucdver.evaluate.gap import Gap
from ucdver.report.board import Leaderboard
from ucdver.report.figures.canvas import COLOURS, write_png
from ucdver.report.figures.curves import export, knob_columns
from ucdver.report.figures.gap import gap_figure
from ucdver.report.leaderboard import build_leaderboard
from ucdver.spec.plugin import DatasetSpec
from ucdver.stats.gap.mmd import Discrepancy
from ucdver.stats.gap.priors import Distance, PriorShift
from ucdver.stats.gap.scatter import ScatterRatio
from ucdver.stats.intervals import t_interval

TASKS = [make_task(name) for name in ("base", "noise_1", "noise_2", "shift_3", "alone")]
CAUTION = "drawn, a study"


@pytest.fixture
def board(tmp_path: Path) -> Leaderboard:
    scores = {
        "a": [[18, 17], [15, 15], [9, 11], [12, 12], [3, 3]],
        "b": [[18, 18], [10, 12], ["failed"], [9, 9], [2, 2]],
    }
    runs = write_fake_runs(tmp_path, scores, tasks=TASKS, oracles=["b"])
    spec = DatasetSpec(
        name="icons",
        version="1",
        reader="a:b",
        domains=("source",),
        label_spaces=("four",),
        summary="",
        licence="",
        obtain="",
        caution=CAUTION,
    )
    runs.registry.datasets.add("icons", spec, "tests")
    return build_leaderboard(runs.store, runs.registry, runs.plan)


def test_the_levels_of_a_knob_begin_at_the_base(board: Leaderboard) -> None:
    found = knob_columns(board.columns)
    assert {knob: {level: c.task for level, c in levels.items()} for knob, levels in found.items()} == {
        "noise": {0: "base", 1: "noise_1", 2: "noise_2"},
        "shift": {0: "base", 3: "shift_3"},
    }


def test_the_figure_is_an_svg_that_is_the_same_twice_and_keeps_its_gaps(board: Leaderboard) -> None:
    text = export(board)
    assert text == export(board)
    root = ElementTree.fromstring(text)
    assert root.tag.endswith("svg")
    assert len([e for e in root.iter() if str(e.get("id", "")).startswith("axes_")]) == 2
    # A failed level is a gap in its curve, and never a 0.
    (failed,) = [cell for cell in board.cells if (cell.method, cell.task) == ("b", "noise_2")]
    assert failed.interval is None


def test_a_suite_without_levels_is_refused(board: Leaderboard) -> None:
    with pytest.raises(SpecError, match="no tasks that are levels of one knob"):
        export(replace(board, columns=tuple(c for c in board.columns if c.task in ("base", "alone"))))


def test_a_caution_stands_under_the_table(board: Leaderboard) -> None:
    assert f"icons: {CAUTION}." in board.footnotes


@pytest.mark.parametrize("changed", [{"title": "from $5_{ to $6\n"}, {"cautions": {"icons": "$\\frac{$"}}])
def test_text_of_others_is_no_formula(board: Leaderboard, changed: dict[str, Any]) -> None:
    assert ElementTree.fromstring(export(replace(board, **changed))).tag.endswith("svg")


def test_no_two_of_many_curves_are_drawn_alike(tmp_path: Path) -> None:
    scores = {f"m{number}": [[number + 1], [number]] for number in range(9)}
    runs = write_fake_runs(tmp_path, scores, tasks=[make_task("noise_1"), make_task("noise_2")])
    root = ElementTree.fromstring(export(build_leaderboard(runs.store, runs.registry, runs.plan)))
    uses = [(e.get("{http://www.w3.org/1999/xlink}href"), e.get("style") or "") for e in root.iter() if "use" in e.tag]
    drawn = {(href, style) for href, style in uses if any(colour in style for colour in COLOURS)}
    assert len(drawn) == 9


def test_a_gap_is_drawn_whatever_its_classes_are_called(tmp_path: Path) -> None:
    distance = Distance(0.1, 0.0, 0.2)
    gap = Gap(
        source="d:a",
        target="d:$b_{",
        source_counts=(3, 1),
        target_counts=(2, 2),
        measured_on=(4, 4),
        a_distance=t_interval([1.0, 1.2]),
        mmd=Discrepancy(0.1, 0.0, 0.2, 0.5, 1.0),
        priors=PriorShift(distance, distance, 0.5),
        scatter=ScatterRatio(distance, distance, distance),
    )
    path = tmp_path / "gap.png"
    write_png(gap_figure("a $_{ title", ["$_{\n", "joy$$^"], [gap]), path)
    assert path.read_bytes().startswith(b"\x89PNG")
