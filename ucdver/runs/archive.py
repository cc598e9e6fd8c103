"""Runs in one file: all that a table is computed from, to publish beside it or to carry to another machine.

An archive is a zip of the plan (`suites/NAME.json`) and, for each run, of its record and its predictions, or of the
predicted classes alone. Weights, checkpoints and what selection rules read are not in it: scores of rules are, in the
records.
"""

from __future__ import annotations

import re
import zipfile
from collections import Counter
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from ucdver.errors import DataError
from ucdver.files import atomic_path, atomic_write_bytes
from ucdver.runs.archived import FAULTS, ArchivedRun, Reveal, as_bytes, fitting, read_member
from ucdver.runs.lock import RunLock
from ucdver.runs.merge import Below, added
from ucdver.runs.remake import is_mixed
from ucdver.runs.store import RunStore, clear
from ucdver.spec.base import first_fault, of_another_version
from ucdver.spec.run import RunRecord
from ucdver.spec.suite import SuitePlan
from ucdver.spec.task import Task
from ucdver.train.checkpoint import checkpoint_path

_PREDICTIONS = re.compile(r"predictions(/step-\d{6})?\.parquet")
_MEMBER = re.compile(r"(?:suites/(?P<suite>[A-Za-z0-9_.+-]+)\.json|(?P<key>[0-9a-f]{64})/(?P<file>[a-z0-9/.-]+))")
#: Unpacked, of all members; far above any benchmark of this kind, and below what fills a disk.
_MOST_BYTES = 8 * 2**30
#: The same content gives the same file, whenever it is packed.
_DATE = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Packed:
    """How many runs were written, and how many asked for were not.

    Those had not ended, are being made once more, or have no predictions that can be read.
    """

    runs: int
    absent: int


@dataclass(frozen=True)
class Unpacked:
    """How many runs came in and how many stayed as they were here.

    `planned` names the suites whose plan came in or was added to, and `left_out`, by suite, how many runs are in no
    table: what was planned here has others in their place, or does not compare with them.
    """

    new: int
    present: int
    planned: tuple[str, ...]
    left_out: dict[str, int]


def export_runs(
    store: RunStore,
    plan: SuitePlan,
    path: Path,
    tasks: tuple[Task, ...] = (),
    classes_only: bool = False,
    with_labels: bool = True,
) -> Packed:
    """Write the plan and its runs that have ended, of these tasks or all, to one zip file, atomically.

    The plan stays whole, so that where the file comes in a table shows what is absent, and a bench goes on from there.
    With `classes_only` the predicted class of each image takes the place of its logits, much less where images are
    many, and every metric that reads no more than that is as it was. Not `with_labels`, for data whose labels may not
    be passed on, the test images alone are in it, and who has the data is given their labels by `import_runs`. A run
    whose predictions that would refuse is left out.
    """
    ids = {task.id for task in tasks or plan.suite.tasks}
    keys = sorted({entry.key for entry in plan.entries if entry.key and entry.task in ids})
    written = 0
    with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        _add(archive, f"suites/{plan.suite.name}.json", plan.model_dump_json(indent=1).encode())
        for key in keys:
            files = _files_of(store, key, classes_only, with_labels)
            for name, content in files.items():
                _add(archive, f"{key}/{name}", content)
            written += bool(files)
        if not written:
            problem = f"none of the {len(keys)} runs of '{plan.suite.name}' in {store.root} has ended whole"
            raise DataError(problem, f"ucdver bench {plan.suite.name} --runs {store.root}")
    return Packed(written, len(keys) - written)


def _files_of(store: RunStore, key: str, classes_only: bool, with_labels: bool) -> dict[str, bytes]:
    """Return what of a run goes into an archive, by its name there; nothing of one that is not whole."""
    record, folder = store.record(key), store.folder(key)
    if record is None or is_mixed(folder):
        return {}
    files = {"record.json": (folder / "record.json").read_bytes()}
    if record.status != "done":
        # Predictions beside it are those of an earlier attempt.
        return files
    if not store.has_predictions(key):
        return {}
    for file in (*folder.glob("predictions.parquet"), *sorted(folder.glob("predictions/step-*.parquet"))):
        content = file.read_bytes()
        try:
            predictions = fitting(content, record)
        except FAULTS:
            return {}
        if classes_only:
            predictions = predictions.to_classes()
        if not with_labels:
            predictions = predictions.without_labels()
        if classes_only or not with_labels:
            content = as_bytes(predictions)
        files[file.relative_to(folder).as_posix()] = content
    return files


def import_runs(path: Path, store: RunStore, reveal: Reveal | None = None, below: Below | None = None) -> Unpacked:
    """Add the runs of an archive to a runs folder; what is done there already stays as it is.

    Logits take the place of the predicted classes of the same run. The archive's plan is added to one of the same suite
    that is here, as far as the two compare. All of the archive is checked before anything is written. `reveal` fills in
    the labels of predictions that have none, and `below` knows what annotators read, as in `merged`.

    Raises:
        DataError: it is no archive of runs, or damaged; or it has no labels, and the data are not here.
        RunLockedError: another process works on one of its runs; those before it came in.
    """
    with _opened(path) as archive:
        plans, records, bare = _checked(archive, path)
        # A plan or a record that is damaged here is told before anything is written.
        for name in {plan.suite.name for plan in plans} & set(store.suites()):
            store.plan(name)
        for record in records:
            store.record(record.spec.key())
        files = _files_by_key(archive)
        runs = [ArchivedRun(archive, files[record.spec.key()], bare, record, reveal) for record in records]
        for run in runs:
            run.check_labels()
        states = [_bring_in(run, store) for run in runs]
    planned: list[str] = []
    left_out: dict[str, int] = {}
    for plan in plans:
        name = plan.suite.name
        with store.planning():
            here = store.plan(name) if name in store.suites() else None
            both = plan if here is None else added(here, plan, store.spec, below)
            if both != here:
                store.write_plan(both)
                planned.append(name)
        shown = {entry.key for entry in both.entries}
        out = sum(bool(entry.key) and entry.key in files and entry.key not in shown for entry in plan.entries)
        left_out |= {name: out} if out else {}
    return Unpacked(sum(states), len(states) - sum(states), tuple(planned), left_out)


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except FileNotFoundError:
        raise DataError(f"there is no file '{path}'", "name a file that 'ucdver runs export' wrote") from None
    except FAULTS as error:
        raise _damaged(path, str(error) or type(error).__name__) from error


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    archive.writestr(zipfile.ZipInfo(name, _DATE), content, zipfile.ZIP_DEFLATED)


def _checked(archive: zipfile.ZipFile, path: Path) -> tuple[list[SuitePlan], list[RunRecord], set[str]]:
    """Return the plans and records of an archive in which all is as it should be, and its files without labels."""
    members = archive.infolist()
    if sum(member.file_size for member in members) > _MOST_BYTES:
        raise _damaged(path, f"it would unpack to more than {_MOST_BYTES // 2**30} GiB")
    names = Counter(member.filename for member in members)
    plans: list[SuitePlan] = []
    records: dict[str, RunRecord] = {}
    bare: set[str] = set()
    # Records before predictions, which are checked against them.
    for name in sorted(names, key=lambda name: not name.endswith(".json")):
        found = _MEMBER.fullmatch(name)
        if found is None or names[name] > 1:
            raise _damaged(path, f"'{name}' does not belong in one")
        try:
            if found["suite"]:
                plans.append(_plan(read_member(archive, name), found["suite"]))
            elif found["file"] == "record.json":
                records[found["key"]] = _record(read_member(archive, name), found["key"], names)
            elif _hides_labels(archive, name, found["file"], records.get(found["key"])):
                bare.add(name)
        except ValidationError as error:
            if of_another_version(error):
                raise DataError(
                    f"'{path}' was written by another version of ucdver: {name}: {first_fault(error)}",
                    "take it in with that version",
                ) from error
            raise _damaged(path, f"{name}: {first_fault(error)}") from error
        except FAULTS as error:
            problem = error.problem if isinstance(error, DataError) else str(error)
            raise _damaged(path, f"{name}: {(problem or type(error).__name__).splitlines()[0]}") from error
    if not plans:
        raise _damaged(path, "it has no plan")
    return plans, list(records.values()), bare


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


def _hides_labels(archive: zipfile.ZipFile, name: str, file: str, record: RunRecord | None) -> bool:
    """Check a file of predictions; return whether it has no labels."""
    if _PREDICTIONS.fullmatch(file) is None:
        raise ValueError("it does not belong in one")
    if record is None:
        raise ValueError("there is no record of that run")
    return fitting(read_member(archive, name), record).hides_labels


def _files_by_key(archive: zipfile.ZipFile) -> dict[str, list[str]]:
    """Return the names of each run's files without its key, the record left out."""
    files: dict[str, list[str]] = {}
    for name in archive.namelist():
        key, _, file = name.partition("/")
        files.setdefault(key, []).extend([file] if file != "record.json" else [])
    return files


def _bring_in(run: ArchivedRun, store: RunStore) -> bool:
    """Write one run, its record last; return whether it came in. What is done or begun here is worth more than a fault.

    Whatever an attempt here had left beside it is removed: it does not go with the result that comes in.
    """
    record, key = run.record, run.record.spec.key()
    folder = store.folder(key)
    with RunLock(folder):
        own = store.record(key)
        if own is not None and own.status == "done":
            return own.provenance == record.provenance and _fill_in(run, store, key)
        if record.status != "done" and (own is not None or checkpoint_path(folder).is_file()):
            return False
        clear(folder, "checkpoints", "outputs", "predictions")
        for file in run.files:
            atomic_write_bytes(folder / file, run.read(file))
        store.write_spec(record.spec)
        store.write_record(record)
    return True


def _fill_in(run: ArchivedRun, store: RunStore, key: str) -> bool:
    """Put the logits of a run where its predicted classes alone are; return whether there were any to put."""
    came = False
    for file in run.files:
        path = store.folder(key) / file
        if path.is_file() and _classes_alone(path):
            content = run.read(file)
            if not _classes_alone(pa.BufferReader(content)):
                atomic_write_bytes(path, content)
                came = True
    return came


def _classes_alone(file: Path | pa.BufferReader) -> bool:
    return "predicted" in pq.read_schema(file).names


def _damaged(path: Path, reason: str) -> DataError:
    return DataError(f"'{path}' is no archive of runs: {reason}", "write it anew with 'ucdver runs export'")
