"""A bench of a part of a suite adds to the table of that suite, it does not take its place."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ucdver.spec.run import RunSpec
from ucdver.spec.suite import PlanEntry, SuitePlan
from ucdver.spec.task import Task


def merged(
    old: SuitePlan | None,
    new: SuitePlan,
    runs: Sequence[RunSpec] = (),
    spec_of: Callable[[str], RunSpec | None] = lambda key: None,
) -> SuitePlan:
    """Return `new` with what `old` has beside it: methods, tasks and seeds that the new plan left out.

    Plans that do not compare (another protocol, recipe, or task of the same name) are not mixed: then `new` stands
    alone. A method whose options changed loses its old cells, and so does one with runs of another version, or begun
    from other pictures, labels or weights than those of the new plan's `runs`: in one table they would be compared.

    Args:
        old: the plan that is there.
        new: the plan of the part.
        runs: what the new plan runs.
        spec_of: what the run of a key of the old plan was declared to be, where that is known.
    """
    if old is None or not _comparable(old, new):
        return new
    suite = new.suite
    changed = {name for name, options in suite.methods.items() if old.suite.methods.get(name, options) != options}
    tasks = {task.id: task for task in (*old.suite.tasks, *suite.tasks)}
    planned = {(entry.task, entry.method, entry.seed) for entry in new.entries}
    beside = [entry for entry in old.entries if (entry.task, entry.method, entry.seed) not in planned]
    changed |= _of_another_kind(beside, runs, spec_of)
    kept = [entry for entry in beside if entry.method not in changed]
    both = suite.model_copy(
        update={
            "methods": {**old.suite.methods, **suite.methods},
            "tasks": tuple(tasks.values()),
            "seeds": tuple(sorted({*old.suite.seeds, *suite.seeds})),
        }
    )
    oracles = tuple(dict.fromkeys((*old.oracles, *new.oracles)))
    entries = (*kept, *new.entries)
    missing = {entry.task for entry in entries if entry.status == "missing"}
    needed = {dataset for name in missing for dataset in tasks[name].datasets}
    absent = {name: how for name, how in {**old.absent, **new.absent}.items() if name in needed}
    shared = {**old.shared, **new.shared}
    return SuitePlan(suite=both, entries=entries, oracles=oracles, absent=absent, shared=shared)


def added(here: SuitePlan, other: SuitePlan, spec_of: Callable[[str], RunSpec | None]) -> SuitePlan:
    """Return the plan that is here with what one from elsewhere has beside it; in a cell of both, what is here stays.

    A cell that could not be planned here, for want of data, is the other's. Plans that do not compare are not mixed.
    """
    planned = {(entry.task, entry.method, entry.seed) for entry in other.entries if entry.key}
    lacking = [e for e in here.entries if e.status == "missing" and (e.task, e.method, e.seed) in planned]
    kept = here.model_copy(update={"entries": tuple(entry for entry in here.entries if entry not in lacking)})
    runs = [spec for entry in kept.entries if entry.key and (spec := spec_of(entry.key)) is not None]
    return merged(other, kept, runs, spec_of)


def _comparable(old: SuitePlan, new: SuitePlan) -> bool:
    if old.suite.protocol != new.suite.protocol or old.suite.recipe != new.suite.recipe:
        return False
    before = {task.id: task for task in old.suite.tasks}
    return all(_declared(before.get(task.id, task)) == _declared(task) for task in new.suite.tasks)


def _declared(task: Task) -> Task:
    # What is said of a task decides on nothing, here as in the keys of its runs.
    return task.model_copy(update={"note": ""})


def _of_another_kind(
    beside: Sequence[PlanEntry], runs: Sequence[RunSpec], spec_of: Callable[[str], RunSpec | None]
) -> set[str]:
    """Return the methods with an old run that does not go into one table with the new ones."""
    if not runs:
        return set()
    by_task = {run.task.id: run for run in runs}
    by_method = {run.method.name: run for run in runs}
    olds = {entry: spec_of(entry.key) for entry in beside if entry.key}
    return {
        entry.method
        for entry, was in olds.items()
        if was is not None
        and not (
            _same_start(was, by_task.get(entry.task, runs[0]), alike=entry.task in by_task)
            and _same_method(was, by_method.get(entry.method))
        )
    }


def _same_start(one: RunSpec, other: RunSpec, alike: bool) -> bool:
    """Return whether two runs begin from the same weights and, where they are `alike` in their task, images."""
    if (one.engine, one.weights_sha256, one.backbone_sha256) != (
        other.engine,
        other.weights_sha256,
        other.backbone_sha256,
    ):
        return False
    if not alike:
        return True
    shared = one.annotations.keys() & other.annotations.keys()
    return (one.data, one.pictures, one.labels, one.classes) == (
        other.data,
        other.pictures,
        other.labels,
        other.classes,
    ) and all(one.annotations[name] == other.annotations[name] for name in shared)


def _same_method(one: RunSpec, other: RunSpec | None) -> bool:
    return other is None or (one.method.version, one.method_weights_sha256) == (
        other.method.version,
        other.method_weights_sha256,
    )
