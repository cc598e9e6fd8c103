"""The end of a run whose record cannot be written or read: told, where nothing on disk can say it."""

from __future__ import annotations

from pathlib import Path

from ucdver.errors import UcdverError
from ucdver.runs.events import RunEvent
from ucdver.spec.run import RunRecord, RunSpec

#: What keeps a run from being recorded: the disk, a damaged record, a plugin that can no longer be loaded.
FAULTS = (OSError, UcdverError)


def unrecorded(spec: RunSpec, runs: Path, error: OSError | UcdverError, before: str = "") -> RunEvent:
    """Return that a run has failed for such a fault, which came after what is told `before` it, where anything is."""
    if isinstance(error, UcdverError):
        reason = str(error)
    else:
        reason = f"{error.filename or runs}: {error.strerror or error}; is the disk full?"
    record = RunRecord(spec=spec, status="failed", reason=f"{before}; {reason}" if before else reason)
    return RunEvent("ended", spec, record=record)
