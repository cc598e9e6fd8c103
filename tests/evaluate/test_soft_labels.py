"""Soft labels on their way from the manifest to a table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from support import tiny_images
from support.fake_runs import make_predictions, write_fake_runs

from ucdver.data.labels import soft_labels
from ucdver.evaluate.predictions import read_predictions, write_predictions
from ucdver.evaluate.target_labels import open_target_soft_labels
from ucdver.report.leaderboard import build_leaderboard
from ucdver.spec.plugin import MetricSpec
from ucdver.spec.task import Task


def rows_with_votes() -> list[tiny_images.Row]:
    votes = {"tiny3": {"red": 0.5, "green": 0.25, "blue": 0.25}}
    return [replace(row, soft=votes) if row.id == "noisy/001" else row for row in tiny_images.rows()]


def with_votes(root: Path) -> list[tiny_images.Row]:
    """The reader of a data set with one soft label."""
    assert root.is_dir()
    return rows_with_votes()


def test_votes_are_opened_for_target_images_alone(tmp_path: Path) -> None:
    spec = tiny_images.spec(reader=f"{__name__}:with_votes")
    catalog = tiny_images.catalog(tmp_path, rows_with_votes(), tiny_images.registry(spec))
    run = tiny_images.run_spec(catalog)
    found = open_target_soft_labels(run, catalog, catalog.registry)
    assert {name: votes.tolist() for name, votes in found.items()} == {"tiny/noisy/001": [0.5, 0.25, 0.25]}
    other = tiny_images.run_spec(catalog, sources=("tiny:noisy",), targets=("tiny:plain",))
    assert open_target_soft_labels(other, catalog, catalog.registry) == {}


def test_through_a_map_shares_are_added_and_what_is_dropped_is_left_out() -> None:
    registry = tiny_images.registry()
    task = Task.model_validate(
        {"id": "t", "sources": ["tiny:plain"], "targets": ["tiny:noisy"], "label_space": "tiny2"}
    )
    row = tiny_images.rows()[0]
    given = [
        replace(row, soft={"tiny3": {"red": 0.5, "green": 0.25, "blue": 0.25}}),
        replace(row, soft={"tiny3": {"green": 1.0}}),
        row,
    ]
    found = soft_labels(given, "tiny", task, registry)
    assert found[0] == pytest.approx([2 / 3, 1 / 3])
    assert np.isnan(found[1:]).all()


def test_predictions_keep_soft_labels_and_without_any_the_file_has_no_such_column(tmp_path: Path) -> None:
    plain = make_predictions(5, ["icons:T1"])
    write_predictions(plain, tmp_path / "p.parquet")
    assert "soft" not in pq.read_schema(tmp_path / "p.parquet").names
    soft = np.full((len(plain), 4), np.nan, dtype=np.float32)
    soft[25] = [0.1, 0.2, 0.3, 0.4]
    write_predictions(replace(plain, soft=soft), tmp_path / "p.parquet")
    read = read_predictions(tmp_path / "p.parquet")
    assert read.soft is not None
    assert np.array_equal(read.soft, soft, equal_nan=True)
    chosen = read.select("target_test", "icons:T1").soft
    assert chosen is not None
    assert chosen[5] == pytest.approx([0.1, 0.2, 0.3, 0.4])


def overlap(soft: np.ndarray, probabilities: np.ndarray, space: object) -> float:
    assert soft.shape == probabilities.shape
    return float(np.minimum(soft, probabilities).sum(axis=1).mean())


def nowhere(*_: object) -> float:
    return float("nan")


def test_a_column_without_soft_labels_is_not_applicable_and_left_out_of_the_ranking(tmp_path: Path) -> None:
    runs = write_fake_runs(tmp_path, {"a": [[10, 12], [9, 9]], "b": [[8, 8], [11, 11]]})
    spec = MetricSpec(name="overlap", target=f"{__name__}:overlap", higher_is_better=True, summary="", needs="soft")
    runs.registry.metrics.add("overlap", spec, "tests")
    for method in ("a", "b"):
        for seed in (0, 1):
            key = runs.key(method, "T1", seed)
            held = runs.store.predictions(key)
            soft = np.full((len(held), 4), 0.25, dtype=np.float32)
            runs.store.write_predictions(key, replace(held, soft=soft))
    board = build_leaderboard(runs.store, runs.registry, runs.plan, "overlap")
    assert [column.applicable for column in board.columns] == [True, False]
    assert {cell.status for cell in board.cells if cell.task == "T2"} == {"not_applicable"}
    assert all(cell.status == "done" and cell.rank for cell in board.cells if cell.task == "T1")
    assert "T2: left out of average and rank, its test images carry no soft labels." in board.footnotes


def test_a_metric_that_is_undefined_on_a_run_is_not_a_failure(tmp_path: Path) -> None:
    runs = write_fake_runs(tmp_path, {"a": [[10]], "b": [[8]]})
    spec = MetricSpec(name="nowhere", target=f"{__name__}:nowhere", higher_is_better=True, summary="")
    runs.registry.metrics.add("nowhere", spec, "tests")
    board = build_leaderboard(runs.store, runs.registry, runs.plan, "nowhere")
    assert {cell.status for cell in board.cells} == {"not_applicable"}
    assert "nan on these predictions" in board.cells[0].reason
