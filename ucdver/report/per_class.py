"""Recall by class: what an average over classes hides, for each method over all tasks of one label space."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ucdver.errors import DataError
from ucdver.evaluate.metrics import per_class_recall
from ucdver.runs.store import RunStore
from ucdver.spec.labels import LabelSpace
from ucdver.spec.suite import SuitePlan


@dataclass(frozen=True)
class ClassRow:
    """The mean recall of each class for one method, over the runs that are done; None where there is none."""

    method: str
    runs: int
    recalls: dict[str, float | None]


def per_class(store: RunStore, plan: SuitePlan) -> dict[str, list[ClassRow]]:
    """Return, by label space, a row for each method: recall a class, averaged over tasks, targets and seeds.

    Runs that are missing, failed or damaged are left out; `runs` says how many stand behind a row.
    """
    spaces = {task.id: task.label_space for task in plan.suite.tasks}
    found: dict[tuple[str, str], list[dict[str, float | None]]] = {}
    for entry in plan.entries:
        found.setdefault((spaces[entry.task], entry.method), []).extend(_recalls(store, entry.key))
    table: dict[str, list[ClassRow]] = {}
    for (space, method), runs in found.items():
        classes = list(dict.fromkeys(name for run in runs for name in run))
        table.setdefault(space, []).append(ClassRow(method, len(runs), {name: _mean(runs, name) for name in classes}))
    return table


def _recalls(store: RunStore, key: str) -> list[dict[str, float | None]]:
    """Return one dict a target of a run that is done, else nothing."""
    try:
        record = store.record(key) if key else None
        if record is None or record.status != "done":
            return []
        space = LabelSpace(name=record.spec.task.label_space, classes=record.spec.classes)
        predictions = store.predictions(key)
        chosen = [predictions.select("target_test", str(target)) for target in record.spec.task.targets]
        return [per_class_recall(p.labels.astype(np.int64), p.probabilities(), space) for p in chosen]
    except DataError:
        # The leaderboard names a damaged run; here it only does not count.
        return []


def _mean(runs: list[dict[str, float | None]], name: str) -> float | None:
    values = [value for run in runs if (value := run.get(name)) is not None]
    return float(np.mean(values)) if values else None
