"""The catalog: which data sets this machine has, where they lie, and how one that is absent is got."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock

from ucdver.data.manifest import Manifest, Row, file_part, hash_files, row_digest
from ucdver.data.reading import Place, read_manifest
from ucdver.data.scan import Progress
from ucdver.discovery import worded
from ucdver.errors import DataError, FetchError, PluginError
from ucdver.files import atomic_write_text
from ucdver.registry import Registry, load_callable
from ucdver.source import local_sha256
from ucdver.spec.base import canonical_json
from ucdver.spec.plugin import DatasetSpec

State = Literal["ready", "outdated", "fetchable", "absent", "damaged"]


@dataclass(frozen=True)
class DatasetStatus:
    """What the catalog knows of one data set.

    Attributes:
        state: `ready`; `outdated`, read by another version of the spec or before `ucdver_local.py`, where its reader
            is, was edited; `damaged`, the stored manifest cannot be read; `fetchable` or `absent`, not here, and
            whether the spec can fetch it.
        root: the folder it was read from, where known; `root_exists` says whether it is still there.
        counts: rows by domain, for a data set that is ready.
        hint: what to do next; empty where nothing is needed.
    """

    dataset: str
    state: State
    root: Path | None
    root_exists: bool
    counts: dict[str, int]
    hint: str


class Catalog:
    """The data sets under one home folder.

    Args:
        registry: knows the specs of the data sets and their label spaces.
        home: the folder to keep manifests, fetched files and decoded images in; made when first written to.
    """

    def __init__(self, registry: Registry, home: Path) -> None:
        self.registry = registry
        self.home = home
        self._manifests: dict[str, tuple[tuple[int, int], Manifest]] = {}

    def manifest(self, dataset: str) -> Manifest:
        """Return the stored manifest; a DataError where there is none of the spec's version and today's reader."""
        spec = self.registry.datasets.get(dataset)
        path = self.folder(dataset) / "manifest.parquet"
        if not path.is_file():
            raise DataError(f"data set '{dataset}' is not on this machine", how_to_get(spec))
        manifest = self._read(dataset, path)
        if manifest.version != spec.version or manifest.domains != spec.domains:
            raise DataError(
                f"data set '{dataset}' was read by version {manifest.version} of its reader, "
                f"which is now {spec.version}",
                how_to_get(spec, self._stored_root(dataset)),
            )
        if manifest.reader != _reader_sha256(spec):
            raise DataError(
                f"data set '{dataset}' was read before its reader '{spec.reader}' was edited",
                how_to_get(spec, self._stored_root(dataset)),
            )
        return manifest

    def root(self, dataset: str) -> Path:
        """Return the folder that the data set was read from; a DataError where it was never read."""
        found = self._stored_root(dataset)
        if found is None:
            raise DataError(
                f"data set '{dataset}' is not on this machine",
                how_to_get(self.registry.datasets.get(dataset)),
            )
        return found

    def add(self, dataset: str, root: Path, progress: Progress | None = None) -> Manifest:
        """Read the data set from `root`, check it and store its manifest.

        Args:
            dataset: its name.
            root: the folder that holds it.
            progress: called with (done, total) as files are read.

        Raises:
            DataError: the folder is absent, or what is in it is not this data set or is damaged.
        """
        place = self.place(dataset, root)
        spaces = {name: self.registry.label_spaces.get(name) for name in place.spec.label_spaces}
        with self.held(dataset):
            manifest = read_manifest(place, self.read_rows(place), spaces, progress)
            manifest = replace(manifest, reader=_reader_sha256(place.spec))
            source = {"dataset": dataset, "version": place.spec.version, "root": str(place.root)}
            # The manifest comes last: it alone says that the data set is there.
            atomic_write_text(place.folder / "source.json", canonical_json(source) + "\n")
            manifest.write(place.folder / "manifest.parquet")
        return manifest

    def place(self, dataset: str, root: Path | None = None) -> Place:
        """Return where the data set is read from: `root`, or the folder that it was added from.

        Raises:
            DataError: that is no folder, or none is known.
        """
        spec = self.registry.datasets.get(dataset)
        root = self.root(dataset) if root is None else root.expanduser().absolute()
        if not root.is_dir():
            raise DataError(f"data set '{dataset}': {root} is not a folder", f"give --root a folder; {spec.obtain}")
        return Place(spec, root, self.folder(dataset))

    def read_rows(self, place: Place) -> list[Row]:
        """Return what the data set's reader gives; what it stumbles over, or gives in place of rows, is a DataError."""
        spec = place.spec
        reader = load_callable(spec.reader, f"dataset '{spec.name}'")
        given = (place.root, spec.options) if spec.options else (place.root,)
        problem = f"data set '{spec.name}' cannot be read from {place.root}"
        rows: list[Any] = worded(DataError, problem, lambda: list(reader(*given)), spec.obtain)
        for row in rows:
            if not isinstance(row, Row):
                raise DataError(f"data set '{spec.name}': its reader gives a {type(row).__name__}, not a Row")
        return rows

    @contextmanager
    def held(self, dataset: str) -> Iterator[None]:
        """Keep other processes from reading or checking the data set meanwhile."""
        folder = self.folder(dataset)
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock"):
            yield

    def fetch(self, dataset: str) -> Manifest:
        """Fetch the data set once, however many processes ask, and add it.

        Raises:
            FetchError: the spec cannot fetch, or fetching failed; nothing half-fetched is left behind.
        """
        spec = self.registry.datasets.get(dataset)
        if spec.fetch is None:
            raise FetchError(f"data set '{dataset}' cannot be fetched", how_to_get(spec))
        parent = self.home / "fetched"
        parent.mkdir(parents=True, exist_ok=True)
        target = parent / f"{spec.name}-{spec.version}"
        with FileLock(parent / f".{target.name}.lock"):
            if target.is_dir() and not self._whole(dataset, target):
                shutil.rmtree(target)
            if not target.is_dir():
                self._fetch_into(spec, spec.fetch, target)
                return self.add(dataset, target)
            return self.manifest(dataset)

    def _whole(self, dataset: str, target: Path) -> bool:
        """Whether what was fetched is still what the stored manifest says, file by file."""
        try:
            if self._stored_root(dataset) != target or self.status(dataset).state == "outdated":
                return self.add(dataset, target) is not None
            manifest = self.manifest(dataset)
            files = hash_files(self.registry.datasets.get(dataset), target, manifest.rows())
        except DataError:
            return False
        return all(row_digest(row, files[file_part(row.path)]) == manifest.digests[row.id] for row in manifest.rows())

    def ensure(self, dataset: str) -> Manifest:
        """Return the manifest; where there is none, fetch the data set or say how to get it."""
        state = self.status(dataset).state
        can_fetch = self.registry.datasets.get(dataset).fetch is not None
        return self.fetch(dataset) if state != "ready" and can_fetch else self.manifest(dataset)

    def status(self, dataset: str) -> DatasetStatus:
        """Return what is known of the data set; never fetches, never fails for what is on disk."""
        spec = self.registry.datasets.get(dataset)
        root: Path | None = None
        state: State = "fetchable" if spec.fetch else "absent"
        counts: dict[str, int] = {}
        hint = f"ucdver data fetch {dataset}" if spec.fetch else how_to_get(spec)
        if (path := self.folder(dataset) / "manifest.parquet").is_file():
            try:
                root = self._stored_root(dataset)
                manifest = self._read(dataset, path)
                read_by = (manifest.version, manifest.domains, manifest.reader)
                current = read_by == (spec.version, spec.domains, _reader_sha256(spec))
                state = "ready" if current else "outdated"
                counts = {name: len(manifest.rows(name)) for name in spec.domains} if current else {}
                hint = "" if current else how_to_get(spec, root)
            except DataError as error:
                state, hint = "damaged", f"{error.problem}; {how_to_get(spec)}"
            except PluginError as error:
                state, hint = "outdated", str(error)  # an edit left no reader
        return DatasetStatus(dataset, state, root, root is not None and root.is_dir(), counts, hint)

    def _read(self, dataset: str, path: Path) -> Manifest:
        """Read a manifest, once for as long as the file stays the same."""
        stat = path.stat()
        stamp = (stat.st_mtime_ns, stat.st_ino)
        held = self._manifests.get(dataset)
        if held is None or held[0] != stamp:
            held = self._manifests[dataset] = (stamp, Manifest.read(path))
        return held[1]

    def folder(self, dataset: str) -> Path:
        """Return where what is known of the data set is kept: its manifest, its scan, its quarantine."""
        return self.home / "datasets" / dataset

    def _stored_root(self, dataset: str) -> Path | None:
        path = self.folder(dataset) / "source.json"
        try:
            return Path(json.loads(path.read_text(encoding="utf-8"))["root"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path} cannot be read: {error}", f"ucdver data add {dataset} --root DIR") from error

    def _fetch_into(self, spec: DatasetSpec, target: str, final: Path) -> None:
        for left in final.parent.glob(f".tmp-{'[0-9a-f]' * 32}-{final.name}"):
            shutil.rmtree(left)  # of a process that was killed: the lock is ours, so nobody is writing there
        temporary = final.with_name(f".tmp-{uuid.uuid4().hex}-{final.name}")
        temporary.mkdir()
        try:
            fetch = load_callable(target, f"dataset '{spec.name}'")
            problem = f"data set '{spec.name}' could not be fetched"
            worded(FetchError, problem, lambda: fetch(temporary), spec.obtain, passed=(OSError, MemoryError))
            if not any(temporary.iterdir()):
                raise FetchError(f"data set '{spec.name}': fetching brought nothing", spec.obtain)
            temporary.replace(final)
        except OSError as error:
            raise FetchError(f"data set '{spec.name}' could not be fetched: {error}", spec.obtain) from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def _reader_sha256(spec: DatasetSpec) -> str:
    """Return the hash of `ucdver_local.py` where that holds the reader, which has no version to raise; else nothing."""
    return local_sha256(spec.reader, lambda: load_callable(spec.reader, f"dataset '{spec.name}'"))


def how_to_get(spec: DatasetSpec, root: Path | None = None) -> str:
    if spec.fetch is not None:
        return f"ucdver data fetch {spec.name}"
    return f"ucdver data add {spec.name} --root {root or 'DIR'}  ({spec.obtain})"
