"""Suites from TOML: every unknown key, method, domain or class is refused with its line and the nearest name."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ucdver.errors import ConfigError, DataError, PluginError, SpecError, suggestion
from ucdver.registry import Registry
from ucdver.spec.base import Value
from ucdver.spec.options import false_number
from ucdver.spec.protocol import Protocol, SplitRule
from ucdver.spec.recipe import AugmentRecipe, ImageRecipe, OptimRecipe, Recipe
from ucdver.spec.suite import Suite
from ucdver.spec.suite_place import suite_path
from ucdver.spec.task import Task
from ucdver.spec.toml_lines import line_of

#: `(name, configuration) -> None`, raising ConfigError; passed in because reading a Config imports torch.
ConfigCheck = Callable[[str, dict[str, Any]], None]

_TOP = {
    "name",
    "title",
    "protocol",
    "steps",
    "checkpoints",
    "seeds",
    "metric",
    "methods",
    "split",
    "recipe",
    "task",
    "method",
    "annotator",
}
_RECIPE: dict[tuple[str, ...], type[Value]] = {
    ("recipe",): Recipe,
    ("recipe", "image"): ImageRecipe,
    ("recipe", "augment"): AugmentRecipe,
    ("recipe", "optim"): OptimRecipe,
}


class SuiteReader:
    """Reads one suite text against a registry; `place` is how errors call the file."""

    def __init__(
        self,
        text: str,
        place: str,
        registry: Registry,
        check: ConfigCheck | None = None,
        check_annotator: ConfigCheck | None = None,
    ) -> None:
        self.text = text
        self.place = place
        self.registry = registry
        self.check = check
        self.check_annotator = check_annotator

    def read(self) -> Suite:
        """Return the suite, or raise a SpecError that names the line, the nearest name and what to type."""
        try:
            data = tomllib.loads(self.text)
        except tomllib.TOMLDecodeError as error:
            raise SpecError(f"{self.place} is not TOML: {error}") from error
        self._known_keys(data, _TOP, ())
        self._shapes(data)
        if "task" not in data:
            hint = "add a [[task]] table with id, sources, targets and label_space"
            raise SpecError(f"{self.place} has no task", hint)
        tasks = self._tasks(data)
        self._refuse_mixture(tasks)
        values = {
            "name": data.get("name", Path(self.place).stem),
            "title": data.get("title", ""),
            "protocol": self._protocol(data),
            "tasks": tasks,
            "methods": self._methods(data),
            "annotators": self._annotators(data),
            "recipe": data.get("recipe", {}),
            "metric": data.get("metric", "accuracy"),
        }
        values["seeds"] = self._seeds(data, values["protocol"])
        self._recipe_keys(data.get("recipe", {}))
        self._registered("metrics", values["metric"], ("metric",))
        try:
            return Suite.model_validate(values)
        except ValidationError as error:
            raise self._located(error) from error

    def _fail(self, path: tuple[str | int, ...], problem: str, hint: str = "", mention: str = "") -> SpecError:
        return SpecError(f"{self.place}:{line_of(self.text, path, mention)}: {problem}", hint)

    def _shapes(self, data: dict[str, Any]) -> None:
        """Refuse a value where a table belongs, in the words of TOML."""
        for name in ("recipe", "split", "method", "annotator"):
            if not isinstance(data.get(name, {}), dict):
                raise self._fail((name,), f"'{name}' is a table, not a value", f"write [{name}] and its keys below it")
        for kind in ("method", "annotator"):
            for name, options in data.get(kind, {}).items():
                if not isinstance(options, dict):
                    raise self._fail((kind, name), f"'{kind}.{name}' is a table", f"write [{kind}.{name}]")
        tasks = data.get("task", [])
        if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
            raise self._fail(("task",), "tasks are a list of tables", "write [[task]], with two brackets, for each")

    def _seeds(self, data: dict[str, Any], protocol: Protocol) -> tuple[int, ...]:
        """Return the seeds: a number of them counted from 0, or a list."""
        seeds = data.get("seeds", list(protocol.seeds))
        if isinstance(seeds, int) and not isinstance(seeds, bool) and seeds >= 1:
            return tuple(range(seeds))
        if isinstance(seeds, list) and all(isinstance(s, int) and not isinstance(s, bool) for s in seeds):
            if seeds and len(set(seeds)) == len(seeds):
                return tuple(seeds)
            raise self._fail(("seeds",), f"seeds = {seeds!r} must name at least one seed, and each once")
        hint = "write seeds = 3 or seeds = [0, 1, 2]"
        raise self._fail(("seeds",), f"seeds = {seeds!r} is not a number of seeds", hint)

    def _known_keys(self, table: dict[str, Any], known: set[str], path: tuple[str | int, ...]) -> None:
        for key in table:
            if key not in known:
                hint = suggestion(key, known, f"known here: {', '.join(sorted(known))}")
                where = f" in [{'.'.join(str(p) for p in path if isinstance(p, str))}]" if path else ""
                raise self._fail((*path, key), f"unknown key '{key}'{where}", hint)

    def _fits(self, table: dict[str, Any], model: type[Value], path: tuple[str | int, ...]) -> None:
        self._known_keys(table, set(model.model_fields), path)
        if key := false_number(model, table):
            raise self._fail((*path, key), f"{key} = {str(table[key]).lower()} is no number")

    def _recipe_keys(self, recipe: dict[str, Any]) -> None:
        for path, model in _RECIPE.items():
            table = recipe if len(path) == 1 else recipe.get(path[1], {})
            if isinstance(table, dict):
                self._fits(table, model, path)

    def _registered(self, kind: str, name: object, path: tuple[str | int, ...]) -> Any:
        try:
            return self.registry.catalogues[kind].get(str(name))
        except PluginError as error:
            raise self._fail(path, error.problem, error.hint, mention=f'"{name}"') from error

    def _protocol(self, data: dict[str, Any]) -> Protocol:
        chosen: Protocol = self._registered("protocols", data.get("protocol", "uda"), ("protocol",))
        changes: dict[str, Any] = {k: data[k] for k in ("steps", "checkpoints") if k in data}
        self._fits(changes, Protocol, ())
        if "split" in data:
            self._fits(data["split"], SplitRule, ("split",))
            changes["split"] = {**chosen.split.model_dump(), **data["split"]}
            unread = next((key for key in ("folds", "fold") if key in data["split"]), "")
            if unread and changes["split"]["kind"] != "grouped":
                # Each fold would be another run with the same numbers, and the spread of the folds would be 0.
                told = f"{unread} is read with kind = 'grouped' alone, and the kind is {changes['split']['kind']!r}"
                raise self._fail(("split", unread), told, "add kind = 'grouped', or leave it out")
        try:
            return Protocol.model_validate({**chosen.model_dump(), **changes})
        except ValidationError as error:
            # What is wrong with no field alone: steps too few for the checkpoints, or for the phases.
            raise self._located(error, otherwise=tuple(changes)[:1]) from error

    def _tasks(self, data: dict[str, Any]) -> list[Task]:
        tasks = []
        for number, table in enumerate(data["task"]):
            path = ("task", number)
            self._fits(table, Task, path)
            if set(table) == {"id"}:
                tasks.append(self._registered("tasks", table["id"], path))
                continue
            try:
                task = Task.model_validate(table)
            except ValidationError as error:
                raise self._located(error, path) from error
            self._check_task(task, path)
            tasks.append(task)
        return tasks

    def _refuse_mixture(self, tasks: list[Task]) -> None:
        """Refuse a suite in which data sets with a caution stand beside others: one average would be made of both."""
        names = dict.fromkeys(name for task in tasks for name in task.datasets)
        cautions = {name: self.registry.datasets.get(name).caution for name in names}
        marked = [name for name, caution in cautions.items() if caution]
        if marked and len(marked) < len(cautions):
            other = next(name for name in names if name not in marked)
            problem = f"data set '{marked[0]}' ({cautions[marked[0]]}) cannot share a suite with '{other}'"
            raise self._fail(("task",), problem, "make a suite of each", mention=f"{marked[0]}:")

    def _check_task(self, task: Task, path: tuple[str | int, ...]) -> None:
        """Refuse a task whose data set, domain, label space, map or class is not registered."""
        for side, domains in (("sources", task.sources), ("targets", task.targets)):
            for domain in domains:
                where = (*path, side)
                spec = self._registered("datasets", domain.dataset, where)
                if domain.name not in spec.domains:
                    hint = suggestion(domain.name, spec.domains, f"it has {', '.join(spec.domains)}")
                    problem = f"data set '{domain.dataset}' has no domain '{domain.name}'"
                    raise self._fail(where, problem, hint, mention=f'"{domain}"')
        target = self._registered("label_spaces", task.label_space, (*path, "label_space"))
        for dataset, name in task.label_maps.items():
            where = (*path, "label_maps", dataset)
            if dataset not in task.datasets:
                raise self._fail(where, f"task '{task.id}' does not read data set '{dataset}'")
            if name == task.label_space:
                continue
            label_map = self._registered("label_maps", name, where)
            try:
                label_map.check(self.registry.label_spaces.get(label_map.source), target)
            except (DataError, PluginError) as error:
                raise self._fail(where, error.problem, error.hint) from error

    def _methods(self, data: dict[str, Any]) -> dict[str, dict[str, Any]]:
        named = data.get("methods")
        if not isinstance(named, list) or not named:
            raise self._fail(("methods",), "a suite needs methods", 'add methods = ["source_only", ...]')
        for name in named:
            self._registered("methods", name, ("methods",))
        twice = [name for i, name in enumerate(named) if name in named[:i]]
        if twice:
            raise self._fail(("methods",), f"methods names '{twice[0]}' twice", "name each once", twice[0])
        configs = data.get("method", {})
        for name in configs:
            if name not in named:
                hint = suggestion(name, named, f"methods = [...] lists {', '.join(named)}")
                raise self._fail(("method", name), f"[method.{name}] is not one of the suite's methods", hint)
        for name in named:
            self._config("method", name, configs.get(name, {}))
        return {name: configs.get(name, {}) for name in named}

    def _annotators(self, data: dict[str, Any]) -> dict[str, dict[str, Any]]:
        configs: dict[str, dict[str, Any]] = data.get("annotator", {})
        for name, config in configs.items():
            self._registered("annotators", name, ("annotator", name))
            self._config("annotator", name, config)
        return configs

    def _config(self, kind: str, name: str, config: dict[str, Any]) -> None:
        check = self.check if kind == "method" else self.check_annotator
        try:
            if check is not None:
                check(name, config)
        except ConfigError as error:
            raise self._fail((kind, name, error.field), error.problem, error.hint) from error

    def _located(
        self, error: ValidationError, prefix: tuple[str | int, ...] = (), otherwise: tuple[str, ...] = ()
    ) -> SpecError:
        first = error.errors()[0]
        path = (*prefix, *first["loc"])
        message = first["msg"].removeprefix("Value error, ")
        return self._fail(path or otherwise, f"{'.'.join(str(p) for p in path)}: {message}" if path else message)


def load_suite(
    name_or_path: str,
    registry: Registry,
    check: ConfigCheck | None = None,
    check_annotator: ConfigCheck | None = None,
) -> Suite:
    """Read a suite by its registered name or from a TOML file.

    `check` is called with each method's configuration, `check_annotator` with that of each annotator.
    """
    path = suite_path(name_or_path, registry)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise SpecError(f"{path} is not UTF-8 text: {error.reason}") from error
    place = str(path) if name_or_path == str(path) else path.name
    return SuiteReader(text, place, registry, check, check_annotator).read()
