"""How runs are carried out on this machine; nothing here is part of a run's key."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ucdver.train.loop import LoopOptions

#: (steps done, steps in all, latest losses)
Observer = Callable[[int, int, dict[str, float]], None]


@dataclass(frozen=True)
class WorkerOptions:
    """Where and how runs are carried out on this machine; nothing here is part of a run's key.

    Attributes:
        runs: the runs folder.
        home: the folder of data sets and caches.
        device: `cpu` or `cuda`.
        threads: CPU threads of each run.
        local: the folder of `ucdver_local.py`, if there is one.
        fresh: run again what is done already, from the beginning.
        loop: how often to save and to report.
        outputs: save what selection rules read at the end of runs with one checkpoint too, where there is nothing to
            choose within the run; a run that is done and lacks it is given it.
    """

    runs: Path
    home: Path
    device: str = "cpu"
    threads: int = 1
    local: Path | None = None
    fresh: bool = False
    outputs: bool = False
    loop: LoopOptions = field(default_factory=LoopOptions)
