"""A bench of a part of a suite adds to the table of that suite, it does not take its place."""

from __future__ import annotations

from ucdver.spec.suite import SuitePlan


def merged(old: SuitePlan | None, new: SuitePlan) -> SuitePlan:
    """Return `new` with what `old` has beside it: methods, tasks and seeds that the new plan left out.

    Plans that do not compare (another protocol, recipe, or task of the same name) are not mixed: then `new` stands
    alone. A method whose options changed loses its old cells.
    """
    if old is None or not _comparable(old, new):
        return new
    suite = new.suite
    changed = {name for name, options in suite.methods.items() if old.suite.methods.get(name, options) != options}
    tasks = {task.id: task for task in (*old.suite.tasks, *suite.tasks)}
    planned = {(entry.task, entry.method, entry.seed) for entry in new.entries}
    kept = [
        entry
        for entry in old.entries
        if entry.method not in changed and (entry.task, entry.method, entry.seed) not in planned
    ]
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
    return SuitePlan(suite=both, entries=entries, oracles=oracles, absent=absent)


def _comparable(old: SuitePlan, new: SuitePlan) -> bool:
    if old.suite.protocol != new.suite.protocol or old.suite.recipe != new.suite.recipe:
        return False
    before = {task.id: task for task in old.suite.tasks}
    return all(before.get(task.id, task) == task for task in new.suite.tasks)
