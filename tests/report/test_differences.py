"""How far methods lie from a reference, seed by seed, and what counts as evidence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from support.fake_runs import FakeRuns, Score, make_task, write_fake_runs

from ucdver.errors import SpecError
from ucdver.report.leaderboard import Leaderboard, build_leaderboard
from ucdver.stats.intervals import t_interval

Scores = dict[str, list[list[Score]]]


def board_of(runs: FakeRuns) -> Leaderboard:
    return build_leaderboard(runs.store, runs.registry, runs.plan)


def test_methods_are_compared_with_source_only_seed_by_seed(tmp_path: Path) -> None:
    scores: Scores = {
        "source_only": [[8, 10, 12], [4, 4, 6]],
        "dann": [[10, 12, 14], [6, 6, 9]],
        "gap": [[9, 9, 9], [9, "missing", 9]],
        "same": [[8, 10, 12], [4, 4, 6]],
    }
    board = board_of(write_fake_runs(tmp_path, scores))
    assert board.reference == "source_only"
    assert board.differences["source_only"] is None and board.differences["gap"] is None
    dann, same = board.differences["dann"], board.differences["same"]
    assert dann is not None and same is not None
    # Two images more at every seed, three once: the spread between seeds, which both share, is not in it.
    assert dann.interval.mean == pytest.approx(((0.1 * 3) / 3 + (0.1 + 0.1 + 0.15) / 3) / 2)
    assert dann.interval.half_width is not None and dann.interval.half_width < 0.06
    assert (same.interval.mean, same.p) == (0.0, None)
    (told,) = [note for note in board.footnotes if note.startswith("vs source_only: difference of the averages")]
    assert "paired by seed" in told and "Holm, 1 comparison)" in told
    assert told.endswith("; not tested, as nothing varies over its seeds: same.")


def test_where_nothing_varies_over_the_seeds_nothing_is_told_apart(tmp_path: Path) -> None:
    board = board_of(write_fake_runs(tmp_path, {"source_only": [[8, 8]], "fixed": [[12, 12]]}))
    found = board.differences["fixed"]
    assert found is not None and found.interval.mean == pytest.approx(0.2) and found.p is None
    assert any("nothing varies over the seeds, so it says nothing about chance" in note for note in board.footnotes)


@pytest.mark.parametrize(
    ("base", "own"),
    [([[8, 9, 10]], [[10, 11, 12]]), ([[8, 9, 10], [3, 4, 6]], [[9, 10, 11], [5, 6, 8]]), ([[1, 2]], [[2, 3]])],
)
def test_the_same_gain_at_every_seed_is_no_evidence_however_its_floats_round(
    tmp_path: Path, base: list[list[Score]], own: list[list[Score]]
) -> None:
    board = board_of(write_fake_runs(tmp_path, {"source_only": base, "dann": own}))
    found = board.differences["dann"]
    assert found is not None and found.p is None and found.interval.half_width == 0.0
    assert any("nothing varies over the seeds, so it says nothing about chance" in note for note in board.footnotes)


def test_a_whole_row_with_seeds_beyond_the_suites_is_not_compared_and_that_is_said(tmp_path: Path) -> None:
    runs = write_fake_runs(tmp_path, {"source_only": [[8, 9, 10]], "dann": [[9, 11, "unplanned"]]})
    suite = runs.plan.suite.model_copy(update={"seeds": (0, 1)})
    board = board_of(replace(runs, plan=runs.plan.model_copy(update={"suite": suite})))
    assert board.ranks["dann"] == 1 and board.differences["dann"] is None
    assert "not compared with source_only, which has other seeds: dann." in board.footnotes


def test_another_reference_may_be_chosen_and_must_exist(tmp_path: Path) -> None:
    runs = write_fake_runs(tmp_path, {"a": [[10, 12]], "b": [[8, 9]]})
    assert board_of(runs).reference == "" and not any(board_of(runs).differences.values())
    board = build_leaderboard(runs.store, runs.registry, runs.plan, against="b")
    assert board.differences["a"] is not None and board.differences["a"].interval.mean == pytest.approx(0.125)
    with pytest.raises(SpecError, match="did you mean 'b'"):
        build_leaderboard(runs.store, runs.registry, runs.plan, against="bb")


def test_columns_of_one_run_are_no_independent_evidence(tmp_path: Path) -> None:
    task = make_task("many", ["icons:x", "icons:y"])
    board = board_of(write_fake_runs(tmp_path, {"a": [[10, 12, 15]], "b": [[8, 8, 8]]}, tasks=[task]))
    # Both columns hold the same numbers; seen as two tasks, they would shrink the interval.
    average, alone = board.averages["a"], t_interval([0.5, 0.6, 0.75])
    assert average is not None and (average.mean, average.low) == pytest.approx((alone.mean, alone.low))
