"""What runs read and workers only open: decoded images, features of a frozen backbone, annotations."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence

import torch

from ucdver.data.annotate import Annotation
from ucdver.data.annotation_cache import write_link
from ucdver.data.annotations import Annotators
from ucdver.data.catalog import Catalog
from ucdver.data.features import open_features
from ucdver.data.images import open_images
from ucdver.data.shown import Sources, shown_sources
from ucdver.errors import UcdverError
from ucdver.registry import Registry
from ucdver.runs.backbone import feature_key, seeded_backbone
from ucdver.seeds import scoped_seed
from ucdver.spec.run import RunSpec
from ucdver.spec.task import Domain

#: (what is prepared, done, total)
Preparing = Callable[[str, int, int], None]


class Preparation:
    """Computes, in this process, whatever the given runs will open.

    Args:
        specs: the runs, all of one suite.
        catalog: holds their data sets.
        annotators: those of the suite, as the runs declare them.
        device: where features and annotations are computed.
        tell: is told of progress.
    """

    def __init__(
        self, specs: Sequence[RunSpec], catalog: Catalog, annotators: Annotators, device: str, tell: Preparing
    ) -> None:
        self._specs = specs
        self._catalog = catalog
        self._registry: Registry = annotators.registry
        self._annotators = annotators
        self._device = torch.device(device)
        self._tell = tell
        self._sources: dict[str, Sources] = {}

    def carry_out(self) -> list[UcdverError]:
        """Prepare everything, and return what could not be annotated; the runs that need it fail with that reason.

        Raises:
            DataError: a picture is damaged, or a feature is not finite.
            WeightsError: the weights of a frozen backbone are not those that a run declares.
        """
        for domain in dict.fromkeys(domain for spec in self._specs for domain in _domains(spec)):
            self._draw(domain)
        # Features of a network from scratch differ by task and seed, those of weights from a file do not.
        frozen = {feature_key(spec): spec for spec in reversed(self._specs) if spec.recipe.frozen}
        for key, first in reversed(frozen.items()):
            self._features(key, first, [spec for spec in self._specs if feature_key(spec) == key])
        return self._annotate()

    def _draw(self, domain: Domain) -> None:
        def progress(done: int, total: int) -> None:
            self._tell(f"drawing {domain}", done, total)

        recipe = self._specs[0].recipe.image
        open_images(self._catalog, self._registry, domain, recipe, progress=progress)

    def _features(self, key: str, first: RunSpec, specs: Iterable[RunSpec]) -> None:
        with scoped_seed("features", key):
            backbone = seeded_backbone(self._registry, first, self._device)
            for domain in dict.fromkeys(domain for spec in specs for domain in _domains(spec)):

                def progress(done: int, total: int, name: str = str(domain)) -> None:
                    self._tell(f"features of {name}", done, total)

                store = open_images(self._catalog, self._registry, domain, first.recipe.image)
                open_features(store, backbone, key, self._device, progress=progress)

    def _annotate(self) -> list[UcdverError]:
        """Compute by annotator and then by domain, so that each model is made once; link what every run declares."""
        names = list(dict.fromkeys(name for spec in self._specs for name in spec.annotations))
        work = Annotation(self._catalog, self._annotators, self._device, self._tell)
        faults: dict[tuple[str, Domain, Sources], UcdverError] = {}
        for name in self._annotators.order(names):
            for domain, sources in self._wanting(name, names):
                try:
                    work.column(name, domain, sources)
                except UcdverError as error:
                    faults[name, domain, sources] = error
        for spec in self._specs:
            for name, domain in itertools.product(spec.annotations, filter(self._has_rows, _domains(spec))):
                sources = self._shown(name, domain, spec)
                fault = faults.get((name, domain, sources))
                file = None if fault else work.column(name, domain, sources).file
                write_link(self._catalog.home, spec, name, domain, file, str(fault or ""))
        return list(faults.values())

    def _wanting(self, name: str, names: Sequence[str]) -> list[tuple[Domain, Sources]]:
        """Return the domains that an annotator is needed for, by itself or by one that reads it.

        Beside each is what is shown of the sources that it belongs to; those of the same sources follow each other.
        """
        users = {top for top in names if name in self._annotators.order([top])}
        wanted: dict[Sources, dict[Domain, None]] = {}
        for spec in self._specs:
            if users & set(spec.annotations):
                for domain in filter(self._has_rows, _domains(spec)):
                    wanted.setdefault(self._shown(name, domain, spec), {})[domain] = None
        return [(domain, sources) for sources, domains in wanted.items() for domain in domains]

    def _shown(self, name: str, domain: Domain, spec: RunSpec) -> Sources:
        """Return what an annotator is shown of the sources of a run's task, where it is shown them."""
        if not self._annotators.reads_sources(name, [domain.dataset]):
            return ()
        # All runs are of one suite, and so of one protocol.
        if spec.task.id not in self._sources:
            rule = spec.protocol.split
            self._sources[spec.task.id] = shown_sources(spec.task, rule, self._catalog, self._registry)
        return self._sources[spec.task.id]

    def _has_rows(self, domain: Domain) -> bool:
        # A domain without any fails the run that is given it, in words of its own.
        return bool(self._catalog.manifest(domain.dataset).rows(domain.name))


def _domains(spec: RunSpec) -> tuple[Domain, ...]:
    return (*spec.task.sources, *spec.task.targets)
