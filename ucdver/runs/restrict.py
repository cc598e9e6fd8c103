"""A suite cut down to a part of itself, as the options of `ucdver bench` ask for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from ucdver.errors import SpecError, suggestion
from ucdver.methods.config import resolve_config
from ucdver.registry import Registry
from ucdver.spec.base import first_fault
from ucdver.spec.protocol import Protocol
from ucdver.spec.suite import Suite
from ucdver.spec.task import Task


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
    if protocol and protocol != suite.protocol.id:
        suite = _under(suite, registry, protocol)
    return suite.model_copy(
        update={
            "methods": _methods(suite, registry, methods, settings or {}),
            "tasks": chosen_tasks(suite, tasks),
            "seeds": tuple(range(seeds)) if seeds is not None else suite.seeds,
        }
    )


def _methods(
    suite: Suite, registry: Registry, names: tuple[str, ...], settings: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Return the chosen methods with their options, each checked."""
    for name in names:
        registry.methods.get(name)
    chosen = {name: suite.methods.get(name, {}) for name in names} if names else dict(suite.methods)
    for name, options in settings.items():
        if name not in chosen:
            hint = suggestion(name, chosen, f"it runs {', '.join(chosen)}; add it with -m {name}")
            raise SpecError(f"--set {name}.…: suite '{suite.name}' does not run method '{name}'", hint)
        chosen[name] = {**chosen[name], **options}
    for name, options in chosen.items():
        resolve_config(registry, name, options)
    return chosen


def chosen_tasks(suite: Suite, names: tuple[str, ...]) -> tuple[Task, ...]:
    """Return the named tasks of a suite, all of them where none is named; an unknown one is a SpecError."""
    known = {task.id: task for task in suite.tasks}
    for name in names:
        if name not in known:
            hint = suggestion(name, known, f"its tasks are {', '.join(known)}")
            raise SpecError(f"suite '{suite.name}' has no task '{name}'", hint)
    return tuple(known[name] for name in dict.fromkeys(names)) if names else suite.tasks


def _under(suite: Suite, registry: Registry, protocol: str) -> Suite:
    budget = {"steps": suite.protocol.steps, "checkpoints": suite.protocol.checkpoints}
    try:
        changed = Protocol.model_validate({**registry.protocols.get(protocol).model_dump(), **budget})
    except ValidationError as error:
        hint = "raise steps in the suite, or choose a protocol of fewer phases"
        raise SpecError(f"--protocol {protocol}: {first_fault(error)}", hint) from error
    return suite.model_copy(update={"protocol": changed, "name": f"{suite.name}+{protocol}"})
