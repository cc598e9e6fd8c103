"""Checks of labels: rows that do not fit the spec, counts that are not the published ones, classes without a map."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from ucdver.data.check.files import entry_of
from ucdver.data.check.report import Entry, Finding
from ucdver.data.manifest import Row, check_row
from ucdver.errors import DataError
from ucdver.registry import Registry
from ucdver.spec.labels import LabelMap, LabelSpace
from ucdver.spec.plugin import DatasetSpec


def row_findings(spec: DatasetSpec, rows: Sequence[Row], spaces: Mapping[str, LabelSpace]) -> Iterator[Finding]:
    """Yield the rows that `ucdver data add` would refuse for what is in them."""
    counts = Counter(row.id for row in rows)
    entries = [entry_of(row, f"its id is given to {counts[row.id]} rows") for row in rows if counts[row.id] > 1]
    for row in rows:
        try:
            check_row(spec, row, spaces)
        except DataError as error:
            entries.append(entry_of(row, error.problem))
    if entries:
        advice = "mend the list, or report it to the plugin's author"
        yield Finding("rows", True, "rows that do not fit the data set's spec", tuple(entries), advice)


def histogram_findings(spec: DatasetSpec, rows: Sequence[Row], spaces: Mapping[str, LabelSpace]) -> Iterator[Finding]:
    """Yield each class of each split whose number of rows is not the published one."""
    if not spec.histogram:
        return
    classes = {name for counts in spec.histogram.values() for name in counts}
    space = next((name for name in spec.label_spaces if classes <= set(spaces[name].classes)), "")
    meaning = "classes with another number of pictures than was published"
    if not space:
        detail = f"no label space of the spec has all of {', '.join(sorted(classes))}"
        yield Finding("histogram", True, meaning, (Entry((), (), detail),), "mend the spec's histogram")
        return
    entries: list[str] = []
    for split, published in spec.histogram.items():
        found = Counter(row.labels[space] for row in rows if space in row.labels and split in ("", row.split))
        where = f"split '{split}'" if split else "all splits"
        counts = [(name, found[name], published.get(name, 0)) for name in spaces[space].classes]
        differing = [f"{where}: {name} has {here}, published {told}" for name, here, told in counts if here != told]
        if differing and sorted(here for _, here, _ in counts) == sorted(told for _, _, told in counts):
            differing.append(f"{where}: these are the published counts of other classes: the labels are mixed up")
        entries += differing
    if entries:
        told = tuple(Entry((), (), text) for text in entries)
        yield Finding("histogram", True, meaning, told, f"is the release whole? {spec.obtain}")


def map_findings(spec: DatasetSpec, rows: Sequence[Row], registry: Registry) -> Iterator[Finding]:
    """Yield classes that occur and that a map leaves out (a fault), or that no map knows at all (a note)."""
    used = {space: Counter(row.labels[space] for row in rows if space in row.labels) for space in spec.label_spaces}
    broken: list[Entry] = []
    unmapped: list[Entry] = []
    for space, counts in used.items():
        maps = [found for found in registry.label_maps if found.source == space]
        for found in maps:
            try:
                found.check(registry.label_spaces.get(found.source), registry.label_spaces.get(found.target))
            except DataError as error:
                broken.append(Entry((), (), error.problem))
        lost = [f"{name} ({count} rows)" for name, count in sorted(counts.items()) if not _leads_on(name, maps)]
        if lost:
            unmapped.append(Entry((), (), f"{space}: {', '.join(lost)}"))
    if broken:
        yield Finding("maps", True, "label maps that do not fit their spaces", tuple(broken), "mend the map's table")
    if unmapped:
        advice = "tasks in another label space need one: ucdver list label-maps"
        yield Finding("unmapped", False, "classes that no label map leads on", tuple(unmapped), advice)


def _leads_on(name: str, maps: Sequence[LabelMap]) -> bool:
    return any(name in found.table for found in maps)
