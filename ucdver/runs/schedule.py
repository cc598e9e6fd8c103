"""Which of the planned runs are to be carried out now, and which are there already."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Literal

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


def schedule(
    specs: Sequence[RunSpec],
    store: RunStore,
    rerun: Rerun = "missing",
    lacks: Callable[[RunRecord], bool] = lambda record: False,
    made: Collection[str] = (),
) -> list[Scheduled]:
    """Return every run with its state, under the policy for runs that ended before.

    `missing` runs what has no record, `failed` also what failed, `always` everything, `never` nothing.
    What is `made` already, by key, is not made anew under `always`.
    A run that is done is taken up once more, unless nothing may run, where it `lacks` what a selection rule reads.
    """
    result = []
    for spec in specs:
        record = store.record(spec.key())
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
