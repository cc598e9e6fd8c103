"""A bench of a part of a suite adds to the table of that suite, it does not take its place."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from ucdver.errors import PluginError
from ucdver.spec.run import RunSpec
from ucdver.spec.suite import PlanEntry, Suite, SuitePlan
from ucdver.spec.task import Task

#: Returns the annotators of these names and all that they read.
Below = Callable[[Sequence[str]], Collection[str]]


def merged(
    old: SuitePlan | None,
    new: SuitePlan,
    runs: Sequence[RunSpec] = (),
    spec_of: Callable[[str], RunSpec | None] = lambda key: None,
    below: Below | None = None,
) -> SuitePlan:
    """Return `new` with what `old` has beside it: methods, tasks and seeds that the new plan left out.

    Plans that do not compare (another protocol, recipe, or task of the same name) are not mixed: then `new` stands
    alone. A method whose options changed, or those of an annotator it reads, loses its old cells, and so does one with
    runs of another version, or begun from other pictures, labels, annotations or weights than those of the new plan's
    `runs`: in one table they would be compared.

    Args:
        old: the plan that is there.
        new: the plan of the part.
        runs: what the new plan runs.
        spec_of: what the run of a key of the old plan was declared to be, where that is known.
        below: what annotators read. Where that is not known, a method that reads one may read every one.
    """
    if old is None or not _comparable(old, new):
        return new
    suite = new.suite
    changed = {name for name, options in suite.methods.items() if old.suite.methods.get(name, options) != options}
    tasks = {task.id: task for task in (*old.suite.tasks, *suite.tasks)}
    planned = {_cell(entry) for entry in new.entries}
    beside = [entry for entry in old.entries if _cell(entry) not in planned]
    made = {entry: was for entry in beside if entry.key and (was := spec_of(entry.key)) is not None}
    annotators = _changed_annotators(old.suite, suite, runs, below)
    changed |= _of_another_kind(made, runs)
    changed |= {was.method.name for was in made.values() if _reads(was, annotators, below)}
    kept = [entry for entry in beside if entry.method not in changed]
    both = suite.model_copy(
        update={
            "methods": {**old.suite.methods, **suite.methods},
            "annotators": {
                **{name: how for name, how in old.suite.annotators.items() if name not in annotators},
                **suite.annotators,
            },
            "tasks": tuple(tasks.values()),
            "seeds": tuple(sorted({*old.suite.seeds, *suite.seeds})),
        }
    )
    oracles = tuple(dict.fromkeys((*old.oracles, *new.oracles)))
    entries = (*kept, *new.entries)
    absent = _absent(both, entries, {**old.absent, **new.absent})
    shared = {**old.shared, **new.shared}
    return SuitePlan(suite=both, entries=entries, oracles=oracles, absent=absent, shared=shared)


def added(
    here: SuitePlan, other: SuitePlan, spec_of: Callable[[str], RunSpec | None], below: Below | None = None
) -> SuitePlan:
    """Return the plan that is here with what one from elsewhere has beside it; in a cell of both, what is here stays.

    A cell that could not be planned here, for want of data, is the other's where that has a run of it that compares.
    Plans that do not compare are not mixed: then the one that is here stays as it is.
    """
    if not _comparable(other, here):
        return here
    planned = {_cell(entry) for entry in other.entries if entry.key}
    asked = tuple(entry for entry in here.entries if entry.status != "missing" or _cell(entry) not in planned)
    runs = [spec for entry in asked if entry.key and (spec := spec_of(entry.key)) is not None]
    both = merged(other, here.model_copy(update={"entries": asked}), runs, spec_of, below)
    stayed = set(asked)
    came = [entry for entry in both.entries if entry not in stayed]
    filled = {_cell(entry) for entry in came}
    entries = (*came, *(entry for entry in here.entries if _cell(entry) not in filled))
    absent = _absent(both.suite, entries, {**other.absent, **here.absent})
    return both.model_copy(update={"entries": entries, "absent": absent})


def _cell(entry: PlanEntry) -> tuple[str, str, int]:
    return entry.task, entry.method, entry.seed


def _absent(suite: Suite, entries: Iterable[PlanEntry], told: Mapping[str, str]) -> dict[str, str]:
    """Return what is told of the data sets that the missing cells need."""
    missing = {entry.task for entry in entries if entry.status == "missing"}
    needed = {dataset for task in suite.tasks if task.id in missing for dataset in task.datasets}
    return {name: how for name, how in told.items() if name in needed}


def _comparable(old: SuitePlan, new: SuitePlan) -> bool:
    if old.suite.protocol != new.suite.protocol or old.suite.recipe != new.suite.recipe:
        return False
    before = {task.id: task for task in old.suite.tasks}
    return all(_declared(before.get(task.id, task)) == _declared(task) for task in new.suite.tasks)


def _declared(task: Task) -> Task:
    # What is said of a task decides on nothing, here as in the keys of its runs.
    return task.model_copy(update={"note": ""})


def _of_another_kind(made: Mapping[PlanEntry, RunSpec], runs: Sequence[RunSpec]) -> set[str]:
    """Return the methods with an old run that does not go into one table with the new ones."""
    if not runs:
        return set()
    by_task = {run.task.id: run for run in runs}
    by_method = {run.method.name: run for run in runs}
    # Which annotations a run declares is a matter of its method.
    annotations: dict[str, dict[str, str]] = {}
    for run in runs:
        annotations.setdefault(run.task.id, {}).update(run.annotations)
    return {
        entry.method
        for entry, was in made.items()
        if not (
            _same_start(was, by_task.get(entry.task, runs[0]), alike=entry.task in by_task)
            and _agree(was.annotations, annotations.get(entry.task, {}))
            and _same_method(was, by_method.get(entry.method))
        )
    }


def _changed_annotators(old: Suite, new: Suite, runs: Iterable[RunSpec], below: Below | None) -> set[str]:
    """Return the annotators whose options are others in the new plan, left out those that it does not speak of."""
    before, now = old.annotators, new.annotators
    changed = {name for name, options in now.items() if before.get(name, {}) != options}
    # What has no table has its defaults, where it is read.
    unsaid = {name for name, options in before.items() if name not in now and options}
    return changed | {name for name in unsaid if any(_reads(run, {name}, below) for run in runs)}


def _reads(run: RunSpec, annotators: Collection[str], below: Below | None) -> bool:
    """Return whether a run reads one of these annotators, or may."""
    if not run.annotations or not annotators:
        return False
    try:
        return below is None or any(name in annotators for name in below([*run.annotations]))
    except PluginError:
        # An annotator of an old run is no longer registered.
        return True


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
    return (one.data, one.pictures, one.labels, one.classes) == (
        other.data,
        other.pictures,
        other.labels,
        other.classes,
    )


def _agree(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Return whether annotations that both declare are made of the same."""
    return all(one[name] == other[name] for name in one.keys() & other.keys())


def _same_method(one: RunSpec, other: RunSpec | None) -> bool:
    return other is None or (one.method.version, one.method_weights_sha256) == (
        other.method.version,
        other.method_weights_sha256,
    )
