"""How a task's rows are divided into training, validation and test; the plan asks before anything is trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ucdver.data.catalog import Catalog
from ucdver.data.members import Members, members_of
from ucdver.data.splits import Indices, RowKeys, TargetSplit, assign_folds, split_sources, split_target
from ucdver.errors import DataError
from ucdver.registry import Registry
from ucdver.spec.protocol import SplitRule
from ucdver.spec.task import Domain, Task


@dataclass(frozen=True)
class Division:
    """The rows of each domain of a task that train, validate and test, as row numbers among its members.

    Attributes:
        train: of each source, its training rows.
        val: of each source, its validation rows.
        unlabelled: of each target, its training rows; a target may have none.
        test: of each target, its test rows.
    """

    train: tuple[Indices, ...]
    val: tuple[Indices, ...]
    unlabelled: tuple[Indices, ...]
    test: tuple[Indices, ...]

    def check_target_training(self, task: Task, rule: SplitRule) -> None:
        """Raise a DataError where a target has no training rows."""
        for domain, chosen in zip(task.targets, self.unlabelled, strict=True):
            if not chosen.size:
                raise DataError(
                    f"target {domain} has no training rows in its {rule.kind} split",
                    "use a protocol whose split has kind = 'all'",
                )


def divide(task: Task, rule: SplitRule, members: Mapping[Domain, Members], catalog: Catalog) -> Division:
    """Divide the members of a task; no label of a target is read.

    Args:
        task: whose sources and targets are divided.
        rule: the protocol's rule.
        members: the members of every domain of the task.
        catalog: holds the manifests of all its data sets, from which a grouped rule takes every group.

    Raises:
        DataError: a source is left without training rows or a target without test rows, or a row has no group where
            groups are needed.
    """
    folds = _folds(task, rule, catalog) if rule.kind == "grouped" else {}
    keys = {domain: RowKeys.of(domain.dataset, found.rows) for domain, found in members.items()}
    sources = [members[domain] for domain in task.sources]
    labels = np.concatenate([found.labels for found in sources])
    source = split_sources(RowKeys.joined([keys[domain] for domain in task.sources]), labels, rule, folds)
    targets: list[TargetSplit] = [split_target(keys[domain], rule, folds) for domain in task.targets]
    return Division(
        train=_per_domain(source.train, sources),
        val=_per_domain(source.val, sources),
        unlabelled=tuple(split.train for split in targets),
        test=tuple(split.test for split in targets),
    )


def divide_task(task: Task, rule: SplitRule, catalog: Catalog, registry: Registry) -> Division:
    """Divide a task whose data sets are here, before any run of it is declared.

    Raises:
        DataError: as `divide`; or a domain has no member, or no label map leads to the task's space.
    """
    members = {d: members_of(d, task, catalog, registry) for d in (*task.sources, *task.targets)}
    return divide(task, rule, members, catalog)


def _folds(task: Task, rule: SplitRule, catalog: Catalog) -> dict[str, int]:
    # Every row of the data sets counts, member or not, so that no label can move a group to another fold.
    rows = (row for name in task.datasets for row in catalog.manifest(name).rows())
    return assign_folds((row.group for row in rows), rule)


def _per_domain(chosen: Indices, sources: Sequence[Members]) -> tuple[Indices, ...]:
    """Cut row numbers over all sources into row numbers within each."""
    bounds = np.cumsum([0, *(len(found.rows) for found in sources)])
    return tuple(chosen[(chosen >= start) & (chosen < stop)] - start for start, stop in pairwise(bounds))
