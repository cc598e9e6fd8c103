"""What becomes of a suite some of whose data sets are not on this machine."""

from __future__ import annotations

from collections.abc import Mapping

from ucdver.data.catalog import Catalog
from ucdver.errors import DataError
from ucdver.spec.suite import Suite
from ucdver.spec.task import Domain, Task


def absent_datasets(suite: Suite, catalog: Catalog, fetch: bool) -> dict[str, DataError]:
    """Return the data sets that cannot be had, each with its error; with `fetch`, what can be fetched is."""
    faults: dict[str, DataError] = {}
    for dataset in sorted({d for task in suite.tasks for d in task.datasets}):
        try:
            if fetch:
                catalog.ensure(dataset)
            else:
                catalog.manifest(dataset)
        except DataError as error:
            faults[dataset] = error
    return faults


def what_lacks(task: Task, faults: Mapping[str, DataError]) -> str:
    """Return which data sets a task lacks, in words; empty where it has them all."""
    lacking = [dataset for dataset in task.datasets if dataset in faults]
    return f"lacks the data set{'s' if len(lacking) > 1 else ''} {', '.join(lacking)}" if lacking else ""


def part_absent_targets(suite: Suite, faults: Mapping[str, DataError]) -> Suite:
    """Return the suite with the absent targets of each task as a task of their own, called `task+absent`.

    Only under a `uc` protocol: no target is seen in training there, so the others lose nothing.
    """
    if suite.protocol.setting != "uc":
        return suite
    tasks: list[Task] = []
    for task in suite.tasks:
        there = tuple(target for target in task.targets if target.dataset not in faults)
        gone = tuple(target for target in task.targets if target.dataset in faults)
        if not there or not gone or any(source.dataset in faults for source in task.sources):
            tasks.append(task)
            continue
        tasks.append(_with_targets(task, task.id, there))
        tasks.append(_with_targets(task, f"{task.id}+absent", gone))
    return suite.model_copy(update={"tasks": tuple(tasks)})


def _with_targets(task: Task, name: str, targets: tuple[Domain, ...]) -> Task:
    read = {domain.dataset for domain in (*task.sources, *targets)}
    maps = {dataset: label_map for dataset, label_map in task.label_maps.items() if dataset in read}
    return task.model_copy(update={"id": name, "targets": targets, "label_maps": maps})
