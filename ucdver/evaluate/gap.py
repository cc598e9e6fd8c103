"""What separates the domains of a task, on the features of any backbone: an analysis, which reads target labels.

Nothing of it is handed to a method, a selection rule or a run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from ucdver.backbones.base import Backbone
from ucdver.backbones.build import build_backbone, edited_sha256, weights_sha256
from ucdver.data.catalog import Catalog
from ucdver.data.features import open_features, recipe_key
from ucdver.data.images import open_images
from ucdver.data.labels import resolve_labels
from ucdver.errors import DataError
from ucdver.registry import Registry
from ucdver.seeds import derive_seed, scoped_seed
from ucdver.spec.recipe import Recipe
from ucdver.spec.task import Domain, Task
from ucdver.stats.gap.a_distance import proxy_a_distance
from ucdver.stats.gap.mmd import Discrepancy, squared_mmd
from ucdver.stats.gap.priors import PriorShift, prior_shift
from ucdver.stats.gap.scatter import ScatterRatio, scatter_ratio
from ucdver.stats.intervals import Interval


@dataclass(frozen=True)
class Side:
    """The members of one or more domains: features [N, D], class indices [N]."""

    name: str
    features: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Gap:
    """What separates a target from the sources of its task.

    Attributes:
        source: the sources, joined by a plus sign.
        target: `dataset:domain`.
        source_counts: images by class, in the order of the label space.
        target_counts: the same of the target.
        measured_on: images of source and of target that the first two distances were computed on.
        a_distance: the proxy A-distance.
        mmd: the squared maximum mean discrepancy.
        priors: the distance of the class priors.
        scatter: the within-class scatter.
    """

    source: str
    target: str
    source_counts: tuple[int, ...]
    target_counts: tuple[int, ...]
    measured_on: tuple[int, int]
    a_distance: Interval
    mmd: Discrepancy
    priors: PriorShift
    scatter: ScatterRatio


class GapMeter:
    """Measures tasks with one backbone.

    Args:
        catalog: must already have the data sets of the tasks.
        registry: knows data sets, label spaces and maps.
        recipe: names the backbone and the size of the pictures; the rest of it is not read.
        device: where features are computed.
        most: images a side for the A-distance and the discrepancy, whose time grows with the square of their number.
        seed: of the network's weights where it has none, and of every draw.
    """

    def __init__(
        self, catalog: Catalog, registry: Registry, recipe: Recipe, device: str = "cpu", most: int = 2000, seed: int = 0
    ) -> None:
        self.catalog = catalog
        self.registry = registry
        self.recipe = recipe
        self.device = device
        self.most = most
        self.seed = seed
        weights = weights_sha256(registry, recipe)
        self._key = recipe_key(recipe, weights, edited_sha256(registry, recipe), seed)
        with scoped_seed("gap", seed):
            # As a run does with this seed: the key of cached features names it, so the same weights must follow.
            torch.manual_seed(derive_seed("backbone", seed))
            self._backbone: Backbone = build_backbone(registry, recipe, weights)

    def measure(self, task: Task) -> list[Gap]:
        """Return the gap between the task's sources, taken together, and each of its targets.

        Raises:
            DataError: data are absent or damaged, or too few for a measure.
        """
        source = self._side(task, task.sources)
        return [self._between(task, source, self._side(task, [target])) for target in task.targets]

    def _side(self, task: Task, domains: Sequence[Domain]) -> Side:
        features, labels = [], []
        for domain in domains:
            rows = self.catalog.manifest(domain.dataset).rows(domain.name)
            numbers, classes = resolve_labels(rows, domain.dataset, task, self.registry)
            store = open_images(self.catalog, self.registry, domain, self.recipe.image)
            features.append(open_features(store, self._backbone, self._key, self.device)[numbers])
            labels.append(classes)
        name = "+".join(str(domain) for domain in domains)
        return Side(name, np.concatenate(features), np.concatenate(labels))

    def _between(self, task: Task, source: Side, target: Side) -> Gap:
        classes = len(self.registry.label_spaces.get(task.label_space).classes)
        few, many = self._some(source.features, 0), self._some(target.features, 1)
        try:
            return Gap(
                source.name,
                target.name,
                _counts(source, classes),
                _counts(target, classes),
                (len(few), len(many)),
                proxy_a_distance(few, many, seed=self.seed),
                squared_mmd(few, many, seed=self.seed),
                prior_shift(source.labels, target.labels, classes, seed=self.seed),
                scatter_ratio((source.features, source.labels), (target.features, target.labels), seed=self.seed),
            )
        except ValueError as error:
            problem = f"task '{task.id}': {source.name} and {target.name} cannot be compared: {error}"
            raise DataError(problem, "choose domains with more labelled images") from error

    def _some(self, features: npt.NDArray[np.float32], side: int) -> npt.NDArray[np.float32]:
        """Return all images, or `most` of them, drawn without replacement and in their order."""
        if len(features) <= self.most:
            return features
        rng = np.random.Generator(np.random.Philox(key=[self.seed, side]))
        return features[np.sort(rng.choice(len(features), self.most, replace=False))]


def _counts(side: Side, classes: int) -> tuple[int, ...]:
    return tuple(np.bincount(side.labels, minlength=classes).tolist())
