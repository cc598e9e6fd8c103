"""The log of a run: one JSON object a line, appended as training goes on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ucdver.files import atomic_write_text


class RunLog:
    """Appends JSON lines, each with a "step"; a resumed run first cuts off what came after its checkpoint."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, values: Mapping[str, Any]) -> None:
        """Append one line."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(dict(values)) + "\n")

    def read(self) -> list[dict[str, Any]]:
        """Return all whole lines; a line cut short by a kill is left out."""
        if not self.path.exists():
            return []
        lines = []
        for line in self.path.read_text(encoding="utf-8").splitlines():
            try:
                lines.append(json.loads(line))
            except json.JSONDecodeError:
                continue
        return lines

    def cut_after(self, step: int) -> None:
        """Keep the lines up to `step`, so that a resumed run does not tell a stretch twice."""
        lines = self.read()
        kept = [line for line in lines if line["step"] <= step]
        if self.path.exists():
            atomic_write_text(self.path, "".join(json.dumps(line) + "\n" for line in kept))
