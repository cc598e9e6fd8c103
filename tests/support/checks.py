"""A check of the data set `real`, and what it found."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from support import real_tree as tree

from ucdver.data.check.report import CheckReport
from ucdver.data.check.run import check_dataset
from ucdver.data.manifest import Row
from ucdver.spec.labels import LabelMap
from ucdver.spec.plugin import DatasetSpec

MAP = LabelMap(name="three-two", source="three", target="two", table={"joy": "good", "fear": "bad", "anger": None})


def check(folder: Path, rows: Sequence[Row], spec: DatasetSpec | None = None, near: int = 6) -> CheckReport:
    """Check the tree in `folder`/real, of which `rows` are listed."""
    tree.write_list(folder / "real", rows)
    held = tree.catalog(folder, spec or tree.spec(), maps=[MAP])
    return check_dataset(held, held.place("real", folder / "real"), near=near)[0]


def kinds(report: CheckReport) -> dict[str, list[list[str]]]:
    """Return the ids of every entry by kind."""
    return {finding.kind: [list(entry.ids) for entry in finding.entries] for finding in report.findings}
