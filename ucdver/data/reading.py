"""From a reader's rows to a manifest: what is absent or quarantined is left out, the rest is read once."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ucdver.data.hashing import file_part, path_digest
from ucdver.data.manifest import Manifest, Row, check_rows
from ucdver.data.paths import Folder, Found, refuse
from ucdver.data.quarantine import is_held, read_quarantine
from ucdver.data.scan import Look, PictureReader, Progress, Scan, hashing, scan, scan_header, scan_path, stamps_of
from ucdver.data.scan_cache import Facts, ScanCache
from ucdver.errors import DataError
from ucdver.spec.labels import LabelSpace
from ucdver.spec.plugin import DatasetSpec

#: The sha256 of a file without bytes.
EMPTY = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True)
class Place:
    """Where a data set is read from, and where ucdver keeps what it knows of it."""

    spec: DatasetSpec
    root: Path
    folder: Path

    def scan_files(self, found: Mapping[str, Found], *, again: bool = False, progress: Progress | None = None) -> Scan:
        """Read each file once, or take what is known of it; decoded where the data set has no loader."""
        look: Look = hashing(self.root) if self.spec.loader else PictureReader(self.root)
        with ScanCache(scan_path(self.folder, self.root), scan_header(self.spec, self.root)) as cache:
            return scan(stamps_of(found), look, cache, again=again, progress=progress)


def read_manifest(
    place: Place, rows: Sequence[Row], spaces: Mapping[str, LabelSpace], progress: Progress | None = None
) -> Manifest:
    """Return the manifest of the rows that can be used.

    Args:
        place: the data set, its root, and the folder that holds its quarantine and its scan.
        rows: what the reader gave.
        spaces: the label spaces by name, at least those that the spec names.
        progress: called with (done, total) as files are read.

    Raises:
        DataError: a row is not valid; or a file is absent (unless the spec says that files may be), empty and
            not quarantined, or outside the root. All of it is found before anything is read.
    """
    spec, root = place.spec, place.root
    check_rows(spec, root, rows, spaces)
    held = read_quarantine(place.folder)
    folder = Folder(root)
    found = {part: folder.look(part) for part in sorted({file_part(row.path) for row in rows})}
    present = rows
    if spec.may_miss_files:
        present = [row for row in rows if found[file_part(row.path)].state != "missing"]
    usable = [row for row in present if found[file_part(row.path)].state != "empty" or not is_held(held, row.id, EMPTY)]
    wanted = {part: found[part] for part in sorted({file_part(row.path) for row in usable})}
    refuse(spec, root, wanted)
    facts = place.scan_files(wanted, progress=progress).facts
    kept = [row for row in usable if not is_held(held, row.id, content_digest(row, facts))]
    for row in kept:
        if not facts[file_part(row.path)].sha256:
            told = f"data set '{spec.name}': {root / file_part(row.path)} is {facts[file_part(row.path)].problem}"
            raise DataError(told, "check its permissions and the disk")
    left_out = {"missing": len(rows) - len(present), "quarantined": len(present) - len(kept)}
    counted = {reason: count for reason, count in left_out.items() if count}
    return Manifest.build(spec, root, kept, spaces, facts, counted)


def content_digest(row: Row, facts: Mapping[str, Facts]) -> str:
    """Return the digest of what a row's path names, given the facts by file."""
    return path_digest(row.path, facts[file_part(row.path)].sha256)
