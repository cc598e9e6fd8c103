"""`ucdver plugins`: what was loaded from where, and what was not."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from ucdver.cli.output import say, write_json, write_table
from ucdver.plugins import load_registry, plugin_warnings


def plugins(as_json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False) -> None:
    """List the plugins with their hooks, the broken ones with the reason.

    UCDVER_PLUGINS=a,b loads only those, by the name of a plugin or of its distribution;
    UCDVER_DISABLE_PLUGINS=a,b blocks those.
    """
    registry = load_registry(Path.cwd())
    warnings = plugin_warnings(Path.cwd())
    if as_json:
        loaded = [{**asdict(plugin), "hooks": list(plugin.hooks)} for plugin in registry.plugins]
        broken = [asdict(plugin) for plugin in registry.broken]
        write_json({"plugins": loaded, "broken": broken, "warnings": warnings})
        return
    rows = [(p.name, p.distribution, p.version, _short(p.hooks)) for p in registry.plugins]
    rows += [(p.name, p.distribution, "", f"BROKEN: {p.reason}") for p in registry.broken]
    write_table(("NAME", "DISTRIBUTION", "VERSION", "HOOKS"), rows)
    for line in warnings:
        say(f"warning: {line}")


def _short(hooks: tuple[str, ...]) -> str:
    return ", ".join(hook.removeprefix("ucdver_") for hook in hooks) or "none"
