"""Builds the registry from plugins, each fenced off from the others, and tells observing plugins about runs.

Plugins are `ucdver.builtin`, the entry points of the group "ucdver", and a file `ucdver_local.py` in a folder
that the caller names. One that fails in any way is set aside whole as a `BrokenPlugin`, and the rest goes on;
only a name that two distributions register is an error for everybody.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

import pluggy

import ucdver
from ucdver import hookspecs
from ucdver.discovery import (
    GROUP,
    LOCAL_FILE,
    LOCAL_MODULE,
    PRIVATE_PREFIX,
    Candidate,
    attempt,
    discover,
    reason,
)
from ucdver.errors import PluginError, closest
from ucdver.registry import BrokenPlugin, LoadedPlugin, Registry
from ucdver.spec import plugin as specs
from ucdver.spec.labels import LabelMap, LabelSpace
from ucdver.spec.protocol import Protocol
from ucdver.spec.run import RunRecord, RunSpec
from ucdver.spec.task import Task

if TYPE_CHECKING:
    import typer

_LOGGER = logging.getLogger("ucdver.plugins")

#: What each collecting hook may return; the rest of its name is the name of the catalogue.
_ITEMS: dict[str, type[Any]] = {
    "ucdver_label_spaces": LabelSpace,
    "ucdver_label_maps": LabelMap,
    "ucdver_datasets": specs.DatasetSpec,
    "ucdver_tasks": Task,
    "ucdver_protocols": Protocol,
    "ucdver_suites": specs.SuiteSpec,
    "ucdver_backbones": specs.BackboneSpec,
    "ucdver_annotators": specs.AnnotatorSpec,
    "ucdver_methods": specs.MethodSpec,
    "ucdver_metrics": specs.MetricSpec,
    "ucdver_validators": specs.ValidatorSpec,
    "ucdver_executors": specs.ExecutorSpec,
    "ucdver_exporters": specs.ExporterSpec,
}


@dataclass
class _Loaded:
    """Everything one `load_registry` made; `local` is the imported `ucdver_local.py`."""

    registry: Registry = field(default_factory=Registry)
    manager: pluggy.PluginManager = field(default_factory=lambda: pluggy.PluginManager("ucdver"))
    warnings: list[str] = field(default_factory=list)
    local: ModuleType | None = None


@dataclass(frozen=True)
class CommandMaker:
    """A plugin that has commands; `add` puts them into an app, and may raise whatever the plugin's code does."""

    plugin: str
    distribution: str
    add: Callable[[typer.Typer], None]


def load_registry(local: Path | None = None) -> Registry:
    """Return the registry of every plugin, built once per process for the same `local`.

    Args:
        local: a folder; its `ucdver_local.py`, where there is one, is a plugin too, and targets in it are
            written "ucdver_local:Class".

    Raises:
        PluginError: two distributions register the same name.
    """
    return _loaded(local).registry


def plugin_warnings(local: Path | None = None) -> list[str]:
    """Return a line for each name in UCDVER_PLUGINS and UCDVER_DISABLE_PLUGINS that no plugin has."""
    return list(_loaded(local).warnings)


def hook_relay(local: Path | None = None) -> pluggy.HookRelay:
    """Return the hooks with every plugin that was loaded for `local` behind them."""
    return _loaded(local).manager.hook


def notify(
    event: Literal["started", "finished", "failed"], value: RunSpec | RunRecord, local: Path | None = None
) -> None:
    """Tell the observers about a run; what one of them raises is logged and goes no further."""
    for impl in getattr(hook_relay(local), f"ucdver_run_{event}").get_hookimpls():
        _, error = attempt(functools.partial(impl.function, *[value] * len(impl.argnames)))
        if error is not None:
            _LOGGER.error(
                "plugin %s failed in ucdver_run_%s: %s",
                impl.plugin_name,
                event,
                reason(error),
                exc_info=error,
            )


def command_makers(local: Path | None = None) -> list[CommandMaker]:
    """Return what adds the commands of each plugin that has any; calling it runs the plugin's code."""
    makers = []
    for impl in hook_relay(local).ucdver_commands.get_hookimpls():
        distribution, _, name = impl.plugin_name.partition(":")

        def add(app: typer.Typer, impl: Any = impl) -> None:
            impl.function(*[app] * len(impl.argnames))

        makers.append(CommandMaker(name, distribution, add))
    return makers


def reset() -> None:
    """Forget every registry and every `ucdver_local.py`, so that the next call loads anew."""
    _load.cache_clear()
    for name in [n for n in sys.modules if n.startswith(PRIVATE_PREFIX) or n == LOCAL_MODULE]:
        del sys.modules[name]


def _loaded(local: Path | None) -> _Loaded:
    folder = local.resolve() if local is not None and (local / LOCAL_FILE).is_file() else None
    loaded = _load(folder)
    if loaded.local is not None:
        # The last one that was asked for answers to the public name; each keeps its own private one.
        sys.modules[LOCAL_MODULE] = loaded.local
    return loaded


@functools.cache
def _load(folder: Path | None) -> _Loaded:
    loaded = _Loaded()
    loaded.manager.add_hookspecs(hookspecs)
    builtin = functools.partial(importlib.import_module, "ucdver.builtin")
    _add(loaded, Candidate("ucdver.builtin", GROUP, ucdver.__version__, builtin))
    found = discover(folder)
    loaded.warnings.extend(found.warnings)
    loaded.registry.broken.extend(found.broken)
    for candidate in found.candidates:
        module = _add(loaded, candidate)
        if candidate.distribution == LOCAL_FILE:
            loaded.local = module
    return loaded


def _add(loaded: _Loaded, candidate: Candidate) -> ModuleType | None:
    """Import, register and collect one plugin; on any failure but a clash nothing of it stays."""
    registry, manager = loaded.registry, loaded.manager
    plugin, error = attempt(candidate.load)
    hooks: tuple[str, ...] = ()
    items: list[tuple[str, str, object]] = []
    if error is None:
        hooks, error = attempt(functools.partial(_register, manager, plugin, candidate.id), ())
    if error is None:
        items, error = attempt(functools.partial(_collect, manager, candidate.id), [])
    if error is not None:
        if manager.has_plugin(candidate.id):
            manager.unregister(name=candidate.id)
        registry.broken.append(BrokenPlugin(candidate.name, candidate.distribution, reason(error)))
        return None
    for kind, name, item in items:
        registry.catalogues[kind].add(name, item, candidate.distribution)
    registry.plugins.append(LoadedPlugin(candidate.name, candidate.distribution, candidate.version, hooks))
    return plugin if isinstance(plugin, ModuleType) else None


def _register(manager: pluggy.PluginManager, plugin: object, plugin_id: str) -> tuple[str, ...]:
    """Register a plugin and return its hooks; a misspelt, unmarked or wrapping hook is a PluginError."""
    known = {name for name in vars(hookspecs) if name.startswith("ucdver_")}
    hooks = []
    for attribute in dir(plugin):
        options = manager.parse_hookimpl_opts(plugin, attribute)
        if options is None:
            if attribute in known and inspect.isfunction(inspect.getattr_static(plugin, attribute)):
                raise PluginError(f"'{attribute}' is not marked as a hook: put @ucdver.hookimpl above it")
            continue
        name = options.get("specname") or attribute
        if name not in known:
            near = closest(name, known)
            raise PluginError(f"there is no hook '{name}'" + (f": did you mean '{near}'?" if near else ""))
        if options.get("hookwrapper") or options.get("wrapper"):
            raise PluginError(f"'{name}' is a hook wrapper, and no plugin may change what another returns")
        hooks.append(name)
    manager.register(plugin, plugin_id)
    return tuple(sorted(hooks))


def _collect(manager: pluggy.PluginManager, plugin_id: str) -> list[tuple[str, str, object]]:
    """Return (catalogue, name, item) for all that one plugin's collecting hooks return."""
    found: dict[tuple[str, str], object] = {}
    for hook, kind in _ITEMS.items():
        for impl in getattr(manager.hook, hook).get_hookimpls():
            if impl.plugin_name != plugin_id:
                continue
            returned, error = attempt(impl.function)
            if error is not None:
                raise PluginError(f"{hook} raised {reason(error)}") from error
            if not isinstance(returned, list | tuple):
                raise PluginError(f"{hook} returned {_described(returned)}, not a list of {kind.__name__}")
            for item in returned:
                if not isinstance(item, kind):
                    raise PluginError(f"{hook} returned {_described(item)} in its list, not a {kind.__name__}")
                name = item.id if isinstance(item, Task | Protocol) else item.name
                key = (hook.removeprefix("ucdver_"), name)
                if key in found:
                    raise PluginError(f"{hook} returned '{name}' twice")
                found[key] = item
    return [(kind, name, item) for (kind, name), item in found.items()]


def _described(value: object) -> str:
    return "None" if value is None else f"a {type(value).__name__}"
