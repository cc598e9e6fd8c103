"""Domains and tasks: what is learnt from, and where it is tested."""

from __future__ import annotations

from typing import Any

from pydantic import model_serializer, model_validator

from ucdver.spec.base import Name, Value


class Domain(Value):
    """One visual domain of one data set, written `dataset:name`."""

    dataset: Name
    name: Name

    @model_validator(mode="before")
    @classmethod
    def _parse(cls, value: Any) -> Any:
        if isinstance(value, str):
            dataset, colon, name = value.partition(":")
            if not colon:
                raise ValueError(f"'{value}' is not a domain: write dataset:domain, as in emoji:noto")
            return {"dataset": dataset, "name": name}
        return value

    @model_serializer
    def _text(self) -> str:
        return str(self)

    def __str__(self) -> str:
        return f"{self.dataset}:{self.name}"


class Task(Value):
    """Labelled source domains, target domains and the label space in which all of them are read.

    `label_maps` names, per data set, the map that carries its labels into `label_space`; it is only needed where
    a data set does not offer the space itself and more than one map would fit. One training run is evaluated on
    every target.
    """

    id: Name
    sources: tuple[Domain, ...]
    targets: tuple[Domain, ...]
    label_space: Name
    label_maps: dict[str, str] = {}
    note: str = ""

    @model_validator(mode="after")
    def _check(self) -> Task:
        if not self.sources or not self.targets:
            raise ValueError(f"task '{self.id}' needs at least one source and one target")
        both = [str(d) for d in self.sources if d in self.targets]
        if both:
            raise ValueError(f"task '{self.id}' has {both[0]} as source and as target")
        for domains in (self.sources, self.targets):
            if len(set(domains)) != len(domains):
                raise ValueError(f"task '{self.id}' names a domain twice")
        return self

    @property
    def datasets(self) -> tuple[str, ...]:
        """The data sets that the task reads, each once, sorted."""
        return tuple(sorted({d.dataset for d in (*self.sources, *self.targets)}))
