"""Differences over the images of each test set, from runs whose right answers are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.fake_runs import IMAGES, make_predictions, make_task, write_fake_runs

from ucdver.errors import SpecError
from ucdver.report.per_image import per_image


def test_a_difference_is_that_of_mean_accuracies_with_an_interval_around_it(tmp_path: Path) -> None:
    runs = write_fake_runs(tmp_path, {"source_only": [[10, 12], [20, 20]], "mine": [[15, 13], [20, 18]]})
    found = per_image(runs.store, runs.registry, runs.plan)
    first, second = found.rows["mine"]
    assert first is not None and second is not None
    assert first.difference == pytest.approx((15 + 13 - 10 - 12) / 2 / IMAGES) and first.n == IMAGES
    assert second.difference == pytest.approx(-1 / IMAGES)
    assert first.low is not None and first.high is not None and 0 < first.low < first.difference < first.high
    assert "source_only" not in found.rows


def test_images_are_paired_by_their_ids_and_not_by_their_rows(tmp_path: Path) -> None:
    runs = write_fake_runs(tmp_path, {"source_only": [[10]], "mine": [[10]]})
    straight = per_image(runs.store, runs.registry, runs.plan).rows["mine"]
    predictions = make_predictions(10, ["icons:T1"])
    rows = np.random.default_rng(0).permutation(len(predictions)).tolist()
    runs.store.write_predictions(runs.key("mine", "T1", 0), predictions.take(rows))
    assert per_image(runs.store, runs.registry, runs.plan).rows["mine"] == straight
    assert straight[0] is not None and (straight[0].low, straight[0].high) == (0.0, 0.0)


def test_each_target_of_a_task_has_its_own_images(tmp_path: Path) -> None:
    task = make_task("two", ["icons:one", "icons:other"])
    runs = write_fake_runs(tmp_path, {"source_only": [[10]], "mine": [[14]]}, tasks=[task])
    differences = per_image(runs.store, runs.registry, runs.plan).rows["mine"]
    assert [d.difference for d in differences if d] == pytest.approx([4 / IMAGES] * 2)


@pytest.mark.parametrize("gap", ["failed", "missing", "damaged", "n/a: it cannot", "unplanned"])
def test_a_method_that_lacks_a_seed_has_no_difference_there(tmp_path: Path, gap: str) -> None:
    runs = write_fake_runs(tmp_path, {"source_only": [[10, 9], [9, 9]], "mine": [[12, gap], [11, 11]]})
    first, second = per_image(runs.store, runs.registry, runs.plan).rows["mine"]
    assert first is None and second is not None
    back = per_image(runs.store, runs.registry, runs.plan, against="mine").rows["source_only"]
    assert back[0] is None and back[1] is not None and back[1].difference == -second.difference


def test_runs_on_other_images_are_not_paired(tmp_path: Path) -> None:
    runs = write_fake_runs(tmp_path, {"source_only": [[10]], "mine": [[12]], "third": [[12]]})
    fewer = make_predictions(12, ["icons:T1"]).take(list(range(2 * IMAGES - 1)))
    runs.store.write_predictions(runs.key("mine", "T1", 0), fewer)
    rows = per_image(runs.store, runs.registry, runs.plan).rows
    assert rows["mine"] == (None,) and rows["third"][0] is not None


def test_a_suite_without_a_reference_asks_for_one(tmp_path: Path) -> None:
    runs = write_fake_runs(tmp_path, {"a": [[10]], "b": [[12]]})
    with pytest.raises(SpecError, match="no method to compare with"):
        per_image(runs.store, runs.registry, runs.plan)
