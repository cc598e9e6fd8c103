"""The members of a task in one domain, checked against what the run's spec declares."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ucdver.data.catalog import Catalog
from ucdver.data.labels import label_source, resolve_labels
from ucdver.data.manifest import Row
from ucdver.errors import DataError
from ucdver.registry import Registry
from ucdver.spec.run import RunSpec
from ucdver.spec.task import Domain, Task


@dataclass(frozen=True)
class Members:
    """The rows of one domain that have a label in the task's space.

    Attributes:
        domain: the domain.
        rows: its members, in the manifest's order.
        numbers: int64 [N], where each stands among all rows of the domain, and so in its image store.
        labels: int64 [N], class indices. Whoever builds a target view must not read them.
    """

    domain: Domain
    rows: tuple[Row, ...]
    numbers: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int64]


def open_members(domain: Domain, spec: RunSpec, catalog: Catalog, registry: Registry) -> Members:
    """Return the members of `spec.task` in `domain`.

    Raises:
        DataError: the data, the label map or the classes are not those that the spec declares, or there is no
            member.
    """
    _check_declared(domain, spec, catalog, registry)
    return members_of(domain, spec.task, catalog, registry)


def members_of(domain: Domain, task: Task, catalog: Catalog, registry: Registry) -> Members:
    """Return the members of a task in a domain, whatever a run declares; a DataError where there is none."""
    rows = catalog.manifest(domain.dataset).rows(domain.name)
    numbers, labels = resolve_labels(rows, domain.dataset, task, registry)
    if not numbers.size:
        raise DataError(
            f"task '{task.id}': no row of {domain} has a label in '{task.label_space}'",
            "choose another domain or label map",
        )
    return Members(domain, tuple(rows[number] for number in numbers), numbers, labels)


def _check_declared(domain: Domain, spec: RunSpec, catalog: Catalog, registry: Registry) -> None:
    # A result is stored under what the spec declares, so nothing else may be trained on.
    again = "plan the run again; its key will be another"
    found = catalog.manifest(domain.dataset).fingerprint(domain.name)
    declared = spec.data.get(str(domain), "")
    if found != declared:
        raise DataError(
            f"the rows of {domain} have the fingerprint {found[:12]}, and the run declares {declared[:12] or 'none'}",
            again,
        )
    reading = label_source(domain.dataset, spec.task, registry)
    if spec.labels.get(domain.dataset) != reading:
        raise DataError(
            f"the labels of '{domain.dataset}' are read by '{reading}', and the run declares "
            f"'{spec.labels.get(domain.dataset, 'nothing')}'",
            again,
        )
    if registry.label_spaces.get(spec.task.label_space).classes != spec.classes:
        raise DataError(f"the run's classes are not those of label space '{spec.task.label_space}'", again)
