"""Where the TOML file of a suite is: a path, or a resource that a plugin ships."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from ucdver.discovery import attempt, reason
from ucdver.errors import PluginError, SpecError
from ucdver.registry import Registry


def resource_path(target: str) -> Path:
    """Return the file of "package:path/inside", a resource that a plugin ships; an absent one is a PluginError."""
    package, _, inside = target.partition(":")
    # To find a package inside another, that one is imported, and may raise anything.
    spec, error = attempt(lambda: importlib.util.find_spec(package))
    if error is not None:
        hint = "reinstall the distribution that ships it"
        raise PluginError(f"package '{package}' does not contain '{inside}': {reason(error)}", hint) from error
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / inside
        if path.is_file():
            return path
    raise PluginError(f"package '{package}' does not contain '{inside}'", "reinstall the distribution that ships it")


def is_suite_file(name_or_path: str) -> bool:
    """Return whether a suite is named by the path of its TOML file."""
    return name_or_path.endswith(".toml") or "/" in name_or_path


def suite_folder(name_or_path: str) -> Path:
    """Return where the `ucdver_local.py` of a suite is looked for: beside its file, else in the current folder."""
    return Path(name_or_path).parent if is_suite_file(name_or_path) else Path.cwd()


def suite_path(name_or_path: str, registry: Registry) -> Path:
    """Return the TOML file of a registered suite or of a path."""
    if is_suite_file(name_or_path):
        path = Path(name_or_path)
        if not path.is_file():
            raise SpecError(f"there is no suite file {path}", "'ucdver list suites' shows those that are installed")
        return path
    return resource_path(registry.suites.get(name_or_path).resource)
