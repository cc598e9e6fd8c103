"""From a registered name to a method's class and its checked configuration."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ucdver.errors import ConfigError, PluginError, suggestion
from ucdver.methods.base import Method, MethodConfig
from ucdver.registry import Registry, load_target


def method_class(registry: Registry, name: str) -> type[Method]:
    """Return the class of a registered method; a target that is no `Method` is a PluginError."""
    spec = registry.methods.get(name)
    found = load_target(spec.target, f"method '{name}'")
    if not (isinstance(found, type) and issubclass(found, Method)):
        raise PluginError(f"method '{name}': '{spec.target}' is not a subclass of ucdver.Method")
    if found.step is Method.step and not found.manual_optimisation:
        raise PluginError(f"method '{name}': {found.__name__} has no step(batch, progress)")
    return found


def resolve_config(registry: Registry, name: str, given: Mapping[str, Any]) -> MethodConfig:
    """Return the method's configuration with `given` over its defaults; what does not fit is a ConfigError."""
    config_class = method_class(registry, name).Config
    known = list(config_class.model_fields)
    for field in given:
        if field not in known:
            hint = suggestion(field, known, f"it has {', '.join(known)}" if known else "it has no options")
            raise ConfigError(f"method '{name}' has no option '{field}'", hint, field)
    try:
        return config_class.model_validate(dict(given))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        message = first["msg"].removeprefix("Value error, ")
        raise ConfigError(f"method '{name}', option '{field}': {message}", "", field) from error


def source_sha256(method: type[Method]) -> str:
    """Return the sha256 of the file that defines the method: provenance, to notice a change under one version."""
    file = inspect.getsourcefile(method)
    return hashlib.sha256(Path(file).read_bytes()).hexdigest() if file else ""
