"""From a suite to the list of runs: every cell of the grid, with the reason where there is none."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ucdver.backbones.build import check_backbone, edited_sha256, weights_sha256
from ucdver.data.annotation_imports import Imports
from ucdver.data.annotations import Annotators
from ucdver.data.catalog import Catalog
from ucdver.data.division import Division, divide_task
from ucdver.data.drawing import drawing_sha256
from ucdver.data.labels import label_source
from ucdver.data.shown import shown_sources
from ucdver.discovery import fenced
from ucdver.errors import DataError, SpecError, WeightsError
from ucdver.methods.config import method_class, resolve_config
from ucdver.registry import Registry, load_callable
from ucdver.runs.absent import absent_datasets, part_absent_targets, what_lacks
from ucdver.source import version_of, weights_hash
from ucdver.spec.base import sha256_of
from ucdver.spec.run import MethodChoice, RunSpec
from ucdver.spec.suite import PlanEntry, Suite, SuitePlan
from ucdver.spec.task import Domain, Task


@dataclass(frozen=True)
class Plan:
    """The plan that is remembered beside the runs, and the runs themselves, in the order in which they are done.

    `annotators` are those of the suite, as the runs declare them.
    """

    remembered: SuitePlan
    runs: tuple[RunSpec, ...]
    annotators: Annotators


def make_plan(suite: Suite, registry: Registry, catalog: Catalog, *, fetch: bool = True) -> Plan:
    """Return every cell of the suite: a run, or why there is none (not applicable, data missing).

    Data sets are looked up here, once each, and with `fetch` fetched where that can be done. The plan says of each that
    is absent how it is had. Under a `uc` protocol absent targets do not keep a task from the others. A task whose data
    cannot be divided as the protocol asks is missing, with the reason, which is the error where nothing else can run.
    """
    check_backbone(registry, suite.recipe.backbone)
    faults = absent_datasets(suite, catalog, fetch)
    suite = part_absent_targets(suite, faults)
    lacking = {task.id: what_lacks(task, faults) for task in suite.tasks}
    # The weights of a hub are fetched to be hashed, which neither a dry run nor one without data must do.
    needed = fetch and not all(lacking.values())
    planning = _Planning(
        suite=suite,
        registry=registry,
        catalog=catalog,
        annotators=Annotators(registry, suite.annotators, suite.recipe.image, Imports(catalog.home), fetch),
        fetch=fetch,
        lacking=lacking,
        fingerprints=_fingerprints(suite, catalog, faults),
        weights=weights_sha256(registry, suite.recipe) if needed or suite.recipe.weights != "hub" else "",
        edited=edited_sha256(registry, suite.recipe),
    )
    cells = [cell for task in suite.tasks for name in suite.methods for cell in planning.cells(task, name)]
    runs = tuple(spec for _, spec in cells if spec is not None)
    if not runs and planning.unfit:
        raise planning.unfit[0]
    if not runs and fetch and planning.unweighted:
        raise planning.unweighted[0]
    oracles = tuple(name for name in suite.methods if registry.methods.get(name).oracle)
    told = {name: str(error) for name, error in faults.items()}
    entries = tuple(entry for entry, _ in cells)
    shared = {task.id: count for task in suite.tasks if not lacking[task.id] and (count := _shared(task, catalog))}
    plan = SuitePlan(suite=suite, entries=entries, oracles=oracles, absent=told, shared=shared)
    return Plan(plan, runs, planning.annotators)


@dataclass
class _Planning:
    """What the cells of one plan share, and what was found out on the way."""

    suite: Suite
    registry: Registry
    catalog: Catalog
    annotators: Annotators
    fetch: bool
    lacking: Mapping[str, str]
    fingerprints: Mapping[str, str]
    weights: str
    edited: str
    unfit: list[DataError] = field(default_factory=list)
    unweighted: list[WeightsError] = field(default_factory=list)
    _own: dict[str, str] = field(default_factory=dict)
    _divided: dict[str, Division | DataError] = field(default_factory=dict)
    _sources: dict[str, dict[Domain, str]] = field(default_factory=dict)

    def cells(self, task: Task, method: str) -> list[tuple[PlanEntry, RunSpec | None]]:
        """Return the cell of each seed of a method on a task, with its run where there is one."""
        seeds = self.suite.seeds
        if unfit := _not_applicable(self.suite, self.registry, method, task) or self._seen_sources(task, method):
            return [(_entry(task, method, seed, status="not_applicable", reason=unfit), None) for seed in seeds]
        if not self.lacking[task.id]:
            for dataset in task.datasets:
                # A label map that does not fit is a mistake in the suite: it is refused, not reported as missing.
                label_source(dataset, task, self.registry)
        absent = self.lacking[task.id] or self._undivided(task, method)
        try:
            specs = [] if absent else self._specs(task, method)
        except WeightsError as error:
            absent = str(error)
            self.unweighted.append(error)
        if absent:
            return [(_entry(task, method, seed, status="missing", reason=absent), None) for seed in seeds]
        return [(_entry(task, method, spec.seed, key=spec.key()), spec) for spec in specs]

    def _undivided(self, task: Task, method: str) -> str:
        """Return why a task's data cannot be divided as the protocol asks, in words; empty where they can."""
        try:
            division = self._division(task)
            if self.suite.protocol.setting != "uc" or self.registry.methods.get(method).oracle:
                division.check_target_training(task, self.suite.protocol.split)
        except DataError as error:
            self.unfit.append(error)
            return str(error)
        return ""

    def _division(self, task: Task) -> Division:
        """Return how a task is divided, found out once; a DataError where it cannot be."""
        if task.id not in self._divided:
            try:
                self._divided[task.id] = divide_task(task, self.suite.protocol.split, self.catalog, self.registry)
            except DataError as error:
                self._divided[task.id] = error
        found = self._divided[task.id]
        if isinstance(found, DataError):
            raise found
        return found

    def _specs(self, task: Task, method: str) -> list[RunSpec]:
        """Return the run of every seed; a WeightsError where weights or an annotation cannot be had."""
        options = self.suite.methods[method]
        annotations = self._annotations(task, method, options)
        if method not in self._own:
            self._own[method] = _own_weights(self.registry, method, options, self.fetch)
        first = self._spec(task, method, options, annotations)
        return [first.model_copy(update={"seed": seed}) for seed in self.suite.seeds]

    def _annotations(self, task: Task, method: str, options: Mapping[str, Any]) -> dict[str, str]:
        """Return the hash of every annotation a method reads on a task; a WeightsError where one cannot be made."""
        names = self._extras(method, options)
        reading = any(self.annotators.reads_sources(name, task.datasets) for name in names)
        sources = self._shown(task) if reading else {}
        return {name: self.annotators.digest(name, task.datasets, sources) for name in names}

    def _shown(self, task: Task) -> dict[Domain, str]:
        """Return the sources of a task with the hash of what annotators may be shown of each, but for its texts."""
        if task.id not in self._sources:
            found = self._sources.setdefault(task.id, {})
            for source in shown_sources(task, self.suite.protocol.split, self.catalog, self.registry):
                drawn = drawing_sha256(self.registry.datasets.get(source.domain.dataset))
                found[source.domain] = sha256_of([self.fingerprints[str(source.domain)], drawn, source.rows])
        return self._sources[task.id]

    def _extras(self, method: str, options: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the annotations that a method needs, checked."""
        made, config = method_class(self.registry, method), resolve_config(self.registry, method, options)
        names = fenced(f"method '{method}', needed_extras", lambda: made.needed_extras(config))
        self.annotators.check_extras(method, names)
        read = {name: self.annotators.get(name).config for name in self.annotators.order(names)}
        if misfit := fenced(f"method '{method}', extras_misfit", lambda: made.extras_misfit(config, read)):
            raise SpecError(f"method '{method}': {misfit}", "give both the same options")
        return names

    def _seen_sources(self, task: Task, method: str) -> str:
        """Return why a source-free protocol keeps a method's annotations from it, in words; empty where it does not."""
        if self.suite.protocol.setting != "sfda":
            return ""
        for name in self._extras(method, self.suite.methods[method]):
            if self.annotators.reads_sources(name, task.datasets):
                return f"{method} reads {name}, made of the sources' images, which a source-free protocol keeps away"
        return ""

    def _spec(self, task: Task, method: str, options: Mapping[str, Any], annotations: Mapping[str, str]) -> RunSpec:
        registry, declared = self.registry, self.registry.methods.get(method)
        version = version_of(declared.version, declared.target, method_class(registry, method))
        config = resolve_config(registry, method, options).model_dump(mode="json")
        return RunSpec(
            task=task,
            classes=registry.label_spaces.get(task.label_space).classes,
            protocol=self.suite.protocol,
            method=MethodChoice(name=method, version=version, config=config),
            recipe=self.suite.recipe,
            seed=self.suite.seeds[0],
            data={str(d): self.fingerprints[str(d)] for d in (*task.sources, *task.targets)},
            labels={name: label_source(name, task, registry) for name in task.datasets},
            pictures={name: drawing_sha256(registry.datasets.get(name)) for name in task.datasets},
            weights_sha256=self.weights,
            backbone_sha256=self.edited,
            annotations=dict(annotations),
            method_weights_sha256=self._own[method],
        )


def _entry(task: Task, method: str, seed: int, key: str = "", status: str = "planned", reason: str = "") -> PlanEntry:
    return PlanEntry(task=task.id, method=method, seed=seed, key=key, status=status, reason=reason)


def _fingerprints(suite: Suite, catalog: Catalog, faults: Collection[str]) -> dict[str, str]:
    """Return the fingerprint of every domain that is there, each computed once."""
    found: dict[str, str] = {}
    domains = sorted({d for task in suite.tasks for d in (*task.sources, *task.targets)}, key=str)
    for dataset in sorted({d.dataset for d in domains} - set(faults)):
        manifest = catalog.manifest(dataset)
        found |= {str(d): manifest.fingerprint(d.name) for d in domains if d.dataset == dataset}
    return found


def _shared(task: Task, catalog: Catalog) -> int:
    """Return how many pictures of a task's targets are in a source too, file for file: training knows their labels."""

    def digests(domains: Sequence[Domain]) -> list[str]:
        manifests = [(catalog.manifest(domain.dataset), domain.name) for domain in domains]
        return [manifest.digests[row.id] for manifest, name in manifests for row in manifest.rows(name)]

    known = set(digests(task.sources))
    return sum(digest in known for digest in digests(task.targets))


def _own_weights(registry: Registry, method: str, options: Mapping[str, Any], fetch: bool) -> str:
    """Return the hash of what a method loads by itself; a WeightsError where that is not here and cannot be had."""
    made, config = method_class(registry, method), resolve_config(registry, method, options)
    return weights_hash(f"method '{method}'", lambda: made.weights_sha256(config, fetch=fetch))


def _not_applicable(suite: Suite, registry: Registry, name: str, task: Task) -> str:
    spec = registry.methods.get(name)
    setting, backbone = suite.protocol.setting, suite.recipe.backbone_name
    if setting not in spec.settings:
        return f"{name} is not defined for the setting '{setting}' (only for {', '.join(spec.settings)})"
    if spec.needs_images and suite.recipe.frozen:
        return f"{name} needs images, and with frozen = true the recipe gives it features"
    if spec.backbones and backbone not in spec.backbones:
        return f"{name} is not defined for the backbone '{backbone}' (only for {', '.join(spec.backbones)})"
    if suite.recipe.precision == "float16" and method_class(registry, name).manual_optimisation:
        return f"{name} makes its own updates, without the scaled losses that float16 needs (bfloat16 needs none)"
    if not spec.unfit:
        return ""
    unfit = load_callable(spec.unfit, f"method '{name}'")
    reason = fenced(f"method '{name}', unfit", lambda: unfit(task, suite.recipe))
    return f"{name} {reason}" if reason else ""
