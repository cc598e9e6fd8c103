"""What an executor tells while it carries out runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from ucdver.runs.options import WorkerOptions
from ucdver.spec.run import RunRecord, RunSpec


@dataclass(frozen=True)
class RunEvent:
    """One thing that happened to a run: it started, came a stretch further, ended, or waits for another process.

    `record` is there when it ended; `step`, `total` and `losses` when it came further.
    """

    kind: Literal["started", "progress", "ended", "waiting"]
    spec: RunSpec
    step: int = 0
    total: int = 0
    losses: Mapping[str, float] = field(default_factory=dict)
    record: RunRecord | None = None
    reason: str = ""


Listener = Callable[[RunEvent], None]


class Executor(Protocol):
    """Carries out runs; what a plugin's executor class must look like."""

    def __init__(self, options: WorkerOptions, workers: int) -> None:
        """Take the options of this machine and how many runs may go on at once."""
        ...

    def run(self, specs: Sequence[RunSpec], listen: Listener) -> None:
        """Carry out every run, in any order, and tell `listen`, in the calling thread, of each event.

        A run that fails ends with a failed record and never stops the others.
        """
        ...
