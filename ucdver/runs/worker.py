"""One run from spec to record: a failure is a record with its traceback, never a result."""

from __future__ import annotations

import builtins
import shutil
import time
import traceback
from contextlib import suppress
from pathlib import Path

import torch

from ucdver.errors import UcdverError
from ucdver.methods.config import method_class
from ucdver.plugins import load_registry, notify
from ucdver.runs.attempt import Attempt
from ucdver.runs.lock import RunLock
from ucdver.runs.options import Observer, WorkerOptions
from ucdver.runs.provenance import collect, now
from ucdver.runs.remake import beside, drop, is_mixed, settle
from ucdver.runs.store import RunStore, remove_folder, start_over
from ucdver.seeds import scoped_seed
from ucdver.source import source_sha256
from ucdver.spec.run import RunRecord, RunSpec
from ucdver.train.checkpoint import checkpoint_path

#: A sign of life this often; each is a file flushed to disk.
BEAT_SECONDS = 5.0


def execute(spec: RunSpec, options: WorkerOptions, observe: Observer) -> RunRecord:
    """Carry out one run and return its record, which is on disk by then.

    Raises:
        RunLockedError: another process is working on it; nothing was changed.
    """
    store = RunStore(options.runs)
    folder = store.folder(spec.key())
    with RunLock(folder) as lock:
        settle(folder)
        ended = store.record(spec.key())
        if ended is not None and ended.status == "done" and not options.fresh:
            mixed = is_mixed(folder)
            if not mixed and not (options.outputs and store.lacks_outputs(spec)):
                return ended
            if spec.protocol.checkpoints == 1 and checkpoint_path(folder).is_file() and not mixed:
                return _with_outputs(ended, options, store, _beating(observe, lock))
            return _remade(ended, options, store, _beating(observe, lock))
        _sweep(folder)
        if options.fresh or not _goes_on(ended, folder):
            start_over(folder)
            drop(folder)
        (folder / "record.json").unlink(missing_ok=True)
        store.write_spec(spec)
        notify("started", spec, options.local)
        record = _attempt(spec, options, store, _beating(observe, lock))
        store.write_record(record)
        notify("finished" if record.status == "done" else "failed", record, options.local)
        return record


def _goes_on(ended: RunRecord | None, folder: Path) -> bool:
    """Return whether the next attempt goes on from the checkpoint of the last one.

    A run whose process was killed left no traceback, and what the machine lacked is no fault of the run.
    """
    return checkpoint_path(folder).is_file() and (ended is None or not ended.traceback or _lacked_room(ended))


def _lacked_room(failed: RunRecord) -> bool:
    """Return whether a run failed for want of memory or disk, or of a file that could not be had."""
    kind = getattr(builtins, failed.reason.partition(":")[0], None)
    if isinstance(kind, type) and issubclass(kind, OSError | MemoryError):
        return True
    # Of torch: the memory of a GPU and of the CPU, and a checkpoint that could not be written whole.
    return any(words in failed.reason for words in ("OutOfMemoryError: ", "DefaultCPUAllocator", "inline_container.cc"))


def _with_outputs(ended: RunRecord, options: WorkerOptions, store: RunStore, observe: Observer) -> RunRecord:
    """Give a run that is done what selection rules read of it; return its record, which stays as it is.

    Where that fails, a failed record is returned and not written: the run's result is none the worse for it.
    """
    spec = ended.spec
    _sweep(store.folder(spec.key()))
    registry = load_registry(options.local)
    try:
        with scoped_seed("run", spec.seed):
            Attempt(spec, options, store, registry, torch.device(options.device)).add_outputs(observe)
    except Exception as error:  # noqa: BLE001 - as in `_attempt`
        return _no_worse(ended, _reason(error))
    return ended


def _remade(ended: RunRecord, options: WorkerOptions, store: RunStore, observe: Observer) -> RunRecord:
    """Make a run that is done once more, for outputs that its last weights alone cannot give; return its new record.

    All is made beside what the run has, which is replaced when the new is whole, and not before; where that fails it is
    as in `_with_outputs`. What was stopped goes on from its checkpoint.
    """
    folder = store.folder(ended.spec.key())
    _sweep(folder)
    notify("started", ended.spec, options.local)
    apart = beside(store)
    record = _attempt(ended.spec, options, apart, observe)
    if record.status == "done":
        apart.write_record(record)
        settle(folder)
    else:
        if not _lacked_room(record):
            remove_folder(apart.folder(ended.spec.key()))
        record = _no_worse(ended, record.reason)
    notify("finished" if record.status == "done" else "failed", record, options.local)
    return record


def _no_worse(ended: RunRecord, reason: str) -> RunRecord:
    """Return a failed record, to be told and not written, of what was attempted with a run that is done."""
    return ended.model_copy(update={"status": "failed", "reason": f"{reason} (its result stays)"})


def _reason(error: Exception) -> str:
    """Return what went wrong, and of an error that ucdver does not know in which line, torch's own left out."""
    if isinstance(error, UcdverError):
        return str(error)
    frames = traceback.extract_tb(error.__traceback__)
    library = str(Path(torch.__file__).parent)
    own = [frame for frame in frames if not frame.filename.startswith(library)]
    place = f" ({Path(own[-1].filename).name}:{own[-1].lineno})" if own else ""
    return f"{type(error).__name__}: {error}{place}"


def _sweep(folder: Path) -> None:
    """Remove what a killed process was about to write; the lock is held, so nobody else is writing."""
    for path in [*folder.rglob(".*.tmp*"), *folder.rglob(".tmp-*")]:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _beating(observe: Observer, lock: RunLock) -> Observer:
    last = time.monotonic()

    def observed(done: int, total: int, losses: dict[str, float]) -> None:
        nonlocal last
        if time.monotonic() - last > BEAT_SECONDS:
            # For a person who wonders: what cannot be written down at this moment ends no run.
            with suppress(OSError):
                lock.beat()
            last = time.monotonic()
        observe(done, total, losses)

    return observed


def _attempt(spec: RunSpec, options: WorkerOptions, store: RunStore, observe: Observer) -> RunRecord:
    """Return a record whatever happens, short of the process being told to stop."""
    started = now()
    device = torch.device(options.device)
    registry = load_registry(options.local)
    sha256 = ""
    try:
        sha256 = source_sha256(method_class(registry, spec.method.name))
        with scoped_seed("run", spec.seed):
            cost = Attempt(spec, options, store, registry, device).carry_out(observe)
    except Exception as error:  # noqa: BLE001 - any fault of a plugin's code must end as a record, not end the grid
        provenance = collect(registry, device, started, sha256)
        return RunRecord(
            spec=spec, status="failed", reason=_reason(error), traceback=traceback.format_exc(), provenance=provenance
        )
    return RunRecord(spec=spec, status="done", cost=cost, provenance=collect(registry, device, started, sha256))
