"""Through which label map each data set of a task was read, as its runs declare."""

from __future__ import annotations

from ucdver.errors import DataError
from ucdver.runs.store import RunStore
from ucdver.spec.suite import SuitePlan


def label_maps(store: RunStore, plan: SuitePlan) -> dict[str, dict[str, str]]:
    """Return label map by task and data set, empty where none was used; tasks without a run that ended are left out.

    A task's runs agree: the maps are part of their keys, and the plan has one key a cell.
    """
    found: dict[str, dict[str, str]] = {}
    for entry in plan.entries:
        if entry.key and entry.task not in found:
            try:
                record = store.record(entry.key)
            except DataError:
                continue  # the damaged run is told in its own cell
            if record is not None:
                # A map is followed by a colon and the hash of its table; a space that was read as it is by nothing.
                read = {name: how.partition(":") for name, how in record.spec.labels.items()}
                found[entry.task] = {name: label_map if colon else "" for name, (label_map, colon, _) in read.items()}
    return found
