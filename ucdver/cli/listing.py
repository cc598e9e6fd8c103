"""`ucdver list`: every spec of one kind."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ucdver.cli.output import say, write_json, write_table
from ucdver.errors import SpecError, suggestion
from ucdver.plugins import load_registry
from ucdver.registry import Catalogue, Registry
from ucdver.spec.labels import LabelMap, LabelSpace
from ucdver.spec.task import Task

KINDS = (
    "methods, tasks, suites, datasets, metrics, validators, protocols, backbones, executors, exporters, "
    "label-spaces, label-maps or annotators"
)


def list_specs(
    kind: Annotated[str, typer.Argument(metavar="KIND", help=f"One of {KINDS}.")],
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False,
) -> None:
    """List methods, tasks, suites and everything else that plugins register."""
    registry = load_registry(Path.cwd())
    catalogue = catalogue_of(registry, kind)
    entries = [
        (name, summary_of(spec), catalogue.distribution(name), spec)
        for name, spec in zip(catalogue.names, catalogue, strict=True)
    ]
    if as_json:
        write_json(
            [
                {
                    "name": name,
                    "summary": summary,
                    "distribution": owner,
                    "spec": spec.model_dump(mode="json"),
                }
                for name, summary, owner, spec in entries
            ]
        )
    elif entries:
        write_table(("NAME", "SUMMARY", "DISTRIBUTION"), [entry[:3] for entry in entries])
    else:
        say(f"no {kind} are registered")
    if registry.broken:
        names = ", ".join(f"'{plugin.name}'" for plugin in registry.broken)
        say(f"broken, and left out: {names}; 'ucdver plugins' says why")


def catalogue_of(registry: Registry, kind: str) -> Catalogue[Any]:
    """Return the catalogue of a kind, written in the plural or the singular; a miss says the nearest one."""
    written = kind.replace("-", "_")
    for name in (written, f"{written}s"):
        if name in registry.catalogues:
            return registry.catalogues[name]
    kinds = [name.replace("_", "-") for name in registry.catalogues]
    raise SpecError(f"there is no kind '{kind}'", suggestion(kind, kinds, f"the kinds are {', '.join(kinds)}"))


def summary_of(spec: Any) -> str:
    """Return one line about a spec; where it has no summary, what it consists of."""
    if isinstance(spec, LabelSpace):
        return f"{len(spec.classes)} classes: {', '.join(spec.classes)}"
    if isinstance(spec, LabelMap):
        return f"{spec.source} -> {spec.target}"
    if isinstance(spec, Task):
        sides = (", ".join(str(d) for d in side) for side in (spec.sources, spec.targets))
        return f"{' -> '.join(sides)} in {spec.label_space}"
    oracle = " [oracle]" if getattr(spec, "oracle", False) else ""
    return f"{spec.summary}{oracle}"
