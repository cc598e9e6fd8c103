"""Target labels, hard and soft, opened after training and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from ucdver.data.catalog import Catalog
from ucdver.data.labels import soft_labels
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


def open_target_soft_labels(spec: RunSpec, catalog: Catalog, registry: Registry) -> dict[str, npt.NDArray[np.float64]]:
    """Return the class distribution, [K], of every member of a target that has one, by global id.

    Raises:
        DataError: the data are absent or not those that the spec declares.
    """
    found: dict[str, npt.NDArray[np.float64]] = {}
    for domain in spec.task.targets:
        rows = open_members(domain, spec, catalog, registry).rows
        soft = soft_labels(rows, domain.dataset, spec.task, registry)
        voted = np.flatnonzero(np.isfinite(soft).all(axis=1))
        found |= {f"{domain.dataset}/{rows[i].id}": soft[i] for i in voted.tolist()}
    return found


def soft_rows(
    ids: Sequence[str], votes: Mapping[str, npt.NDArray[np.float64]], classes: int
) -> npt.NDArray[np.float32] | None:
    """Return the soft label of each image [N, K], NaN where it has none; None where none has."""
    if not votes:
        return None
    unknown = np.full(classes, np.nan)
    return np.stack([votes.get(name, unknown) for name in ids]).astype(np.float32)
