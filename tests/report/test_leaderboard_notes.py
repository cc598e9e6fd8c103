"""What is said of label maps, gaps and options under a leaderboard."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from support.fake_runs import FakeRuns, Score, write_fake_runs

from ucdver.report.footnotes import footnotes
from ucdver.report.leaderboard import Leaderboard, build_leaderboard
from ucdver_emotion.metrics.specs import METRICS as EMOTION_METRICS

Scores = dict[str, list[list[Score]]]


def board_of(runs: FakeRuns, metric: str | None = None) -> Leaderboard:
    return build_leaderboard(runs.store, runs.registry, runs.plan, metric)


def test_the_map_of_each_data_set_is_named_and_its_tasks_where_they_differ(tmp_path: Path) -> None:
    board = board_of(write_fake_runs(tmp_path, {"dann": [[10], [10]]}))
    # Nothing is said where every label was read as it is.
    assert board.labels == {"T1": {"icons": ""}, "T2": {"icons": ""}}
    assert not [line for line in board.footnotes if line.startswith("labels:")]
    both = replace(board, labels={"T1": {"icons": "a_to_b", "photos": ""}, "T2": {"icons": "a_to_b"}})
    assert "labels: icons through a_to_b." in footnotes(both)
    apart = replace(board, labels={"T1": {"icons": "a_to_b", "photos": "c_to_b"}, "T2": {"icons": ""}})
    assert "labels: icons through a_to_b in T1; photos through c_to_b." in footnotes(apart)


def test_the_map_that_is_named_is_that_of_the_runs(tmp_path: Path) -> None:
    runs = write_fake_runs(tmp_path, {"dann": [[10]]})
    key = runs.key("dann", "T1", 0)
    record = runs.store.record(key)
    assert record is not None
    spec = record.spec.model_copy(update={"labels": {"icons": "a_to_b:0123456789ab"}})
    runs.store.write_record(record.model_copy(update={"spec": spec}))
    runs.store.write_predictions(spec.key(), runs.store.predictions(key))
    entry = runs.plan.entries[0].model_copy(update={"key": spec.key()})
    plan = runs.plan.model_copy(update={"entries": (entry,)})
    board = build_leaderboard(runs.store, runs.registry, plan)
    assert board.row("dann")[0].status == "done"
    assert "labels: icons through a_to_b." in board.footnotes


def test_methods_that_lack_the_same_share_a_sentence_and_what_to_type_is_said_once(tmp_path: Path) -> None:
    lacking: Scores = {"a": [["absent: lacks the data set fi"]], "b": [["absent: lacks the data set fi"]]}
    board = board_of(write_fake_runs(tmp_path, lacking))
    assert "a, b are not ranked: T1 missing (lacks the data set fi)." in board.footnotes
    told = footnotes(replace(board, absent={"fi": "data set 'fi' is not on this machine; ucdver data add fi"}))
    assert told[-1] == "data set 'fi' is not on this machine; ucdver data add fi."


def test_options_that_methods_share_are_told_once(tmp_path: Path) -> None:
    runs = write_fake_runs(tmp_path, {"a": [[8, 9]], "b": [[9, 9]], "c": [[7, 9]]})
    methods = {"a": {"hidden": 8}, "b": {"hidden": 8}, "c": {"hidden": 9}}
    plan = runs.plan.model_copy(update={"suite": runs.plan.suite.model_copy(update={"methods": methods})})
    notes = [note for note in build_leaderboard(runs.store, runs.registry, plan).footnotes if "hidden" in note]
    assert sorted(notes) == ["b, a: hidden = 8.", "c: hidden = 9."]


def test_one_run_that_lacks_what_a_metric_reads_takes_no_column_from_the_others(tmp_path: Path) -> None:
    """Runs from before the data set had soft labels: their method is partial, and the rest is ranked."""
    runs = write_fake_runs(tmp_path, {"a": [[8, 9]], "b": [[9, 9]]})
    for entry in runs.plan.entries:
        if (entry.method, entry.seed) != ("b", 1):
            found = runs.store.predictions(entry.key)
            soft = np.full((len(found), 4), 0.25, dtype=np.float32)
            runs.store.write_predictions(entry.key, replace(found, soft=soft))
    metric = next(m for m in EMOTION_METRICS if m.name == "kl_divergence")
    runs.registry.metrics.add(metric.name, metric, "ucdver_emotion")
    board = build_leaderboard(runs.store, runs.registry, runs.plan, "kl_divergence")
    assert board.columns[0].applicable and board.ranks == {"a": 1.0, "b": None}
