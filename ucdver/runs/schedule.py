"""Which of the planned runs are to be carried out now, and which are there already."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from ucdver.errors import DataError, RunLockedError
from ucdver.runs.lock import RunLock
from ucdver.runs.remake import is_mixed
from ucdver.runs.store import RunStore
from ucdver.spec.run import RunRecord, RunSpec
from ucdver.train.checkpoint import begun_with

Rerun = Literal["missing", "failed", "always", "never"]
State = Literal["cached", "failed", "to run", "not run"]


@dataclass(frozen=True)
class Scheduled:
    """A run and what will be done about it: nothing (`cached`; `failed` or `not run`, and left so) or `to run`.

    `source` is the hash of the method's source with which a cached run was made, or one that was stopped was begun,
    where that was written down.
    """

    spec: RunSpec
    state: State
    reason: str = ""
    source: str = ""


def recorded(store: RunStore, spec: RunSpec) -> RunRecord | None:
    """Return the record of a run; in the place of one that cannot be read, a failed one that says so."""
    try:
        return store.record(spec.key())
    except DataError as error:
        reason = error.problem
    except OSError as error:
        reason = f"{error.filename}: {error.strerror}"
    return RunRecord(spec=spec, status="failed", reason=f"{reason}; --rerun failed replaces it")


def drop_unreadable(store: RunStore, spec: RunSpec) -> None:
    """Remove the record of a run that is to be made anew where it cannot be read; one that is worked on is left."""
    if not _is_unreadable(store, spec):
        return
    folder = store.folder(spec.key())
    with suppress(RunLockedError, OSError), RunLock(folder):
        # Somebody may have made it anew meanwhile.
        if _is_unreadable(store, spec):
            (folder / "record.json").unlink()


def _is_unreadable(store: RunStore, spec: RunSpec) -> bool:
    try:
        store.record(spec.key())
    except DataError:
        return True
    except OSError:
        # What cannot be opened can hardly be replaced: the run fails for that.
        return False
    return False


def schedule(
    specs: Sequence[RunSpec],
    store: RunStore,
    rerun: Rerun = "missing",
    lacks: Callable[[RunRecord], bool] = lambda record: False,
    made: Collection[str] = (),
) -> list[Scheduled]:
    """Return every run with its state, under the policy for runs that ended before.

    `missing` runs what has no record, `failed` also what failed, `always` everything, `never` nothing. A run whose
    record cannot be read has failed.
    What is `made` already, by key, is not made anew under `always`.
    A run that is done is taken up once more, unless nothing may run, where it `lacks` what a selection rule reads.
    """
    result = []
    for spec in specs:
        record = recorded(store, spec)
        if rerun == "always" and spec.key() not in made:
            result.append(Scheduled(spec, "to run", "--rerun always"))
        elif record is not None and record.status == "done" and rerun != "never" and lacks(record):
            result.append(Scheduled(spec, "to run", "done before; what selection rules read is added"))
        elif record is not None and record.status == "done" and rerun != "never" and is_mixed(store.folder(spec.key())):
            result.append(Scheduled(spec, "to run", "stopped while it was made once more"))
        elif record is not None and record.status == "done":
            source = record.provenance.method_source_sha256 if record.provenance else ""
            result.append(Scheduled(spec, "cached", source=source))
        elif record is not None and rerun != "failed":
            result.append(Scheduled(spec, "failed", record.reason))
        elif rerun == "never":
            result.append(Scheduled(spec, "not run", "--rerun never"))
        else:
            begun = begun_with(store.folder(spec.key()))
            result.append(Scheduled(spec, "to run", "failed before" if record else "", begun))
    return result
