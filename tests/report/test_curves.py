from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from support.fake_runs import make_task, write_fake_runs

from ucdver.errors import SpecError
from ucdver.report.board import Leaderboard
from ucdver.report.figures.curves import export, knob_columns
from ucdver.report.leaderboard import build_leaderboard
from ucdver.spec.plugin import DatasetSpec

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
