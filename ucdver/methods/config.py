"""From a registered name to a method's class and its checked configuration."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from ucdver.errors import PluginError
from ucdver.methods.base import Method, MethodConfig
from ucdver.registry import Registry, load_target
from ucdver.source import source_sha256
from ucdver.spec.options import checked_options


def method_class(registry: Registry, name: str) -> type[Method]:
    """Return the class of a registered method; a target that is no `Method` is a PluginError."""
    spec = registry.methods.get(name)
    found = load_target(spec.target, f"method '{name}'")
    if not (isinstance(found, type) and issubclass(found, Method)):
        raise PluginError(f"method '{name}': '{spec.target}' is not a subclass of ucdver.Method")
    if found.step is Method.step and found.trains and not found.manual_optimisation:
        raise PluginError(f"method '{name}': {found.__name__} has no step(batch, progress)")
    with suppress(OSError, TypeError):
        # Now, while its file is still what was imported. A class without one is told where the hash is needed.
        source_sha256(found)
    return found


def resolve_config(registry: Registry, name: str, given: Mapping[str, Any]) -> MethodConfig:
    """Return the method's configuration with `given` over its defaults; what does not fit is a ConfigError."""
    return checked_options(f"method '{name}'", method_class(registry, name).Config, given)
