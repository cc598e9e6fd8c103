"""From the labels that a data set carries to class indices of a task.

A row whose label is unknown in the task's space, or dropped by the map, is no member of the task. That
membership is the one thing on the target side that labels decide: it is what makes a task closed-set, where
every target image does show one of the classes. Which class it shows decides nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ucdver.data.manifest import Row
from ucdver.errors import DataError
from ucdver.registry import Registry
from ucdver.spec.base import sha256_of
from ucdver.spec.labels import LabelMap, LabelSpace
from ucdver.spec.task import Task


@dataclass(frozen=True)
class _Reading:
    """How labels are read: from which of the rows' spaces, and through which map, if any."""

    space: str
    through: LabelMap | None

    @property
    def name(self) -> str:
        if self.through is None:
            return self.space
        return f"{self.through.name}:{sha256_of(self.through.table)[:12]}"


def label_source(dataset: str, task: Task, registry: Registry) -> str:
    """Return what `RunSpec.labels` holds for a data set: map and hash of its table, or the task's own space.

    Raises:
        DataError: no map, or more than one, leads from the data set's labels to the task's space.
    """
    return _reading(dataset, task, registry).name


def resolve_labels(
    rows: Sequence[Row], dataset: str, task: Task, registry: Registry
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the numbers of the rows that are members of the task, rising, and their classes, both int64.

    Args:
        rows: rows of one data set.
        dataset: its name.
        task: whose label space is meant, and whose `label_maps` chooses where several maps would do.
        registry: knows spaces and maps.

    Raises:
        DataError: as `label_source`; or the map does not fit its spaces.
    """
    reading = _reading(dataset, task, registry)
    space: LabelSpace = registry.label_spaces.get(task.label_space)
    index = {name: number for number, name in enumerate(space.classes)}
    kept: list[int] = []
    labels: list[int] = []
    for number, row in enumerate(rows):
        label: str | None = row.labels.get(reading.space)
        if label is not None and reading.through is not None:
            label = reading.through.apply(label)
        if label is not None:
            kept.append(number)
            labels.append(_place(index, label, dataset, space))
    return np.array(kept, dtype=np.int64), np.array(labels, dtype=np.int64)


def soft_labels(rows: Sequence[Row], dataset: str, task: Task, registry: Registry) -> npt.NDArray[np.float64]:
    """Return the class distribution of each row in the task's space, float64 [N, K]; NaN in a row that has none.

    Through a label map the shares of classes that become one are added; the share of a class that the map drops is left
    out, and the rest is scaled to 1. Arguments and errors are those of `resolve_labels`.
    """
    reading = _reading(dataset, task, registry)
    space: LabelSpace = registry.label_spaces.get(task.label_space)
    index = {name: number for number, name in enumerate(space.classes)}
    found = np.full((len(rows), len(index)), np.nan)
    for number, row in enumerate(rows):
        shares = np.zeros(len(index))
        for name, share in row.soft.get(reading.space, {}).items():
            label = name if reading.through is None else reading.through.apply(name)
            if label is not None:
                shares[_place(index, label, dataset, space)] += share
        if shares.sum() > 0:
            found[number] = shares / shares.sum()
    return found


def _place(index: Mapping[str, int], label: str, dataset: str, space: LabelSpace) -> int:
    """Return the number of a class; rows were checked when they were read, and the space may be another by now."""
    if label not in index:
        problem = (
            f"data set '{dataset}' was read with a class '{label}', which label space '{space.name}' does not have"
        )
        raise DataError(problem, f"read it anew: 'ucdver data add {dataset} --root DIR', with the plugins of its space")
    return index[label]


def _reading(dataset: str, task: Task, registry: Registry) -> _Reading:
    offered = registry.datasets.get(dataset).label_spaces
    declared = task.label_maps.get(dataset)
    if declared is not None and declared != task.label_space:
        return _declared(declared, dataset, task, registry)
    if task.label_space in offered:
        return _Reading(task.label_space, None)
    for space in offered:
        leading = [m for m in registry.label_maps if m.source == space and m.target == task.label_space]
        fitting = [m for m in leading if not m.alternative]
        if len(fitting) > 1:
            names = ", ".join(m.name for m in fitting)
            raise DataError(
                f"task '{task.id}': {names} all lead from the labels of '{dataset}' to '{task.label_space}'",
                f'choose one in the task: label_maps = {{ {dataset} = "{fitting[0].name}" }}',
            )
        if fitting:
            return _checked(fitting[0], registry)
    known = [f"{m.name} (from {m.source})" for m in registry.label_maps if m.target == task.label_space]
    raise DataError(
        f"task '{task.id}': no label map leads from '{dataset}' ({', '.join(offered)}) to '{task.label_space}'",
        f"register one; those to that space are: {', '.join(known) or 'none'}",
    )


def _declared(name: str, dataset: str, task: Task, registry: Registry) -> _Reading:
    found = registry.label_maps.get(name)
    offered = registry.datasets.get(dataset).label_spaces
    if found.target != task.label_space or found.source not in offered:
        raise DataError(
            f"task '{task.id}': label map '{name}' leads from '{found.source}' to '{found.target}', "
            f"not from '{dataset}' ({', '.join(offered)}) to '{task.label_space}'",
            "choose another in the task's label_maps; 'ucdver list label-maps' shows all of them",
        )
    return _checked(found, registry)


def _checked(found: LabelMap, registry: Registry) -> _Reading:
    found.check(registry.label_spaces.get(found.source), registry.label_spaces.get(found.target))
    return _Reading(found.source, found)
