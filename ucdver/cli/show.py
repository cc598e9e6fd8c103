"""`ucdver show`: one spec with all that hangs on it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ucdver.cli.listing import KINDS, catalogue_of
from ucdver.cli.output import fact_lines, write_json
from ucdver.errors import PluginError, SpecError
from ucdver.plugins import load_registry
from ucdver.registry import Registry
from ucdver.spec.plugin import AnnotatorSpec, BackboneSpec, DatasetSpec, MethodSpec
from ucdver.spec.suite import Suite
from ucdver.spec.suite_file import load_suite
from ucdver.spec.suite_place import is_suite_file, suite_folder

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo


def show(
    kind: Annotated[str, typer.Argument(metavar="KIND", help=f"One of {KINDS}.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name; for a suite also a TOML file.")],
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False,
    cost: Annotated[bool, typer.Option("--cost", help="A method: also count what a run costs.")] = False,
) -> None:
    """Show all there is to know about a method, a suite, a data set or anything else that is registered."""
    is_file = kind in ("suites", "suite") and is_suite_file(name)
    registry = load_registry(suite_folder(name) if is_file else Path.cwd())
    facts = _suite_facts(_checked_suite(registry, name)) if is_file else _facts(registry, kind, name)
    if cost:
        facts["cost"] = _cost_facts(registry, kind, name)
    if as_json:
        write_json(facts)
    else:
        typer.echo("\n".join(fact_lines(facts)))


def _facts(registry: Registry, kind: str, name: str) -> dict[str, Any]:
    catalogue = catalogue_of(registry, kind)
    backbone = _backbone(registry, name) if catalogue is registry.backbones else None
    spec = backbone or catalogue.get(name)
    facts: dict[str, Any] = {
        **spec.model_dump(mode="json"),
        "distribution": catalogue.distribution(backbone.name if backbone else name),
    }
    if isinstance(spec, MethodSpec | AnnotatorSpec):
        facts.update(_config_facts(registry, spec))
    elif isinstance(spec, DatasetSpec):
        facts.update(_data_facts(registry, name))
    elif isinstance(spec, BackboneSpec) and spec.names is not None and spec.name == name:
        from ucdver.backbones.build import family_names

        facts["names"] = family_names(spec)
    elif catalogue is registry.suites:
        facts.update(_suite_facts(_checked_suite(registry, name)))
    return facts


def _checked_suite(registry: Registry, name: str) -> Suite:
    """Return a suite whose options are such as a bench takes."""
    from ucdver.data.annotations import resolve_annotator_config
    from ucdver.methods.config import resolve_config

    def check(method: str, options: Mapping[str, Any]) -> None:
        resolve_config(registry, method, options)

    def check_annotator(annotator: str, options: Mapping[str, Any]) -> None:
        resolve_annotator_config(registry, annotator, options)

    return load_suite(name, registry, check, check_annotator)


def _backbone(registry: Registry, name: str) -> BackboneSpec:
    """Return the spec of a backbone, or of the family that one of that name is in."""
    from ucdver.backbones.build import find_backbone

    return registry.backbones.get(name) if name in registry.backbones else find_backbone(registry, name)


def _suite_facts(suite: Suite) -> dict[str, Any]:
    facts = suite.model_dump(mode="json")
    tasks = [
        {"id": t["id"], "sources": t["sources"], "targets": t["targets"], "label_space": t["label_space"]}
        for t in facts.pop("tasks")
    ]
    # A list, since a method without options is an empty table, and those are not shown.
    methods = [{"method": name, "options": options} for name, options in facts.pop("methods").items()]
    annotators = [{"annotator": name, "options": options} for name, options in facts.pop("annotators").items()]
    return {**facts, "methods": methods, "annotators": annotators, "tasks": tasks}


def _data_facts(registry: Registry, name: str) -> dict[str, Any]:
    from ucdver.data.catalog import Catalog
    from ucdver.data.home import data_home

    status = Catalog(registry, data_home()).status(name)
    root = str(status.root) if status.root else ""
    return {
        "state": status.state,
        "root": root,
        "root_exists": status.root_exists,
        "images": status.counts,
        "next": status.hint,
    }


def _config_facts(registry: Registry, spec: MethodSpec | AnnotatorSpec) -> dict[str, Any]:
    """Return the options of a method or an annotator; where its class cannot be imported, why not."""
    try:
        from ucdver.data.annotations import annotator_class
        from ucdver.methods.config import method_class

        is_method = isinstance(spec, MethodSpec)
        found: Any = method_class(registry, spec.name) if is_method else annotator_class(registry, spec.name)
        fields = found.Config.model_fields
    except PluginError as error:
        return {"config": [], "config_error": str(error)}
    return {"config": [_field_facts(option, field) for option, field in fields.items()], "config_error": ""}


def _cost_facts(registry: Registry, kind: str, name: str) -> dict[str, Any]:
    """Return what the method tells of its cost with its default options; a method that tells nothing is an error."""
    told: dict[str, Any] = {}
    if kind in ("method", "methods"):
        from ucdver.methods.config import method_class, resolve_config

        told = dict(method_class(registry, name).estimated_cost(resolve_config(registry, name, {})))
    if not told:
        raise SpecError(
            f"{kind} '{name}' tells no cost in advance", "a run measures its own: it is in the run's record.json"
        )
    return told


def _field_facts(option: str, field: FieldInfo) -> dict[str, Any]:
    from pydantic_core import to_jsonable_python

    extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    default = None if field.is_required() else field.get_default(call_default_factory=True)
    annotation = field.annotation
    return {
        "name": option,
        "type": annotation.__name__ if isinstance(annotation, type) else str(annotation).replace("typing.", ""),
        "default": to_jsonable_python(default),
        "limits": [_limit(limit) for limit in field.metadata],
        "search": extra.get("search", []),
        "log": bool(extra.get("log", False)),
    }


def _limit(limit: object) -> str:
    for attribute, sign in (("ge", ">="), ("gt", ">"), ("le", "<="), ("lt", "<")):
        if hasattr(limit, attribute):
            return f"{sign} {getattr(limit, attribute)}"
    return str(limit)
