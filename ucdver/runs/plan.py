"""From a suite to the list of runs: every cell of the grid, with the reason where there is none."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from ucdver.backbones.build import check_backbone, weights_sha256
from ucdver.data.annotation_imports import Imports
from ucdver.data.annotations import Annotators
from ucdver.data.catalog import Catalog
from ucdver.data.images import drawing_sha256
from ucdver.data.labels import label_source
from ucdver.errors import SpecError, WeightsError, suggestion
from ucdver.methods.config import method_class, resolve_config
from ucdver.registry import Registry, load_callable
from ucdver.runs.absent import absent_datasets, part_absent_targets, what_lacks
from ucdver.source import version_of
from ucdver.spec.run import MethodChoice, RunSpec
from ucdver.spec.suite import PlanEntry, Suite, SuitePlan
from ucdver.spec.task import Task


@dataclass(frozen=True)
class Plan:
    """The plan that is remembered beside the runs, and the runs themselves, in the order in which they are done.

    `annotators` are those of the suite, as the runs declare them.
    """

    remembered: SuitePlan
    runs: tuple[RunSpec, ...]
    annotators: Annotators


def restrict(
    suite: Suite,
    registry: Registry,
    methods: tuple[str, ...] = (),
    tasks: tuple[str, ...] = (),
    seeds: int | None = None,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    protocol: str = "",
) -> Suite:
    """Return the suite cut down to the given methods and tasks, with `seeds` seeds and changed method options.

    Under another `protocol` it keeps its budget, and is called `suite+protocol`.

    A registered method that the suite does not list is added with its defaults; an unknown task is a SpecError.
    """
    chosen = dict(suite.methods)
    if methods:
        for name in methods:
            registry.methods.get(name)
        chosen = {name: suite.methods.get(name, {}) for name in methods}
    for name, options in (settings or {}).items():
        if name not in chosen:
            hint = suggestion(name, chosen, f"it runs {', '.join(chosen)}; add it with -m {name}")
            raise SpecError(f"--set {name}.…: suite '{suite.name}' does not run method '{name}'", hint)
        chosen[name] = {**chosen[name], **options}
    for name, options in chosen.items():
        resolve_config(registry, name, options)
    if protocol and protocol != suite.protocol.id:
        budget = {"steps": suite.protocol.steps, "checkpoints": suite.protocol.checkpoints}
        suite = suite.model_copy(
            update={
                "protocol": registry.protocols.get(protocol).model_copy(update=budget),
                "name": f"{suite.name}+{protocol}",
            }
        )
    known = {task.id: task for task in suite.tasks}
    for task in tasks:
        if task not in known:
            hint = suggestion(task, known, f"its tasks are {', '.join(known)}")
            raise SpecError(f"suite '{suite.name}' has no task '{task}'", hint)
    return suite.model_copy(
        update={
            "methods": chosen,
            "tasks": tuple(known[t] for t in dict.fromkeys(tasks)) if tasks else suite.tasks,
            "seeds": tuple(range(seeds)) if seeds is not None else suite.seeds,
        }
    )


def make_plan(suite: Suite, registry: Registry, catalog: Catalog, *, fetch: bool = True) -> Plan:
    """Return every cell of the suite: a run, or why there is none (not applicable, data missing).

    Data sets are looked up here, once each, and with `fetch` fetched where that can be done. The plan says of each that
    is absent how it is had. Under a `uc` protocol absent targets do not keep a task from the others.
    """
    check_backbone(registry, suite.recipe.backbone)
    faults = absent_datasets(suite, catalog, fetch)
    suite = part_absent_targets(suite, faults)
    lacking = {task.id: what_lacks(task, faults) for task in suite.tasks}
    # The weights of a hub are fetched to be hashed, which neither a dry run nor one without data must do.
    needed = fetch and not all(lacking.values())
    weights = weights_sha256(registry, suite.recipe) if needed or suite.recipe.weights != "hub" else ""
    data = _fingerprints(suite, catalog, faults)
    annotators = Annotators(registry, suite.annotators, suite.recipe.image, Imports(catalog.home), fetch)
    unweighted: list[WeightsError] = []
    own: dict[str, str] = {}
    entries: list[PlanEntry] = []
    runs: list[RunSpec] = []
    for task in suite.tasks:
        reason = lacking[task.id]
        for name, options in suite.methods.items():
            unfit = _not_applicable(suite, registry, name, task)
            absent = reason
            annotations: dict[str, str] = {}
            if not unfit and not absent:
                try:
                    annotations = _annotations(annotators, task, name, options)
                    if name not in own:
                        own[name] = _own_weights(registry, name, options, fetch)
                except WeightsError as error:
                    absent = str(error)
                    unweighted.append(error)
            for seed in suite.seeds:
                if unfit:
                    entries.append(_entry(task, name, seed, status="not_applicable", reason=unfit))
                elif absent:
                    entries.append(_entry(task, name, seed, status="missing", reason=absent))
                else:
                    spec = _run_spec(suite, registry, data, task, name, options, seed, weights, annotations, own[name])
                    runs.append(spec)
                    entries.append(_entry(task, name, seed, key=spec.key()))
    if not runs and fetch and unweighted:
        raise unweighted[0]
    oracles = tuple(name for name in suite.methods if registry.methods.get(name).oracle)
    told = {name: str(error) for name, error in faults.items()}
    plan = SuitePlan(suite=suite, entries=tuple(entries), oracles=oracles, absent=told)
    return Plan(plan, tuple(runs), annotators)


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


def _annotations(annotators: Annotators, task: Task, method: str, options: Mapping[str, Any]) -> dict[str, str]:
    """Return the hash of every annotation that a method reads on a task; a WeightsError where one cannot be made."""
    registry = annotators.registry
    names = method_class(registry, method).needed_extras(resolve_config(registry, method, options))
    annotators.check_extras(method, names)
    return {name: annotators.digest(name, task.datasets) for name in names}


def _own_weights(registry: Registry, method: str, options: Mapping[str, Any], fetch: bool) -> str:
    """Return the hash of what a method loads by itself; a WeightsError where that is not here and cannot be had."""
    return method_class(registry, method).weights_sha256(resolve_config(registry, method, options), fetch=fetch)


def _not_applicable(suite: Suite, registry: Registry, name: str, task: Task) -> str:
    spec = registry.methods.get(name)
    setting, backbone = suite.protocol.setting, suite.recipe.backbone_name
    if setting not in spec.settings:
        return f"{name} is not defined for the setting '{setting}' (only for {', '.join(spec.settings)})"
    if spec.needs_images and suite.recipe.frozen:
        return f"{name} needs images, and with frozen = true the recipe gives it features"
    if spec.backbones and backbone not in spec.backbones:
        return f"{name} is not defined for the backbone '{backbone}' (only for {', '.join(spec.backbones)})"
    reason = load_callable(spec.unfit, f"method '{name}'")(task, suite.recipe) if spec.unfit else ""
    return f"{name} {reason}" if reason else ""


def _run_spec(
    suite: Suite,
    registry: Registry,
    fingerprints: Mapping[str, str],
    task: Task,
    method: str,
    options: Mapping[str, Any],
    seed: int,
    weights: str,
    annotations: Mapping[str, str],
    method_weights: str,
) -> RunSpec:
    config = resolve_config(registry, method, options).model_dump(mode="json")
    declared = registry.methods.get(method)
    version = version_of(declared.version, declared.target, method_class(registry, method))
    return RunSpec(
        task=task,
        classes=registry.label_spaces.get(task.label_space).classes,
        protocol=suite.protocol,
        method=MethodChoice(name=method, version=version, config=config),
        recipe=suite.recipe,
        seed=seed,
        data={str(d): fingerprints[str(d)] for d in (*task.sources, *task.targets)},
        labels={name: label_source(name, task, registry) for name in task.datasets},
        pictures={name: drawing_sha256(registry.datasets.get(name)) for name in task.datasets},
        weights_sha256=weights,
        annotations=dict(annotations),
        method_weights_sha256=method_weights,
    )
