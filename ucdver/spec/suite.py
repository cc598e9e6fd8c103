"""A suite: tasks x methods x seeds under one protocol and one recipe; and the plan that was made of it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, model_validator

from ucdver.spec.base import Name, Value
from ucdver.spec.protocol import Protocol
from ucdver.spec.recipe import Recipe
from ucdver.spec.task import Task


class Suite(Value):
    """What `ucdver bench` carries out; `methods` and `annotators` map each to the configuration it is given."""

    name: Name
    title: str = ""
    protocol: Protocol
    tasks: tuple[Task, ...] = Field(min_length=1)
    methods: dict[Name, dict[str, Any]] = Field(min_length=1)
    annotators: dict[str, dict[str, Any]] = {}
    recipe: Recipe = Recipe()
    seeds: tuple[int, ...] = (0, 1, 2)
    metric: str = "accuracy"

    @model_validator(mode="after")
    def _check(self) -> Suite:
        ids = [task.id for task in self.tasks]
        twice = sorted({i for i in ids if ids.count(i) > 1})
        if twice:
            raise ValueError(f"suite '{self.name}' has two tasks called '{twice[0]}'")
        if not self.seeds or len(set(self.seeds)) != len(self.seeds):
            raise ValueError(f"suite '{self.name}' needs seeds, each once")
        return self


class PlanEntry(Value):
    """One planned cell: its run key, or the reason why the method does not apply to the task or cannot be run."""

    task: str
    method: str
    seed: int
    key: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")] = ""
    status: str = "planned"
    reason: str = ""


class SuitePlan(Value):
    """A suite as it was last planned on a runs folder, so that a table knows which cells are missing.

    `status` of an entry is `planned` (look at the run), `not_applicable` (the method is undefined for the setting) or
    `missing` (data or weights are absent). `oracles` names the methods that are never ranked, and `absent` says of each
    data set that was not on the machine what to type. `shared` counts, by task, the pictures of targets that are in a
    source too, file for file.
    """

    suite: Suite
    entries: tuple[PlanEntry, ...]
    oracles: tuple[str, ...] = ()
    absent: dict[str, str] = {}
    shared: dict[str, int] = {}
