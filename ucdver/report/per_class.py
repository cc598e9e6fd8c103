"""Recall by class: what an average over classes hides, for each method over all tasks of one label space."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ucdver.errors import DataError
from ucdver.evaluate.metrics import per_class_recall
from ucdver.report.format import one_line
from ucdver.runs.store import RunStore
from ucdver.spec.labels import LabelSpace
from ucdver.spec.suite import PlanEntry, SuitePlan

#: Recall by class, by task, target and seed.
Recalls = dict[tuple[str, str, int], dict[str, float | None]]


@dataclass(frozen=True)
class ClassRow:
    """The mean recall of each class for one method, over the runs that are done; None where there is none.

    `cells` are the task, target and seed of each set of test images that is in the mean.
    """

    method: str
    cells: frozenset[tuple[str, str, int]]
    recalls: dict[str, float | None]

    @property
    def runs(self) -> int:
        """The number of runs; one run has a cell for each target of its task."""
        return len({(task, seed) for task, _, seed in self.cells})


def per_class(store: RunStore, plan: SuitePlan) -> dict[str, list[ClassRow]]:
    """Return, by label space, a row for each method: recall a class, averaged over tasks, targets and seeds.

    Runs that are missing, failed or damaged are left out; `runs` says how many stand behind a row.
    """
    spaces = {task.id: task.label_space for task in plan.suite.tasks}
    found: dict[tuple[str, str], Recalls] = {}
    for entry in plan.entries:
        found.setdefault((spaces[entry.task], entry.method), {}).update(_recalls(store, entry))
    table: dict[str, list[ClassRow]] = {}
    for (space, method), cells in found.items():
        classes = list(dict.fromkeys(name for recalls in cells.values() for name in recalls))
        means = {name: _mean(cells, name) for name in classes}
        table.setdefault(space, []).append(ClassRow(method, frozenset(cells), means))
    return table


def unlike(rows: Sequence[ClassRow]) -> list[str]:
    """Return a sentence for each method whose mean lacks cells that another's has: what is easy flatters it."""
    every = frozenset[tuple[str, str, int]]().union(*(row.cells for row in rows))
    lacks: dict[str, list[str]] = {}
    for row in rows:
        seeds: dict[str, set[int]] = {}
        for task, _, seed in every - row.cells:
            seeds.setdefault(task, set()).add(seed)
        where = "; ".join(f"{one_line(task)} ({_seeds(of)})" for task, of in sorted(seeds.items()))
        # A row of no run shows no number that could flatter.
        if where and row.cells:
            lacks.setdefault(where, []).append(one_line(row.method))
    return [
        f"{', '.join(methods)}: without runs that are in other rows, so they do not compare: {where}."
        for where, methods in lacks.items()
    ]


def _recalls(store: RunStore, entry: PlanEntry) -> Recalls:
    """Return what a run that is done gave on each of its targets, else nothing."""
    try:
        record = store.record(entry.key) if entry.key else None
        if record is None or record.status != "done":
            return {}
        space = LabelSpace(name=record.spec.task.label_space, classes=record.spec.classes)
        predictions = store.predictions(entry.key)
        targets = [str(target) for target in record.spec.task.targets]
        chosen = {target: predictions.select("target_test", target) for target in targets}
        return {
            (entry.task, target, entry.seed): per_class_recall(p.labels.astype(np.int64), p.probabilities(), space)
            for target, p in chosen.items()
            if len(p)
        }
    except DataError:
        # The leaderboard names a damaged run; here it only does not count.
        return {}


def _seeds(seeds: set[int]) -> str:
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, sorted(seeds)))}"


def _mean(cells: Recalls, name: str) -> float | None:
    values = [value for recalls in cells.values() if (value := recalls.get(name)) is not None]
    return float(np.mean(values)) if values else None
