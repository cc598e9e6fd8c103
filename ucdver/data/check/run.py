"""Checking a whole data set: the files once, then each kind of fault in turn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ucdver.data.catalog import Catalog
from ucdver.data.check.duplicates import (
    Picture,
    copies,
    duplicate_findings,
    is_placeholder,
    near_findings,
    shared_findings,
)
from ucdver.data.check.files import file_findings, quarantined_finding, unreadable_finding
from ucdver.data.check.labels import histogram_findings, map_findings, row_findings
from ucdver.data.check.names import name_findings
from ucdver.data.check.report import CheckReport, Finding
from ucdver.data.hashing import file_part
from ucdver.data.manifest import Row
from ucdver.data.paths import Folder, Found
from ucdver.data.perceptual import NEAR_BITS
from ucdver.data.quarantine import Held, is_held, read_quarantine
from ucdver.data.reading import EMPTY, Place, content_digest
from ucdver.data.scan import DrawnReader, Progress, scan, scan_header, scan_path
from ucdver.data.scan_cache import Facts, ScanCache, Stamp, read_log
from ucdver.errors import DataError
from ucdver.registry import Registry


@dataclass
class Checked:
    """A data set on the way through its checks.

    Attributes:
        place: where it is.
        rows: what its reader gave.
        found: what each file part leads to.
        facts: by file part, of those that could be read.
        seen: by row path, of the pictures: `facts`, or what a loader drew.
        read: how many files or pictures were not known before.
    """

    place: Place
    rows: Sequence[Row]
    found: Mapping[str, Found]
    facts: Mapping[str, Facts] = field(default_factory=dict)
    seen: Mapping[str, Facts] = field(default_factory=dict)
    read: int = 0

    def digest(self, row: Row) -> str:
        """Return the digest of a row's content; of one whose file cannot be read, nothing."""
        if self.found[file_part(row.path)].state == "empty":
            return EMPTY
        return content_digest(row, self.facts) if file_part(row.path) in self.facts else ""

    def pictures(self, rows: Sequence[Row]) -> list[Picture]:
        """Return what can be compared of those rows whose picture could be decoded."""
        return list(_pictures(self.place, rows, self.seen))


def check_dataset(
    catalog: Catalog, place: Place, *, near: int = NEAR_BITS, again: bool = False, progress: Progress | None = None
) -> tuple[CheckReport, Checked]:
    """Look for everything that goes wrong in real data sets, whether or not it was added yet.

    Args:
        catalog: knows the other data sets that are on this machine.
        place: the data set, and the folder to read it from.
        near: pictures whose perceptual hashes differ in so many bits or fewer look the same; 0 for identical hashes.
        again: read every file, known or not.
        progress: called with (done, total) as files are read.

    Returns:
        The report, and what a quarantine list can be made from.

    Raises:
        DataError: the reader cannot read the folder at all, or finds nothing in it.
    """
    spec = place.spec
    with catalog.held(spec.name):
        rows = catalog.read_rows(place)
        if not rows:
            raise DataError(f"data set '{spec.name}': nothing was found in {place.root}", spec.obtain)
        checked = _scanned(place, rows, again, progress)
        held = read_quarantine(place.folder)
    others, compared, not_compared = _others(catalog, spec.name)
    findings = tuple(_findings(catalog.registry, checked, held, others, near))
    files = len(checked.found)
    report = CheckReport(spec.name, place.root, len(rows), files, checked.read, findings, compared, not_compared)
    return report, checked


def _findings(
    registry: Registry, checked: Checked, held: Mapping[str, Held], others: Sequence[Picture], near: int
) -> Iterator[Finding]:
    """Yield everything that is found, the gravest kinds first within each part."""
    spec, rows = checked.place.spec, checked.rows
    spaces = {name: registry.label_spaces.get(name) for name in spec.label_spaces}
    out = [row for row in rows if is_held(held, row.id, checked.digest(row))]
    left_out = {row.id for row in out}
    kept = [row for row in rows if row.id not in left_out]
    pictures = checked.pictures(kept)
    shown = _without_placeholders(pictures)
    yield from row_findings(spec, rows, spaces)
    yield from file_findings(spec, kept, checked.found)
    yield from unreadable_finding(kept, problems(checked))
    yield from quarantined_finding(out, held)
    yield from histogram_findings(spec, rows, spaces)
    yield from map_findings(spec, kept, registry)
    yield from duplicate_findings(pictures)
    yield from near_findings(shown, near)
    yield from shared_findings(shown, others, near)
    yield from name_findings([row for row in kept if checked.found[file_part(row.path)].state != "outside"])


def quarantine_list(checked: Checked, held: Mapping[str, Held], placeholders: bool = False) -> list[Held]:
    """Return the rows to leave out: those that cannot be decoded, and placeholders where that is asked for.

    Args:
        checked: what the check saw.
        held: what is on the list so far; entries whose file is still the one that was judged stay.
        placeholders: leave those out too.
    """
    reasons = {row.id: held[row.id].reason for row in checked.rows if is_held(held, row.id, checked.digest(row))}
    if placeholders:
        groups = [group for group in copies(checked.pictures(checked.rows)) if is_placeholder(group)]
        reasons |= {picture.id: f"placeholder: {len(group)} copies" for group in groups for picture in group}
    broken = problems(checked)
    empty = {row.id: "empty" for row in checked.rows if checked.found[file_part(row.path)].state == "empty"}
    reasons |= {name: reason for name, reason in broken.items() if reason} | empty
    return [Held(row.id, checked.digest(row), reasons[row.id]) for row in checked.rows if row.id in reasons]


def problems(checked: Checked) -> dict[str, str]:
    """Return by row id why a picture cannot be decoded, empty files left aside."""
    return {
        row.id: seen.problem
        for row in checked.rows
        if checked.found[file_part(row.path)].state == "file" and (seen := checked.seen.get(_key(checked.place, row)))
    }


def _scanned(place: Place, rows: Sequence[Row], again: bool, progress: Progress | None) -> Checked:
    folder = Folder(place.root)
    found = {part: folder.look(part) for part in sorted({file_part(row.path) for row in rows})}
    files = {part: one for part, one in found.items() if one.state == "file"}
    hashed = place.scan_files(files, again=again, progress=None if place.spec.loader else progress)
    if place.spec.loader is None:
        return Checked(place, rows, found, hashed.facts, hashed.facts, hashed.read)
    stamps = [
        Stamp(path, files[part].size, files[part].mtime_ns)
        for path in dict.fromkeys(row.path for row in rows)
        if (part := file_part(path)) in files
    ]
    with ScanCache(_drawn_path(place), scan_header(place.spec, place.root)) as cache:
        drawn = scan(stamps, DrawnReader(place.spec, place.root), cache, again=again, progress=progress)
    return Checked(place, rows, found, hashed.facts, drawn.facts, drawn.read)


def _others(catalog: Catalog, dataset: str) -> tuple[list[Picture], tuple[str, ...], tuple[str, ...]]:
    """Return the pictures of all other data sets that are here and were looked at, and the names of both sorts."""
    pictures: list[Picture] = []
    compared: list[str] = []
    not_compared: list[str] = []
    for name in catalog.registry.datasets.names:
        status = catalog.status(name)
        if name == dataset or status.state != "ready" or status.root is None:
            continue
        place = Place(catalog.registry.datasets.get(name), status.root, catalog.folder(name))
        log = _drawn_path(place) if place.spec.loader else scan_path(place.folder, place.root)
        known, _ = read_log(log, scan_header(place.spec, place.root))
        seen = {key: facts for key, (_, _, facts) in known.items()}
        found = list(_pictures(place, catalog.manifest(name).rows(), seen))
        pictures += found
        (compared if found else not_compared).append(name)
    return pictures, tuple(compared), tuple(not_compared)


def _pictures(place: Place, rows: Sequence[Row], seen: Mapping[str, Facts]) -> Iterator[Picture]:
    spec = place.spec
    for row in rows:
        facts = seen.get(_key(place, row))
        if facts is not None and not facts.problem:
            label = next((row.labels[space] for space in spec.label_spaces if space in row.labels), "")
            yield Picture(spec.name, row.id, row.path, row.domain, row.split, label, facts.sha256, facts.phash)


def _without_placeholders(pictures: Sequence[Picture]) -> list[Picture]:
    held = {group[0].content for group in copies(pictures) if is_placeholder(group)}
    return [picture for picture in pictures if picture.content not in held]


def _key(place: Place, row: Row) -> str:
    return row.path if place.spec.loader else file_part(row.path)


def _drawn_path(place: Place) -> Path:
    path = scan_path(place.folder, place.root)
    return path.with_name(path.name.replace("scan-", "drawn-"))
