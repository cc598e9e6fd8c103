"""From a runs folder to one outcome per method, seed and target, each computed from predictions."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from ucdver.errors import DataError, SpecError
from ucdver.evaluate.metrics import UndefinedMetricError, applies, compute, lack, reads_space
from ucdver.evaluate.predictions import Predictions
from ucdver.registry import Registry
from ucdver.runs.selection import Selector, run_space
from ucdver.runs.store import RunStore
from ucdver.spec.labels import LabelSpace
from ucdver.spec.plugin import MetricSpec
from ucdver.spec.run import RunRecord
from ucdver.spec.suite import PlanEntry, SuitePlan
from ucdver.spec.task import Task

OutcomeStatus = Literal["done", "failed", "missing", "not_applicable"]


@dataclass(frozen=True)
class ImageSet:
    """The test images of a column: their hash with their labels, their number, what is said about chance."""

    digest: str
    images: int
    majority: float
    classes: int


@dataclass(frozen=True)
class Outcome:
    """What one seed of one method gave on one target; `value` and `images` are there when it is done.

    `source` is the hash of the method's source with which the run was made, where its record says so.
    `lacking` says that the metric is not defined on the column, whatever the method: its images lack what it reads.
    """

    seed: int
    status: OutcomeStatus
    reason: str = ""
    value: float | None = None
    images: ImageSet | None = None
    source: str = ""
    lacking: bool = False


#: Outcomes by (method, task id, target), one for each seed of the suite.
CellKey = tuple[str, str, str]
Grid = dict[CellKey, list[Outcome]]

#: Outcomes by (run key, steps done) and target: several rules that choose one checkpoint need it read once.
Memo = dict[tuple[str, int], dict[str, Outcome]]


def read_grid(
    store: RunStore,
    registry: Registry,
    metric: MetricSpec,
    plan: SuitePlan,
    selector: Selector | None = None,
    memo: Memo | None = None,
) -> Grid:
    """Return the outcomes of every cell; a damaged run is an outcome that failed, never an error.

    A run that was tested on other images than most runs of its column has failed too: it does not compare. A seed of
    the suite that the plan lacks, as after a bench of one method with fewer, is missing.
    `selector` chooses each run's checkpoint, which is else the last.

    Raises:
        PluginError: the metric cannot be loaded, or it needs a label space that no plugin declares.
        SpecError: the plan names an unknown task or status.
    """
    tasks = {task.id: task for task in plan.suite.tasks}
    chooser = selector or Selector(store, registry, "last", metric.name)
    known: Memo = {} if memo is None else memo
    grid: Grid = {
        (method, task.id, str(target)): []
        for method in plan.suite.methods
        for task in plan.suite.tasks
        for target in task.targets
    }
    for entry in plan.entries:
        if entry.task not in tasks or entry.method not in plan.suite.methods:
            raise SpecError(
                f"the plan of '{plan.suite.name}' has {entry.method} on {entry.task}, not in its suite",
                "plan it again: ucdver bench, with the suite's name or its file",
            )
        outcomes = _read_entry(chooser, metric, tasks[entry.task], entry, known)
        for target, outcome in outcomes.items():
            grid[entry.method, entry.task, target].append(outcome)
    return _refuse_other_images({key: _with_every_seed(outcomes, plan.suite.seeds) for key, outcomes in grid.items()})


def _with_every_seed(outcomes: list[Outcome], seeds: Sequence[int]) -> list[Outcome]:
    """Return the outcomes with one more for each seed that none was planned for: without it the rest is not whole."""
    known = {outcome.seed for outcome in outcomes}
    absent = Outcome(0, "missing", "not in the plan")
    # What is not defined at the seeds that were planned is so at the others.
    if outcomes and all(outcome.status == "not_applicable" for outcome in outcomes):
        absent = outcomes[0]
    return [*outcomes, *(replace(absent, seed=seed) for seed in seeds if seed not in known)]


def _read_entry(chooser: Selector, metric: MetricSpec, task: Task, entry: PlanEntry, known: Memo) -> dict[str, Outcome]:
    store, registry = chooser.store, chooser.registry
    targets = [str(target) for target in task.targets]
    undefined = not_applicable_reason(registry, metric, task)
    if undefined:
        return dict.fromkeys(targets, Outcome(entry.seed, "not_applicable", undefined))
    try:
        ended = _without_result(store, entry)
        if isinstance(ended, Outcome):
            return dict.fromkeys(targets, ended)
        undefined = chooser.unfit(ended)
        if undefined:
            return dict.fromkeys(targets, Outcome(entry.seed, "not_applicable", undefined))
        choice = chooser.choose(ended)
        if (entry.key, choice.done) in known:
            return known[entry.key, choice.done]
        predictions = store.predictions(entry.key, None if choice.end else choice.done)
    except UndefinedMetricError as error:
        return dict.fromkeys(targets, Outcome(entry.seed, "not_applicable", str(error)))
    except DataError as error:
        return dict.fromkeys(targets, Outcome(entry.seed, "failed", _inside(store, error)))
    space = run_space(registry, ended.spec)
    source = ended.provenance.method_source_sha256 if ended.provenance else ""
    known[entry.key, choice.done] = {
        t: replace(_score(registry, metric, space, predictions, t, entry.seed), source=source) for t in targets
    }
    return known[entry.key, choice.done]


def not_applicable_reason(registry: Registry, metric: MetricSpec, task: Task) -> str:
    """Return why the metric is undefined on the task's label space, or an empty string when it is defined."""
    if not reads_space(metric) or applies(metric, registry.label_spaces.get(task.label_space)):
        return ""
    why = lack(metric).replace("the label space", f"label space '{task.label_space}'")
    return f"{why}, which {metric.name} needs"


def _without_result(store: RunStore, entry: PlanEntry) -> Outcome | RunRecord:
    """Return the record of a run that is done, else the outcome that takes its place."""
    if entry.status == "not_applicable":
        return Outcome(entry.seed, "not_applicable", entry.reason)
    if entry.status == "missing":
        return Outcome(entry.seed, "missing", entry.reason)
    if entry.status != "planned":
        raise SpecError(f"the plan has an entry with the unknown status '{entry.status}'")
    record = store.record(entry.key)
    if record is None:
        return Outcome(entry.seed, "missing", "not run yet")
    if record.status == "failed":
        return Outcome(entry.seed, "failed", record.reason or "no reason was recorded")
    if record.status == "skipped":
        return Outcome(entry.seed, "missing", record.reason or "skipped")
    return record


def _score(
    registry: Registry,
    metric: MetricSpec,
    space: LabelSpace,
    predictions: Predictions,
    target: str,
    seed: int,
) -> Outcome:
    chosen = predictions.select("target_test", target)
    labels = chosen.labels.astype(np.int64)
    try:
        if not len(chosen):
            raise DataError(f"its predictions hold no test image of {target}")
        value = compute(registry, metric.name, labels, chosen.probabilities(), space, chosen.soft, chosen.classes_only)
    except UndefinedMetricError as error:
        return Outcome(seed, "not_applicable", str(error))
    except DataError as error:
        return Outcome(seed, "failed", str(error))
    if value is None:
        if metric.needs == "soft":
            return Outcome(seed, "not_applicable", lack(metric), lacking=True)
        return Outcome(seed, "not_applicable", f"the run's classes declare no {metric.needs}")
    rows = sorted(zip(chosen.ids, labels.tolist(), strict=True))
    digest = hashlib.sha256(repr(rows).encode()).hexdigest()
    majority = float(np.bincount(labels).max() / len(labels))
    images = ImageSet(digest, len(labels), majority, len(space.classes))
    return Outcome(seed, "done", value=value, images=images)


def _refuse_other_images(grid: Grid) -> Grid:
    """Fail every outcome whose test images are not those of most runs of its column."""
    counts: dict[tuple[str, str], Counter[str]] = {}
    for (_, task, target), outcomes in grid.items():
        counter = counts.setdefault((task, target), Counter())
        counter.update(outcome.images.digest for outcome in outcomes if outcome.images)
    usual = {column: counter.most_common(1)[0][0] for column, counter in counts.items() if counter}
    reason = "it was tested on other images or labels than most runs of this column"
    return {
        key: [
            replace(o, status="failed", value=None, images=None, reason=reason)
            if o.images and o.images.digest != usual[key[1:]]
            else o
            for o in outcomes
        ]
        for key, outcomes in grid.items()
    }


def _inside(store: RunStore, error: DataError) -> str:
    """Return the message with paths relative to the runs folder: a table is read on other machines."""
    return str(error).replace(f"{store.root}{os.sep}", "")
