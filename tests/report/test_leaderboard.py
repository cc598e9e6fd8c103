"""The leaderboard of runs folders whose scores are known, damaged or absent."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from support.fake_runs import IMAGES, FakeRuns, Score, make_predictions, make_task, write_fake_runs

from ucdver.errors import PluginError, SpecError
from ucdver.evaluate.predictions import Predictions
from ucdver.report.leaderboard import Cell, Leaderboard, build_leaderboard
from ucdver.spec.plugin import MethodSpec, MetricSpec
from ucdver.stats.intervals import sum_interval, t_interval

Scores = dict[str, list[list[Score]]]


def board_of(runs: FakeRuns, metric: str | None = None) -> Leaderboard:
    return build_leaderboard(runs.store, runs.registry, runs.plan, metric)


def cell_of(board: Leaderboard, method: str, task: str, target: str = "") -> Cell:
    found = [c for c in board.row(method) if c.task == task and target in ("", c.target)]
    assert len(found) == 1
    return found[0]


def test_cells_are_intervals_over_seeds_of_the_target_test(tmp_path: Path) -> None:
    board = board_of(write_fake_runs(tmp_path, {"dann": [[10, 12, 14]], "cdan": [[8, 8, 8]]}))
    assert cell_of(board, "dann", "T1").interval == t_interval([0.5, 0.6, 0.7])
    assert cell_of(board, "cdan", "T1").interval == t_interval([0.4, 0.4, 0.4])
    assert [(c.status, c.n_seeds, c.expected_seeds, c.reason) for c in board.cells] == [("done", 3, 3, "")] * 2
    column = board.columns[0]
    assert (column.images, column.classes, column.chance, column.majority) == (20, 4, 0.25, 0.4)


def test_ranks_and_averages_go_over_all_columns(tmp_path: Path) -> None:
    scores: Scores = {"a": [[10, 12], [4, 6]], "b": [[11, 11], [7, 7]], "c": [[2, 2], [7, 7]]}
    board = board_of(write_fake_runs(tmp_path, scores))
    assert board.methods == ("b", "a", "c")
    assert board.ranks == {"b": 1.5, "a": 2.25, "c": 2.25}
    assert [cell.rank for cell in board.row("a")] == [1.5, 3.0]
    average = board.averages["a"]
    assert average is not None and average.n == 2
    # The two tasks are trained apart, so their spreads add up as those of independent numbers do.
    assert average == sum_interval([[0.25, 0.3], [0.1, 0.15]])


def test_a_metric_where_less_is_better_ranks_the_other_way(tmp_path: Path) -> None:
    runs = write_fake_runs(tmp_path, {"a": [[4, 4]], "b": [[16, 16]]})
    assert board_of(runs).methods == ("b", "a")
    assert board_of(runs, "nll").methods == ("b", "a")
    ece = board_of(runs, "ece")
    best = min(("a", "b"), key=lambda m: ece.averages[m].mean)  # type: ignore[union-attr]
    assert ece.methods[0] == best


@pytest.mark.parametrize(
    ("column", "status", "reason"),
    [
        (["failed: out of memory"] * 2, "failed", "out of memory"),
        (["missing", "missing"], "missing", "not run yet"),
        (["absent: emoset is not here"] * 2, "missing", "emoset is not here"),
        (["n/a: undefined for uc"] * 2, "not_applicable", "undefined for uc"),
        (["unplanned", "unplanned"], "missing", "not in the plan"),
        (["missing", "failed: NaN"], "failed", "seed 0 missing: not run yet; seed 1 failed: NaN"),
    ],
)
def test_a_cell_without_a_result_says_why_and_takes_its_row_out(
    tmp_path: Path, column: list[Score], status: str, reason: str
) -> None:
    runs = write_fake_runs(tmp_path, {"whole": [[9, 9], [9, 9]], "gap": [[19, 19], column], "low": [[1, 1], [1, 1]]})
    board = board_of(runs)
    cell = cell_of(board, "gap", "T2")
    assert (cell.status, cell.reason, cell.interval, cell.n_seeds) == (status, reason, None, 0)
    assert cell.expected_seeds == 2
    assert board.ranks == {"whole": 1.0, "low": 2.0, "gap": None}
    assert board.averages["gap"] is None
    assert [c.rank for c in board.row("gap")] == [None, None]
    assert board.methods == ("whole", "low", "gap")
    assert any(note.startswith("gap is not ranked: T2") and reason in note for note in board.footnotes)


def test_a_cell_with_fewer_seeds_is_shown_but_not_ranked(tmp_path: Path) -> None:
    board = board_of(write_fake_runs(tmp_path, {"a": [[9, 9, 9]], "b": [[18, "failed: NaN", 18]]}))
    cell = cell_of(board, "b", "T1")
    assert (cell.status, cell.n_seeds, cell.expected_seeds) == ("partial", 2, 3)
    assert cell.interval is not None and cell.interval.mean == 0.9
    assert board.ranks == {"a": 1.0, "b": None} and board.averages["b"] is None
    assert "b is not ranked: T1 has 2 of 3 seeds (seed 1 failed: NaN)." in board.footnotes


def test_a_seed_that_others_have_and_no_plan_holds_is_missing(tmp_path: Path) -> None:
    tried: list[list[Score]] = [[18, "unplanned", "unplanned"]]
    undefined: list[list[Score]] = [["n/a: no", "unplanned", "unplanned"]]
    board = board_of(write_fake_runs(tmp_path, {"a": [[9, 9, 9]], "mine": tried, "shot": undefined}))
    cell = cell_of(board, "mine", "T1")
    assert (cell.status, cell.n_seeds, cell.expected_seeds, cell.rank) == ("partial", 1, 3, None)
    assert board.ranks == {"a": 1.0, "mine": None, "shot": None}
    assert "mine is not ranked: T1 has 1 of 3 seeds (seeds 1, 2 missing: not in the plan)." in board.footnotes
    # What is not defined at one seed is so at every other, planned or not.
    assert (cell_of(board, "shot", "T1").status, cell_of(board, "shot", "T1").reason) == ("not_applicable", "no")


def test_a_suite_run_with_one_seed_lacks_none(tmp_path: Path) -> None:
    board = board_of(write_fake_runs(tmp_path, {"a": [[9]], "b": [[8]]}))
    assert board.ranks == {"a": 1.0, "b": 2.0}
    assert {(c.status, c.n_seeds, c.expected_seeds) for c in board.cells} == {("done", 1, 1)}


def test_what_a_method_wants_said_stands_under_the_table_once(tmp_path: Path) -> None:
    runs = write_fake_runs(tmp_path, {"plain": [[9]], "one": [[8]], "two": [[7]]})
    for name, note in (("plain", ""), ("one", "trained on\nother pictures."), ("two", "trained on other pictures")):
        spec = MethodSpec(name=name, version="1", target="a:B", settings=("uda",), summary="none", note=note)
        runs.registry.methods.add(name, spec, "tests")
    notes = [note for note in board_of(runs).footnotes if "other pictures" in note]
    assert notes == ["one, two: trained on other pictures."]


def test_oracles_come_last_and_are_never_ranked(tmp_path: Path) -> None:
    scores: Scores = {"target_only": [[20, 20]], "weak": [[1, 1]], "gap": [["missing", "missing"]]}
    board = board_of(write_fake_runs(tmp_path, scores, oracles=["target_only"]))
    assert board.methods == ("weak", "gap", "target_only") and board.oracles == ("target_only",)
    assert board.ranks == {"weak": 1.0, "gap": None, "target_only": None}
    assert cell_of(board, "target_only", "T1").rank is None
    assert board.averages["target_only"] == t_interval([1.0, 1.0])


def test_an_oracle_known_to_the_registry_needs_no_mark_in_the_plan(tmp_path: Path) -> None:
    runs = write_fake_runs(tmp_path, {"upper": [[20]], "a": [[3]]})
    spec = MethodSpec(name="upper", version="1", target="a:b", settings=("uda",), summary="", oracle=True)
    runs.registry.methods.add("upper", spec, "tests")
    assert board_of(runs).ranks == {"a": 1.0, "upper": None}


def test_damaged_files_fail_their_cell_and_no_other(tmp_path: Path) -> None:
    scores: Scores = {"a": [["damaged"], [9]], "b": [[8], [8]], "c": [[7], [7]], "d": [[6], [6]]}
    runs = write_fake_runs(tmp_path, scores)
    (runs.store.folder(runs.key("c", "T2", 0)) / "record.json").write_text('{"status": "done"')
    (runs.store.folder(runs.key("d", "T1", 0)) / "predictions.parquet").unlink()
    board = board_of(runs)
    for method, task in (("a", "T1"), ("c", "T2"), ("d", "T1")):
        cell = cell_of(board, method, task)
        assert (cell.status, cell.interval) == ("failed", None)
        assert "predictions.parquet" in cell.reason or "record.json is damaged" in cell.reason
        assert str(tmp_path) not in cell.reason
    assert board.ranks == {"b": 1.0, "a": None, "c": None, "d": None}
    assert cell_of(board, "a", "T2").interval == t_interval([9 / 20])


def test_a_folder_that_was_copied_gives_the_same_board(tmp_path: Path) -> None:
    runs = write_fake_runs(tmp_path / "here", {"a": [[10, 12]], "b": [["damaged", 3]]})
    shutil.copytree(tmp_path / "here", tmp_path / "there")
    copy = type(runs.store)(tmp_path / "there")
    assert build_leaderboard(copy, runs.registry, copy.plan()) == board_of(runs)


def test_logits_that_are_not_finite_fail_their_cell(tmp_path: Path) -> None:
    runs = write_fake_runs(tmp_path, {"a": [[10]], "b": [[8]]})
    good = make_predictions(10, ["icons:T1"])
    logits = good.logits.copy()
    logits[IMAGES, 0] = np.nan
    bad = Predictions(good.ids, good.splits, good.domains, good.labels, logits)
    runs.store.write_predictions(runs.key("a", "T1", 0), bad)
    cell = cell_of(board_of(runs), "a", "T1")
    assert cell.status == "failed" and "not finite" in cell.reason


def test_a_run_tested_on_other_labels_does_not_count(tmp_path: Path) -> None:
    runs = write_fake_runs(tmp_path, {"a": [[10, 10]], "b": [[8, 8]]})
    good = make_predictions(10, ["icons:T1"])
    labels = good.labels.copy()
    labels[IMAGES] = 3
    runs.store.write_predictions(
        runs.key("a", "T1", 1), Predictions(good.ids, good.splits, good.domains, labels, good.logits)
    )
    cell = cell_of(board_of(runs), "a", "T1")
    assert (cell.status, cell.n_seeds) == ("partial", 1) and "other images or labels" in cell.reason


def test_predictions_without_the_target_fail_that_column_only(tmp_path: Path) -> None:
    task = make_task("many", ["icons:x", "icons:y"])
    runs = write_fake_runs(tmp_path, {"a": [[10]], "b": [[8]]}, tasks=[task])
    runs.store.write_predictions(runs.key("a", "many", 0), make_predictions(10, ["icons:x"]))
    board = board_of(runs)
    assert cell_of(board, "a", "many", "icons:x").status == "done"
    assert cell_of(board, "a", "many", "icons:y").reason == "its predictions hold no test image of icons:y"


def test_a_task_with_several_targets_gives_several_ranked_columns(tmp_path: Path) -> None:
    tasks = [make_task("many", ["icons:x", "icons:y"]), make_task("one")]
    board = board_of(write_fake_runs(tmp_path, {"a": [[10], [2]], "b": [[8], [4]]}, tasks=tasks))
    assert [(c.task, c.target) for c in board.columns] == [
        ("many", "icons:x"),
        ("many", "icons:y"),
        ("one", "icons:one"),
    ]
    assert board.ranks["a"] == pytest.approx((1 + 1 + 2) / 3)
    average = board.averages["a"]
    assert average is not None and average.mean == pytest.approx((0.5 + 0.5 + 0.1) / 3)


def polar(runs: FakeRuns) -> None:
    target = "ucdver.evaluate.metrics:accuracy"
    spec = MetricSpec(name="polar", target=target, higher_is_better=True, summary="", needs="polarity")
    runs.registry.metrics.add("polar", spec, "tests")


def test_a_column_where_the_metric_is_undefined_is_left_out_for_all(tmp_path: Path) -> None:
    tasks = [make_task("T1"), make_task("T2", space="plain")]
    runs = write_fake_runs(tmp_path, {"a": [[10], [1]], "b": [[8], [9]]}, tasks=tasks)
    polar(runs)
    board = board_of(runs, "polar")
    assert cell_of(board, "a", "T2").status == "not_applicable"
    assert "declares no polarity" in cell_of(board, "a", "T2").reason
    assert board.ranks == {"a": 1.0, "b": 2.0}
    assert board.averages["a"] == t_interval([0.5])
    assert [cell.rank for cell in board.row("a")] == [1.0, None]


def test_without_the_plugin_of_the_label_space_plain_metrics_still_work(tmp_path: Path) -> None:
    runs = write_fake_runs(tmp_path, {"a": [[10]]}, tasks=[make_task("T1", space="plain")])
    bare = type(runs.registry)()
    for metric in runs.registry.metrics:
        bare.metrics.add(metric.name, metric, "ucdver")
    alone = FakeRuns(runs.store, runs.plan, bare)
    assert board_of(alone).cells == board_of(runs).cells
    polar(alone)
    with pytest.raises(PluginError, match="no label space 'plain'"):
        board_of(alone, "polar")


def test_what_does_not_exist_is_named(tmp_path: Path) -> None:
    runs = write_fake_runs(tmp_path, {"a": [[10]]})
    with pytest.raises(PluginError, match="did you mean 'accuracy'"):
        board_of(runs, "accurracy")
    with pytest.raises(SpecError, match=r"no selection rule 'oracle'; write last"):
        build_leaderboard(runs.store, runs.registry, runs.plan, selection="oracle")


def test_a_plan_that_contradicts_its_suite_is_refused(tmp_path: Path) -> None:
    runs = write_fake_runs(tmp_path, {"a": [[10]]})
    for change in ({"task": "T9"}, {"method": "zzz"}, {"status": "done"}):
        entry = runs.plan.entries[0].model_copy(update=change)
        plan = runs.plan.model_copy(update={"entries": (entry,)})
        with pytest.raises(SpecError):
            build_leaderboard(runs.store, runs.registry, plan)


def test_an_empty_runs_folder_is_a_table_of_gaps(tmp_path: Path) -> None:
    board = board_of(write_fake_runs(tmp_path, {"a": [["missing"]], "b": [["missing"]]}))
    assert {cell.status for cell in board.cells} == {"missing"}
    assert board.ranks == {"a": None, "b": None}
    assert board.columns[0].images is None and board.columns[0].chance == 0.25
    assert "checkpoint: last; no run has finished." in board.footnotes
