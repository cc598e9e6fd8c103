"""A small runs folder with known scores, written through RunStore as a bench would."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ucdver.evaluate.predictions import Predictions
from ucdver.evaluate.specs import METRICS
from ucdver.registry import Registry
from ucdver.report.specs import EXPORTERS
from ucdver.runs.store import RunStore
from ucdver.spec.labels import LabelSpace
from ucdver.spec.protocol import Phase, Protocol
from ucdver.spec.recipe import Recipe
from ucdver.spec.run import MethodChoice, RunRecord, RunSpec
from ucdver.spec.suite import PlanEntry, Suite, SuitePlan
from ucdver.spec.task import Task

#: Four classes; of the 20 test images, 8, 6, 4 and 2 show them.
FOUR = LabelSpace(
    name="four",
    classes=("joy", "anger", "fear", "awe"),
    polarity={"joy": 1, "anger": -1, "fear": -1, "awe": 1},
    levels={"two": {"joy": "good", "anger": "bad", "fear": "bad", "awe": "good"}},
)
#: The same size without polarity and levels.
PLAIN = LabelSpace(name="plain", classes=("a", "b", "c", "d"))
LABELS = np.repeat(np.arange(4, dtype=np.int32), (8, 6, 4, 2))
IMAGES = len(LABELS)

PROTOCOL = Protocol(id="uda", setting="uda", phases=(Phase(name="adapt", source=True, target=True),))

#: How many of the 20 images are right, or what became of the run instead.
Score = int | str


@dataclass(frozen=True)
class FakeRuns:
    """A runs folder with its plan and a registry that knows its label spaces, the metrics and the exporters."""

    store: RunStore
    plan: SuitePlan
    registry: Registry

    def key(self, method: str, task: str, seed: int) -> str:
        """Return the key of one planned run."""
        return next(e.key for e in self.plan.entries if (e.method, e.task, e.seed) == (method, task, seed))


def make_registry() -> Registry:
    """Return a registry with the metrics and exporters that ship with ucdver and the two spaces above."""
    registry = Registry()
    for metric in METRICS:
        registry.metrics.add(metric.name, metric, "ucdver")
    for exporter in EXPORTERS:
        registry.exporters.add(exporter.name, exporter, "ucdver")
    for space in (FOUR, PLAIN):
        registry.label_spaces.add(space.name, space, "tests")
    return registry


def make_task(name: str, targets: Sequence[str] = (), space: str = "four") -> Task:
    """Return a task from `icons:source` to the given targets, by default `icons:<name>`."""
    return Task.model_validate(
        {"id": name, "sources": ["icons:source"], "targets": list(targets) or [f"icons:{name}"], "label_space": space}
    )


def make_predictions(right: int, targets: Sequence[str]) -> Predictions:
    """Return predictions of which the first `right` of 20 images are right, on every target and on the source."""
    wrong = (LABELS + 1) % 4
    predicted = np.where(np.arange(IMAGES) < right, LABELS, wrong)
    logits = np.zeros((IMAGES, 4), dtype=np.float32)
    logits[np.arange(IMAGES), predicted] = 2.0
    # The source is always right: a table that mixed the splits up would show it.
    source = np.zeros((IMAGES, 4), dtype=np.float32)
    source[np.arange(IMAGES), LABELS] = 2.0
    domains = ["icons:source", *targets]
    return Predictions(
        ids=[f"icons/{domain}/{i}" for domain in domains for i in range(IMAGES)],
        splits=["source_val"] * IMAGES + ["target_test"] * IMAGES * len(targets),
        domains=[domain for domain in domains for _ in range(IMAGES)],
        labels=np.tile(LABELS, len(domains)),
        logits=np.concatenate([source, *[logits] * len(targets)]),
    )


def make_run_spec(task: Task, method: str, seed: int, config: Mapping[str, Any] | None = None) -> RunSpec:
    """Return a run specification with made-up fingerprints."""
    domains = (*task.sources, *task.targets)
    return RunSpec(
        task=task,
        classes=(FOUR if task.label_space == "four" else PLAIN).classes,
        protocol=PROTOCOL,
        method=MethodChoice(name=method, version="1", config=dict(config or {})),
        seed=seed,
        recipe=Recipe(),
        data={str(domain): "0" * 64 for domain in domains},
        labels=dict.fromkeys(task.datasets, task.label_space),
    )


def write_fake_runs(
    root: Path,
    scores: Mapping[str, Sequence[Sequence[Score]]],
    *,
    tasks: Sequence[Task] = (),
    oracles: Sequence[str] = (),
    title: str = "A made-up suite",
    metric: str = "accuracy",
) -> FakeRuns:
    """Write runs and plan; `scores[method][task][seed]` counts right images or names another outcome.

    The other outcomes: "failed" or "failed: reason", "missing" (planned, never run), "absent: reason" (planned
    without data), "n/a: reason" (the method does not apply), "damaged" (predictions cut in half), "unplanned".
    """
    store = RunStore(root)
    first = next(iter(scores.values()))
    tasks = tasks or [make_task(f"T{number}") for number, _ in enumerate(first, start=1)]
    seeds = max(len(column) for row in scores.values() for column in row)
    entries = [
        _write(store, tasks[number], method, seed, score)
        for method, row in scores.items()
        for number, column in enumerate(row)
        for seed, score in enumerate(column)
        if score != "unplanned"
    ]
    suite = Suite(
        name="made-up",
        title=title,
        protocol=PROTOCOL,
        tasks=tuple(tasks),
        methods={method: {} for method in scores},
        seeds=tuple(range(seeds)),
        metric=metric,
    )
    plan = SuitePlan(suite=suite, entries=tuple(entries), oracles=tuple(oracles))
    store.write_plan(plan)
    return FakeRuns(store, plan, make_registry())


def _write(store: RunStore, task: Task, method: str, seed: int, score: Score) -> PlanEntry:
    if isinstance(score, str) and score.startswith(("absent", "n/a")):
        kind, _, reason = score.partition(": ")
        status = "missing" if kind == "absent" else "not_applicable"
        return PlanEntry(task=task.id, method=method, seed=seed, status=status, reason=reason)
    spec = make_run_spec(task, method if method.isidentifier() else "hostile", seed, {"name": method})
    entry = PlanEntry(task=task.id, method=method, seed=seed, key=spec.key())
    if score == "missing":
        return entry
    store.write_spec(spec)
    if isinstance(score, str) and score.startswith("failed"):
        reason = score.partition(": ")[2] or "the loss is NaN at step 12"
        store.write_record(RunRecord(spec=spec, status="failed", reason=reason, traceback="Traceback"))
        return entry
    right = 10 if score == "damaged" else int(score)
    store.write_predictions(spec.key(), make_predictions(right, [str(t) for t in task.targets]))
    if score == "damaged":
        path = store.folder(spec.key()) / "predictions.parquet"
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    store.write_record(RunRecord(spec=spec, status="done"))
    return entry
