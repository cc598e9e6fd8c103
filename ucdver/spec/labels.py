"""Label spaces and the declared maps between them."""

from __future__ import annotations

from pydantic import model_validator

from ucdver.errors import DataError, suggestion
from ucdver.spec.base import Name, Value


class LabelSpace(Value):
    """An ordered set of class names; the order is the index order of every array in the project.

    `polarity` gives the valence of a class (+1, 0, -1) where the space has one, and `wheel` its position on
    Mikels' wheel (0..7), for the two metrics that read them.
    """

    name: Name
    classes: tuple[str, ...]
    polarity: dict[str, int] = {}
    wheel: dict[str, int] = {}
    source: str = ""

    @model_validator(mode="after")
    def _check(self) -> LabelSpace:
        if len(self.classes) < 2:
            raise ValueError(f"label space '{self.name}' needs at least two classes")
        if len(set(self.classes)) != len(self.classes):
            raise ValueError(f"label space '{self.name}' names a class twice")
        for table in (self.polarity, self.wheel):
            unknown = sorted(set(table) - set(self.classes))
            if unknown:
                raise ValueError(f"label space '{self.name}' has no class {unknown}")
        return self

    def index(self, name: str) -> int:
        """Return the index of class `name`; a class that is not in the space is a DataError."""
        try:
            return self.classes.index(name)
        except ValueError:
            hint = suggestion(name, self.classes, f"its classes are {', '.join(self.classes)}")
            raise DataError(f"'{name}' is not a class of label space '{self.name}'", hint) from None


class LabelMap(Value):
    """A declared map from one label space to another: a class left out is an error, `None` drops it."""

    name: Name
    source: Name
    target: Name
    table: dict[str, str | None]
    note: str = ""

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
