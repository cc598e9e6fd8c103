"""Runs in one file: all that a table is computed from, to publish beside it or to carry to another machine.

An archive is a zip of the plan (`suites/NAME.json`) and, for each run, of its record and its predictions. Weights,
checkpoints and what selection rules read are not in it: scores of rules are, in the records.
"""

from __future__ import annotations

import re
import tempfile
import zipfile
from collections import Counter
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from ucdver.errors import DataError
from ucdver.evaluate.predictions import read_predictions
from ucdver.files import atomic_path, atomic_write_bytes
from ucdver.runs.lock import RunLock
from ucdver.runs.store import RunStore
from ucdver.spec.run import RunRecord
from ucdver.spec.suite import SuitePlan

_PREDICTIONS = re.compile(r"predictions(/step-\d{6})?\.parquet")
_MEMBER = re.compile(r"(?:suites/(?P<suite>[A-Za-z0-9_.+-]+)\.json|(?P<key>[0-9a-f]{64})/(?P<file>[a-z0-9/.-]+))")
#: Unpacked; far above any benchmark of this kind, and far below what fills a disk.
_MOST_BYTES = 8 * 2**30
#: The same content gives the same file, whenever it is packed.
_DATE = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Packed:
    """How many runs were written, and how many of the plan had not ended."""

    runs: int
    absent: int


@dataclass(frozen=True)
class Unpacked:
    """How many runs came in, how many were here already, and the suites whose plan came in or stayed as it was."""

    new: int
    present: int
    planned: tuple[str, ...]
    kept: tuple[str, ...]


def export_runs(store: RunStore, plan: SuitePlan, path: Path) -> Packed:
    """Write the plan and all of its runs that have ended to one zip file, atomically."""
    keys = sorted({entry.key for entry in plan.entries if entry.key})
    ended = [key for key in keys if store.record(key) is not None]
    with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        _add(archive, f"suites/{plan.suite.name}.json", plan.model_dump_json(indent=1).encode())
        for key in ended:
            folder = store.folder(key)
            for file in (folder / "record.json", *sorted(folder.glob("predictions*.parquet"))):
                _add(archive, f"{key}/{file.name}", file.read_bytes())
            for file in sorted(folder.glob("predictions/step-*.parquet")):
                _add(archive, f"{key}/predictions/{file.name}", file.read_bytes())
    return Packed(len(ended), len(keys) - len(ended))


def import_runs(path: Path, store: RunStore) -> Unpacked:
    """Add the runs of an archive to a runs folder; what is done there already stays as it is.

    All of the archive is checked before anything is written.

    Raises:
        DataError: it is no archive of runs, or damaged.
        RunLockedError: another process works on one of its runs; those before it came in.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            plans, records = _checked(archive, path)
            here = set(store.suites())
            files = _files_by_key(archive)
            states = [_bring_in(archive, files[record.spec.key()], store, record) for record in records]
            for plan in plans:
                if plan.suite.name not in here:
                    store.write_plan(plan)
    except FileNotFoundError:
        raise DataError(f"there is no file '{path}'", "name a file that 'ucdver runs export' wrote") from None
    except (zipfile.BadZipFile, OSError, EOFError) as error:
        raise _damaged(path, str(error)) from error
    names = [plan.suite.name for plan in plans]
    return Unpacked(
        sum(states),
        len(states) - sum(states),
        tuple(name for name in names if name not in here),
        tuple(name for name in names if name in here),
    )


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    archive.writestr(zipfile.ZipInfo(name, _DATE), content, zipfile.ZIP_DEFLATED)


def _checked(archive: zipfile.ZipFile, path: Path) -> tuple[list[SuitePlan], list[RunRecord]]:
    """Return the plans and records of an archive in which all is as it should be."""
    members = archive.infolist()
    if sum(member.file_size for member in members) > _MOST_BYTES:
        raise _damaged(path, f"it would unpack to more than {_MOST_BYTES // 2**30} GiB")
    names = Counter(member.filename for member in members)
    plans, records = [], []
    for name, times in names.items():
        found = _MEMBER.fullmatch(name)
        if found is None or times > 1:
            raise _damaged(path, f"'{name}' does not belong in one")
        try:
            if found["suite"]:
                plans.append(_plan(archive.read(name), found["suite"]))
            elif found["file"] == "record.json":
                records.append(_record(archive.read(name), found["key"], names))
            else:
                _check_predictions(archive, name, found["file"])
        except (ValidationError, ValueError, DataError) as error:
            raise _damaged(path, f"{name}: {str(error).splitlines()[0]}") from error
    lost = {name.partition("/")[0] for name in names} - {"suites"} - {record.spec.key() for record in records}
    if not plans or lost:
        raise _damaged(path, "it has no plan" if not plans else f"run {min(lost)[:12]} has no record")
    return plans, records


def _plan(content: bytes, name: str) -> SuitePlan:
    plan = SuitePlan.model_validate_json(content)
    if plan.suite.name != name:
        raise ValueError("the plan of another suite")
    return plan


def _record(content: bytes, key: str, names: Container[str]) -> RunRecord:
    record = RunRecord.model_validate_json(content)
    if record.spec.key() != key:
        raise ValueError("the record of another run")
    if record.status == "done" and f"{key}/predictions.parquet" not in names:
        raise ValueError("its predictions are absent")
    return record


def _check_predictions(archive: zipfile.ZipFile, name: str, file: str) -> None:
    if _PREDICTIONS.fullmatch(file) is None:
        raise ValueError("it does not belong in one")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "predictions.parquet"
        path.write_bytes(archive.read(name))
        read_predictions(path)


def _files_by_key(archive: zipfile.ZipFile) -> dict[str, list[str]]:
    """Return the names of each run's files without its key, the record left out."""
    files: dict[str, list[str]] = {}
    for name in archive.namelist():
        key, _, file = name.partition("/")
        files.setdefault(key, []).extend([file] if file != "record.json" else [])
    return files


def _bring_in(archive: zipfile.ZipFile, files: list[str], store: RunStore, record: RunRecord) -> bool:
    """Write one run, its record last; return whether it came in, or was done here already."""
    key = record.spec.key()
    folder = store.folder(key)
    with RunLock(folder):
        own = store.record(key)
        if own is not None and own.status == "done":
            return False
        for file in files:
            atomic_write_bytes(folder / file, archive.read(f"{key}/{file}"))
        store.write_spec(record.spec)
        store.write_record(record)
    return True


def _damaged(path: Path, reason: str) -> DataError:
    return DataError(f"'{path}' is no archive of runs: {reason}", "write it anew with 'ucdver runs export'")
