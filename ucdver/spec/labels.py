"""Label spaces and the declared maps between them."""

from __future__ import annotations

from itertools import pairwise

from pydantic import model_validator

from ucdver.errors import DataError, suggestion
from ucdver.spec.base import Name, Value


class LabelSpace(Value):
    """An ordered set of class names; the order is the index order of every array in the project.

    `polarity` gives the valence of a class (+1, 0, -1) where the space has one, and `wheel` its position on
    Mikels' wheel (0..7), for the two metrics that read them. `levels` gives coarser readings of the same classes:
    level name -> class -> coarse class, from the finest level to the coarsest, named after the label space whose
    classes they are. Every level covers every class, and classes that are one at a level are one at the next.
    """

    name: Name
    classes: tuple[str, ...]
    polarity: dict[str, int] = {}
    wheel: dict[str, int] = {}
    levels: dict[Name, dict[str, str]] = {}
    source: str = ""

    @model_validator(mode="after")
    def _check(self) -> LabelSpace:
        if len(self.classes) < 2:
            raise ValueError(f"label space '{self.name}' needs at least two classes")
        if len(set(self.classes)) != len(self.classes):
            raise ValueError(f"label space '{self.name}' names a class twice")
        self._check_places("polarity", self.polarity, range(-1, 2))
        self._check_places("wheel", self.wheel, range(8))
        self._check_levels()
        return self

    def _check_places(self, what: str, table: dict[str, int], allowed: range) -> None:
        if unknown := sorted(set(table) - set(self.classes)):
            raise ValueError(f"label space '{self.name}' has no class {unknown}")
        for label, value in table.items():
            if value not in allowed:
                told = f"{what} of '{label}' is {value}, not one of {allowed[0]} to {allowed[-1]}"
                raise ValueError(f"label space '{self.name}': {told}")

    def _check_levels(self) -> None:
        for level, table in self.levels.items():
            where = f"level '{level}' of label space '{self.name}'"
            if unknown := sorted(set(table) - set(self.classes)):
                raise ValueError(f"{where} names {unknown}, which the space does not have")
            if left_out := [c for c in self.classes if c not in table]:
                raise ValueError(f"{where} leaves out {left_out}")
            if not 2 <= len(set(table.values())) < len(self.classes):
                raise ValueError(f"{where} is not coarser than the space, or has a single class")
        for (finer, fine), (coarser, coarse) in pairwise(self.levels.items()):
            parents: dict[str, str] = {}
            for name in self.classes:
                if parents.setdefault(fine[name], coarse[name]) != coarse[name]:
                    raise ValueError(
                        f"label space '{self.name}': '{fine[name]}' of level '{finer}' is divided at '{coarser}', "
                        "so the levels are no hierarchy from fine to coarse"
                    )

    def index(self, name: str) -> int:
        """Return the index of class `name`; a class that is not in the space is a DataError."""
        try:
            return self.classes.index(name)
        except ValueError:
            hint = suggestion(name, self.classes, f"its classes are {', '.join(self.classes)}")
            raise DataError(f"'{name}' is not a class of label space '{self.name}'", hint) from None


class LabelMap(Value):
    """A declared map from one label space to another: a class left out is an error, `None` drops it.

    An `alternative` is used only where a task names it in its `label_maps`.
    """

    name: Name
    source: Name
    target: Name
    table: dict[str, str | None]
    note: str = ""
    alternative: bool = False

    def apply(self, label: str) -> str | None:
        """Return the target class of `label`, or None where the map drops it; unmapped is a DataError."""
        if label not in self.table:
            hint = suggestion(label, self.table, f"add it to the map's table; it has {', '.join(self.table)}")
            raise DataError(f"label map '{self.name}' does not say what '{label}' becomes", hint)
        return self.table[label]

    def check(self, source: LabelSpace, target: LabelSpace) -> None:
        """Refuse a map that leaves a source class out or points at a class the target space lacks."""
        missing = [c for c in source.classes if c not in self.table]
        if missing:
            raise DataError(f"label map '{self.name}' leaves out {', '.join(missing)} of '{source.name}'")
        for label, becomes in self.table.items():
            source.index(label)
            if becomes is not None:
                target.index(becomes)
