from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from support.fake_runs import Score, make_task, write_fake_runs

from ucdver.evaluate.predictions import Predictions
from ucdver.report.per_class import per_class, unlike
from ucdver.runs.store import RunStore
from ucdver.spec.base import sha256_of
from ucdver.spec.protocol import Phase, Protocol
from ucdver.spec.recipe import Recipe
from ucdver.spec.run import MethodChoice, RunRecord, RunSpec
from ucdver.spec.suite import PlanEntry, Suite, SuitePlan
from ucdver.spec.task import Domain, Task

CLASSES = ("anger", "joy", "fear")
TASK = Task(
    id="t", sources=(Domain(dataset="d", name="a"),), targets=(Domain(dataset="d", name="b"),), label_space="three"
)


@pytest.fixture
def filled(tmp_path: Path) -> Callable[..., tuple[RunStore, SuitePlan]]:
    def make(hits: list[list[int]]) -> tuple[RunStore, SuitePlan]:
        """Write one run a list: six images of anger and joy alternating, predicted as given; no image of fear."""
        store = RunStore(tmp_path / sha256_of(hits)[:8])
        protocol = Protocol(id="uda", setting="uda", phases=(Phase(name="adapt", source=True, target=True),))
        entries = []
        for seed, predicted in enumerate(hits):
            spec = RunSpec(
                task=TASK,
                classes=CLASSES,
                protocol=protocol,
                method=MethodChoice(name="m", version="1"),
                recipe=Recipe(),
                seed=seed,
                data={},
                labels={},
            )
            logits = np.eye(3, dtype=np.float32)[predicted] * 5
            labels = np.array([0, 1, 0, 1, 0, 1], dtype=np.int32)
            ids = [f"d/{i}" for i in range(6)]
            store.write_record(RunRecord(spec=spec, status="done"))
            store.write_predictions(spec.key(), Predictions(ids, ["target_test"] * 6, ["d:b"] * 6, labels, logits))
            entries.append(PlanEntry(task="t", method="m", seed=seed, key=spec.key()))
        suite = Suite(name="s", protocol=protocol, tasks=(TASK,), methods={"m": {}}, seeds=tuple(range(len(hits))))
        return store, SuitePlan(suite=suite, entries=tuple(entries))

    return make


def test_recall_by_class_is_averaged_over_seeds_and_an_absent_class_has_none(
    filled: Callable[..., tuple[RunStore, SuitePlan]],
) -> None:
    store, plan = filled([[0, 1, 0, 1, 1, 2], [0, 0, 0, 0, 0, 0]])
    (row,) = per_class(store, plan)["three"]
    assert row.runs == 2
    assert row.recalls["anger"] == pytest.approx((2 / 3 + 1) / 2)
    assert row.recalls["joy"] == pytest.approx((2 / 3 + 0) / 2)
    assert row.recalls["fear"] is None


def test_runs_without_a_result_are_left_out(filled: Callable[..., tuple[RunStore, SuitePlan]]) -> None:
    store, plan = filled([[0, 1, 0, 1, 0, 1], [1, 0, 1, 0, 1, 0]])
    path = store.folder(plan.entries[1].key) / "predictions.parquet"
    path.write_bytes(path.read_bytes()[:50])
    (row,) = per_class(store, plan)["three"]
    assert (row.runs, row.recalls["joy"]) == (1, 1.0)


def test_a_run_of_several_targets_is_one_run(tmp_path: Path) -> None:
    task = make_task("T1", ["icons:a", "icons:b"])
    runs = write_fake_runs(tmp_path, {"m": [[20, 20]]}, tasks=[task])
    (row,) = per_class(runs.store, runs.plan)["four"]
    assert (row.runs, len(row.cells)) == (2, 4)


def test_a_method_without_runs_that_others_have_is_named_with_their_tasks_and_seeds(tmp_path: Path) -> None:
    scores: dict[str, list[list[Score]]] = {
        "whole": [[20, 20], [9, 9]],
        "easy": [[20, 20], ["failed", "failed"]],
        "none": [["missing"] * 2] * 2,
    }
    runs = write_fake_runs(tmp_path, scores)
    rows = per_class(runs.store, runs.plan)["four"]
    assert [row.runs for row in rows] == [4, 2, 0]
    assert unlike(rows) == ["easy: without runs that are in other rows, so they do not compare: T2 (seeds 0, 1)."]
    assert unlike(rows[:1]) == []
