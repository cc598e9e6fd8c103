"""Which images of a task's sources an annotator may be shown: those that runs are trained on, and no others."""

from __future__ import annotations

from dataclasses import dataclass

from ucdver.data.catalog import Catalog
from ucdver.data.division import divide
from ucdver.data.members import members_of
from ucdver.registry import Registry
from ucdver.spec.protocol import SplitRule
from ucdver.spec.task import Domain, Task


@dataclass(frozen=True)
class ShownSource:
    """Training rows of one source of a task.

    Attributes:
        domain: the source.
        rows: their numbers among the domain's rows in the manifest.
    """

    domain: Domain
    rows: tuple[int, ...]


#: Of each source of a task, in its order; empty for an annotator that is shown none.
Sources = tuple[ShownSource, ...]


def shown_sources(task: Task, rule: SplitRule, catalog: Catalog, registry: Registry) -> Sources:
    """Return the training rows of every source; a DataError where the task cannot be divided so."""
    members = {d: members_of(d, task, catalog, registry) for d in (*task.sources, *task.targets)}
    chosen = divide(task, rule, members, catalog).train
    return tuple(
        ShownSource(domain, tuple(members[domain].numbers[rows].tolist()))
        for domain, rows in zip(task.sources, chosen, strict=True)
    )
