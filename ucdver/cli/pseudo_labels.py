"""`ucdver runs pseudo-labels`: how many pseudo-labels were believed, and how many were right."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ucdver.cli.output import say, write_json, write_table
from ucdver.errors import DataError
from ucdver.runs.store import RunStore

if TYPE_CHECKING:
    from ucdver.data.catalog import Catalog
    from ucdver.evaluate.pseudo_labels import PseudoLabelQuality
    from ucdver.registry import Registry
    from ucdver.spec.plugin import MetricSpec
    from ucdver.spec.suite import SuitePlan

_HEADER = ("METHOD", "TASK", "SEEDS", "STEPS")
#: Of a run, first half and second.
_Halves = Sequence["PseudoLabelQuality"]


def pseudo_labels(
    runs: Annotated[Path, typer.Option("--runs", metavar="DIR", help="The runs folder.")] = Path("runs"),
    suite: Annotated[
        str | None, typer.Option("--suite", metavar="SUITE", help="Default: the one planned last.")
    ] = None,
    by_class: Annotated[bool, typer.Option("--per-class", help="Show each class apart.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON, a run at a time.")] = False,
) -> None:
    """Show how many pseudo-labels a method believed, and how many were right, early and late in training.

    An analysis: it reads the target's labels of runs that are done, and nothing of it reaches training.
    """
    from ucdver.data.catalog import Catalog
    from ucdver.data.home import data_home
    from ucdver.plugins import load_registry

    registry = load_registry(Path.cwd())
    store = RunStore(runs)
    plan = store.plan(suite)
    found = _qualities(store, plan, Catalog(registry, data_home()), registry)
    if not found:
        raise DataError(
            f"no run of suite '{plan.suite.name}' in '{runs}' has left pseudo-labels",
            "a method's steps may set pseudo_labels (docs/plugins.md); runs that were imported have none",
        )
    if as_json:
        write_json(
            [
                {"method": method, "task": task, "seed": seed, "halves": [asdict(half) for half in halves]}
                for (method, task, seed), halves in found.items()
            ]
        )
    elif by_class:
        write_table(
            (*_HEADER, "CLASS", "IMAGES", "BELIEVED", "RIGHT", "RIGHT OF BELIEVED", "TAKEN FOR IT", "RIGHTLY"),
            _class_rows(found, registry.metrics.get("accuracy")),
        )
    else:
        write_table(
            (*_HEADER, "BELIEVED", "RIGHT", "RIGHT OF BELIEVED", "MAJORITY"),
            _rows(found, registry.metrics.get("accuracy")),
        )
    say("an analysis that reads target labels; nothing of it reaches training")


def _qualities(
    store: RunStore, plan: SuitePlan, catalog: Catalog, registry: Registry
) -> dict[tuple[str, str, int], _Halves]:
    """Return the quality in each half of training, by method, task and seed of the runs that have pseudo-labels."""
    from ucdver.evaluate.pseudo_labels import halves, pseudo_label_quality
    from ucdver.evaluate.target_labels import open_target_labels
    from ucdver.train.pseudo_log import PseudoLabelLog

    found: dict[tuple[str, str, int], _Halves] = {}
    truths: dict[str, dict[str, int]] = {}
    for entry in plan.entries:
        record = store.record(entry.key)
        steps = PseudoLabelLog(store.folder(entry.key)).read()
        if record is None or record.status != "done" or not steps:
            continue
        if entry.task not in truths:
            truths[entry.task] = open_target_labels(record.spec, catalog, registry)
        classes = record.spec.classes
        qualities = [pseudo_label_quality(half, truths[entry.task], classes) for half in halves(steps)]
        found[entry.method, entry.task, entry.seed] = qualities
    return found


def _rows(found: dict[tuple[str, str, int], _Halves], share: MetricSpec) -> list[tuple[str, ...]]:
    """Return a row for each half, method and task: means over seeds, with their 95 % intervals, written as `share`."""
    names = ("coverage", "accuracy", "accuracy_believed", "majority")
    return [
        (*start, *(_told([getattr(q, name) for q in half], share) for name in names)) for start, half in _grouped(found)
    ]


def _class_rows(found: dict[tuple[str, str, int], _Halves], share: MetricSpec) -> list[tuple[str, ...]]:
    """Return a row for each class of a half, method and task; numbers of images are of all seeds together."""
    rows = []
    for start, half in _grouped(found):
        for seeds in zip(*(quality.classes for quality in half), strict=True):
            shares = [
                _told([getattr(q, name) for q in seeds], share)
                for name in ("coverage", "accuracy", "accuracy_believed")
            ]
            images, taken = (str(sum(getattr(q, name) for q in seeds)) for name in ("images", "taken"))
            rows.append((*start, seeds[0].name, images, *shares, taken, _told([q.precision for q in seeds], share)))
    return rows


def _grouped(found: dict[tuple[str, str, int], _Halves]) -> Iterator[tuple[tuple[str, ...], _Halves]]:
    """Yield how a row begins, and the seeds that it is of, for each half, method and task."""
    for method, task in dict.fromkeys((method, task) for method, task, _ in found):
        seeds = [halves for (m, t, _), halves in found.items() if (m, t) == (method, task)]
        for number in range(max(map(len, seeds))):
            half = [halves[number] for halves in seeds if number < len(halves)]
            yield (method, task, str(len(half)), f"{min(q.first for q in half)}-{max(q.last for q in half)}"), half


def _told(values: Sequence[Any], share: MetricSpec) -> str:
    """Return shares as mean and half-width; those that are None do not count."""
    from ucdver.report.format import NONE, interval_text
    from ucdver.stats.intervals import t_interval

    known = [value for value in values if value is not None]
    return interval_text(t_interval(known), share) if known else NONE
