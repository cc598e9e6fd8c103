"""What training is handed: labelled source rows, and target rows on which there is no label to read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ucdver.data.catalog import Catalog
from ucdver.data.images import ImageStore, open_images
from ucdver.data.members import Members, open_members
from ucdver.data.rows import Indices, Part, Rows, as_rows
from ucdver.data.splits import RowKeys, TargetSplit, assign_folds, split_sources, split_target
from ucdver.errors import DataError
from ucdver.registry import Registry
from ucdver.spec.run import RunSpec
from ucdver.spec.task import Domain

Features = Callable[[ImageStore], npt.NDArray[np.float32]]
#: (annotator, domain) -> its annotations of all rows of the domain, in the manifest's order.
Annotations = Callable[[str, Domain], npt.NDArray[Any]]


@dataclass(frozen=True)
class SourceView:
    """Labelled rows.

    Attributes:
        images: uint8 [N, C, H, W], or float32 [N, D] features of a frozen backbone. Many of them are no tensor but
            `MappedRows`, which are read from disk when they are indexed.
        labels: int64 [N], indices into the task's classes.
        domains: int64 [N], index of the domain among the task's sources (for an oracle's, among its targets).
        ids: global ids, `dataset/id`.
        extras: annotations by name, each [N, ...], as they are stored.
    """

    images: Rows
    labels: Tensor
    domains: Tensor
    ids: tuple[str, ...]
    extras: Mapping[str, Rows] = field(default_factory=dict)


@dataclass(frozen=True)
class TargetView:
    """Rows without labels; fields as in `SourceView`. `domain` names them, several joined by a plus sign."""

    images: Rows
    ids: tuple[str, ...]
    domain: str
    extras: Mapping[str, Rows] = field(default_factory=dict)


@dataclass(frozen=True)
class TaskData:
    """All that a run may see before evaluation; `target_test` is by domain, as `dataset:name`.

    `target_train` is None in the setting `uc`, where no target is seen before the test.
    """

    source_train: SourceView
    source_val: SourceView
    target_train: TargetView | None
    target_test: Mapping[str, TargetView]


@dataclass(frozen=True)
class _Side:
    """Members of one domain that belong to a view, and the arrays that their images and extras are rows of."""

    images: npt.NDArray[Any]
    extras: Mapping[str, npt.NDArray[Any]]
    members: Members
    chosen: Indices

    def rows(self, array: npt.NDArray[Any]) -> Part:
        """Return the chosen rows of an array that has one row for each of the domain."""
        return Part(array, self.members.numbers[self.chosen])


def load_task(
    spec: RunSpec,
    catalog: Catalog,
    registry: Registry,
    *,
    features: Features | None = None,
    annotations: Annotations | None = None,
    oracle: bool = False,
) -> TaskData:
    """Return the data of a run; images are decoded first where the cache lacks them.

    Args:
        spec: the run, whose declared data must be what the catalog holds.
        catalog: must already have every data set of the task.
        registry: knows data sets, label spaces and maps.
        features: gives the frozen backbone's features of a store, which then stand for the images.
        annotations: opens the annotations that `spec.annotations` names.
        oracle: train on the labelled training rows of the targets in the source's place. This is the only
            road by which target labels enter training, for methods that are registered as oracles.
            `source_val` stays the source's.

    Raises:
        DataError: the data are absent, damaged, not those declared, or leave a side without rows.
    """
    opened = {d: open_members(d, spec, catalog, registry) for d in (*spec.task.sources, *spec.task.targets)}
    rule = spec.protocol.split
    folds = _folds(spec, catalog) if rule.kind == "grouped" else {}
    keys = {d: RowKeys.of(d.dataset, found.rows) for d, found in opened.items()}

    sources = [opened[d] for d in spec.task.sources]
    labels = np.concatenate([found.labels for found in sources])
    source_split = split_sources(RowKeys.joined([keys[d] for d in spec.task.sources]), labels, rule, folds)
    targets = [opened[d] for d in spec.task.targets]
    target_splits = [split_target(keys[d], rule, folds) for d in spec.task.targets]

    pictures = {d: _pictures(found, spec, catalog, registry, features) for d, found in opened.items()}

    if spec.annotations and annotations is None:
        raise ValueError("the run declares annotations, and nothing opens them")
    extras = {d: {name: annotations(name, d) for name in spec.annotations} if annotations else {} for d in opened}

    def parts(members: Sequence[Members], chosen: Sequence[Indices]) -> list[_Side]:
        return [_Side(pictures[m.domain], extras[m.domain], m, c) for m, c in zip(members, chosen, strict=True)]

    trained_on = parts(sources, _per_domain(source_split.train, sources))
    if oracle:
        trained_on = parts(targets, _training_rows(spec, target_splits))
    unlabelled = None
    if spec.protocol.setting != "uc":
        unlabelled = _target_view(parts(targets, _training_rows(spec, target_splits)))
    return TaskData(
        source_train=_source_view(trained_on),
        source_val=_source_view(parts(sources, _per_domain(source_split.val, sources))),
        target_train=unlabelled,
        target_test={
            str(part.members.domain): _target_view([part])
            for part in parts(targets, [split.test for split in target_splits])
        },
    )


def _folds(spec: RunSpec, catalog: Catalog) -> dict[str, int]:
    # Every row of the data sets counts, member or not, so that no label can move a group to another fold.
    rows = (row for name in spec.task.datasets for row in catalog.manifest(name).rows())
    return assign_folds((row.group for row in rows), spec.protocol.split)


def _per_domain(chosen: Indices, sources: Sequence[Members]) -> list[Indices]:
    """Cut row numbers over all sources into row numbers within each."""
    bounds = np.cumsum([0, *(len(found.rows) for found in sources)])
    return [chosen[(chosen >= start) & (chosen < stop)] - start for start, stop in pairwise(bounds)]


def _training_rows(spec: RunSpec, splits: Sequence[TargetSplit]) -> list[Indices]:
    for domain, split in zip(spec.task.targets, splits, strict=True):
        if not split.train.size:
            raise DataError(
                f"target {domain} has no training rows in its {spec.protocol.split.kind} split",
                "use a protocol whose split has kind = 'all'",
            )
    return [split.train for split in splits]


def _pictures(
    found: Members, spec: RunSpec, catalog: Catalog, registry: Registry, features: Features | None
) -> npt.NDArray[np.uint8] | npt.NDArray[np.float32]:
    store = open_images(catalog, registry, found.domain, spec.recipe.image)
    return store.array if features is None else features(store)


def _source_view(parts: Sequence[_Side]) -> SourceView:
    labels = np.concatenate([part.members.labels[part.chosen] for part in parts])
    domains = np.repeat(np.arange(len(parts), dtype=np.int64), [part.chosen.size for part in parts])
    images, extras = _rows(parts)
    return SourceView(images, torch.from_numpy(labels), torch.from_numpy(domains), _ids(parts), extras)


def _target_view(parts: Sequence[_Side]) -> TargetView:
    images, extras = _rows(parts)
    return TargetView(images, _ids(parts), "+".join(str(part.members.domain) for part in parts), extras)


def _ids(parts: Sequence[_Side]) -> tuple[str, ...]:
    return tuple(f"{p.members.domain.dataset}/{p.members.rows[number].id}" for p in parts for number in p.chosen)


def _rows(parts: Sequence[_Side]) -> tuple[Rows, dict[str, Rows]]:
    """Return the images of all parts, and their extras by name."""
    extras = {name: as_rows([part.rows(part.extras[name]) for part in parts]) for name in parts[0].extras}
    return as_rows([part.rows(part.images) for part in parts]), extras
