"""Target labels, opened after training and nowhere else."""

from __future__ import annotations

from ucdver.data.catalog import Catalog
from ucdver.data.members import open_members
from ucdver.registry import Registry
from ucdver.spec.run import RunSpec


def open_target_labels(spec: RunSpec, catalog: Catalog, registry: Registry) -> dict[str, int]:
    """Return the class index of every member of every target of the task, by global id (`dataset/id`).

    Raises:
        DataError: the data are absent or not those that the spec declares.
    """
    return {
        f"{domain.dataset}/{row.id}": int(label)
        for domain in spec.task.targets
        for found in (open_members(domain, spec, catalog, registry),)
        for row, label in zip(found.rows, found.labels, strict=True)
    }
