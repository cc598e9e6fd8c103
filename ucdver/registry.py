"""The registry: every spec by kind and name, lookups that say what was probably meant, lazy loading of targets."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from ucdver.errors import PluginError, closest
from ucdver.spec.labels import LabelMap, LabelSpace
from ucdver.spec.plugin import (
    AnnotatorSpec,
    BackboneSpec,
    DatasetSpec,
    ExecutorSpec,
    ExporterSpec,
    MethodSpec,
    MetricSpec,
    SuiteSpec,
    ValidatorSpec,
)
from ucdver.spec.protocol import Protocol
from ucdver.spec.task import Task

T = TypeVar("T")


@dataclass(frozen=True)
class LoadedPlugin:
    """A plugin that was loaded: its name, its distribution and that one's version, the hooks it implements."""

    name: str
    distribution: str
    version: str
    hooks: tuple[str, ...]


@dataclass(frozen=True)
class BrokenPlugin:
    """A plugin that could not be loaded, or one of whose hooks failed, and why."""

    name: str
    distribution: str
    reason: str


class Catalogue(Generic[T]):
    """The specs of one kind, by name."""

    def __init__(self, kind: str, broken: list[BrokenPlugin]) -> None:
        self.kind = kind
        self._broken = broken
        self._specs: dict[str, tuple[T, str]] = {}

    def add(self, name: str, spec: T, distribution: str) -> None:
        """Add a spec; a name that is taken is an error that names both distributions."""
        if name in self._specs:
            first = self._specs[name][1]
            raise PluginError(
                f"{self.kind} '{name}' is registered twice, by {first} and by {distribution}",
                f"block one of them: UCDVER_DISABLE_PLUGINS={distribution}",
            )
        self._specs[name] = (spec, distribution)

    def get(self, name: str) -> T:
        """Return the spec called `name`; a miss names the nearest name and every broken plugin."""
        if name in self._specs:
            return self._specs[name][0]
        near = closest(name, self._specs)
        plural = self.kind.replace("_", "-") + "s"
        hint = f"did you mean '{near}'? " if near else ""
        hint += f"'ucdver list {plural}' shows all of them"
        if "UCDVER_PLUGINS" in os.environ:
            hint += "; UCDVER_PLUGINS is set, and loads the plugins alone that it names"
        for plugin in self._broken:
            hint += f"; plugin '{plugin.name}' ({plugin.distribution}) failed to load: {plugin.reason}"
        raise PluginError(f"there is no {self.kind.replace('_', ' ')} '{name}'", hint)

    def distribution(self, name: str) -> str:
        """Return the distribution that registered `name`."""
        self.get(name)
        return self._specs[name][1]

    def __contains__(self, name: object) -> bool:
        return name in self._specs

    def __iter__(self) -> Iterator[T]:
        return iter(spec for spec, _ in self._specs.values())

    def __len__(self) -> int:
        return len(self._specs)

    @property
    def names(self) -> tuple[str, ...]:
        """Every name, in the order of registration."""
        return tuple(self._specs)


class Registry:
    """Everything that plugins registered, one catalogue for each kind."""

    def __init__(self, plugins: Iterable[LoadedPlugin] = (), broken: Iterable[BrokenPlugin] = ()) -> None:
        self.plugins = list(plugins)
        self.broken = list(broken)
        self.methods: Catalogue[MethodSpec] = Catalogue("method", self.broken)
        self.datasets: Catalogue[DatasetSpec] = Catalogue("dataset", self.broken)
        self.label_spaces: Catalogue[LabelSpace] = Catalogue("label_space", self.broken)
        self.label_maps: Catalogue[LabelMap] = Catalogue("label_map", self.broken)
        self.tasks: Catalogue[Task] = Catalogue("task", self.broken)
        self.protocols: Catalogue[Protocol] = Catalogue("protocol", self.broken)
        self.suites: Catalogue[SuiteSpec] = Catalogue("suite", self.broken)
        self.backbones: Catalogue[BackboneSpec] = Catalogue("backbone", self.broken)
        self.annotators: Catalogue[AnnotatorSpec] = Catalogue("annotator", self.broken)
        self.metrics: Catalogue[MetricSpec] = Catalogue("metric", self.broken)
        self.validators: Catalogue[ValidatorSpec] = Catalogue("validator", self.broken)
        self.executors: Catalogue[ExecutorSpec] = Catalogue("executor", self.broken)
        self.exporters: Catalogue[ExporterSpec] = Catalogue("exporter", self.broken)

    @property
    def catalogues(self) -> dict[str, Catalogue[Any]]:
        """Every catalogue by its plural name, as `ucdver list` takes it."""
        return {name: value for name, value in vars(self).items() if isinstance(value, Catalogue)}


def load_target(target: str, owner: str) -> Any:
    """Import "module:attr"; what fails is a PluginError that names `owner` (say "method 'dann'") and the target."""
    module_name, _, attribute = target.partition(":")
    try:
        module = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:
        raise PluginError(f"{owner} cannot be loaded from '{target}': {type(error).__name__}: {error}") from error
    try:
        return getattr(module, attribute)
    except AttributeError:
        near = closest(attribute, vars(module))
        hint = f"did you mean '{module_name}:{near}'?" if near else ""
        raise PluginError(f"{owner} cannot be loaded: module '{module_name}' has no '{attribute}'", hint) from None
    except (Exception, SystemExit) as error:
        # A package that imports its names when they are asked for, as ucdver does.
        raise PluginError(f"{owner} cannot be loaded from '{target}': {type(error).__name__}: {error}") from error


def load_callable(target: str, owner: str) -> Callable[..., Any]:
    """Import "module:attr" and refuse what cannot be called."""
    found = load_target(target, owner)
    if not callable(found):
        raise PluginError(f"{owner} cannot be loaded: '{target}' is a {type(found).__name__}, not something to call")
    return found  # type: ignore[no-any-return]
