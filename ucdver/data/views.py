"""What training is handed: labelled source rows, and target rows on which there is no label to read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ucdver.data.catalog import Catalog
from ucdver.data.division import divide
from ucdver.data.images import ImageStore, open_images
from ucdver.data.members import Members, open_members
from ucdver.data.rows import Indices, Part, Rows, as_rows, as_viewed_rows
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
    """Members of one domain that belong to a view, and the arrays that their images and extras are rows of.

    `viewed` names the extras whose second axis is versions of the picture.
    """

    images: npt.NDArray[Any]
    extras: Mapping[str, npt.NDArray[Any]]
    viewed: frozenset[str]
    members: Members
    chosen: Indices

    def rows(self, array: npt.NDArray[Any]) -> Part:
        """Return the chosen rows of an array that has one row for each of the domain."""
        return Part(array, self.members.numbers[self.chosen])


@dataclass(frozen=True)
class _Sides:
    """Everything that is open of a task, by domain."""

    members: Mapping[Domain, Members]
    pictures: Mapping[Domain, npt.NDArray[Any]]
    extras: Mapping[Domain, Mapping[str, npt.NDArray[Any]]]
    viewed: frozenset[str]

    def of(self, domains: Sequence[Domain], chosen: Sequence[Indices]) -> list[_Side]:
        """Return the chosen rows of each domain."""
        pairs = zip(domains, chosen, strict=True)
        return [_Side(self.pictures[d], self.extras[d], self.viewed, self.members[d], rows) for d, rows in pairs]


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
    task = spec.task
    opened = {d: open_members(d, spec, catalog, registry) for d in (*task.sources, *task.targets)}
    division = divide(task, spec.protocol.split, opened, catalog)
    if oracle or spec.protocol.setting != "uc":
        division.check_target_training(task, spec.protocol.split)
    viewed = frozenset(name for name in spec.annotations if registry.annotators.get(name).views)
    sides = _Sides(opened, *_arrays(opened, spec, catalog, registry, features, annotations), viewed)
    trained_on = sides.of(task.targets, division.unlabelled) if oracle else sides.of(task.sources, division.train)
    seen = spec.protocol.setting != "uc"
    return TaskData(
        source_train=_source_view(trained_on),
        source_val=_source_view(sides.of(task.sources, division.val)),
        target_train=_target_view(sides.of(task.targets, division.unlabelled)) if seen else None,
        target_test={str(part.members.domain): _target_view([part]) for part in sides.of(task.targets, division.test)},
    )


def _arrays(
    opened: Mapping[Domain, Members],
    spec: RunSpec,
    catalog: Catalog,
    registry: Registry,
    features: Features | None,
    annotations: Annotations | None,
) -> tuple[dict[Domain, npt.NDArray[Any]], dict[Domain, dict[str, npt.NDArray[Any]]]]:
    """Return what each domain's rows are rows of: its images, and its annotations by name."""
    pictures = {d: _pictures(found, spec, catalog, registry, features) for d, found in opened.items()}
    if spec.annotations and annotations is None:
        raise ValueError("the run declares annotations, and nothing opens them")
    return pictures, {d: {n: annotations(n, d) for n in spec.annotations} if annotations else {} for d in opened}


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
    extras: dict[str, Rows] = {}
    for name in parts[0].extras:
        stored = [part.rows(part.extras[name]) for part in parts]
        extras[name] = as_viewed_rows(stored) if name in parts[0].viewed else as_rows(stored)
    return as_rows([part.rows(part.images) for part in parts]), extras
