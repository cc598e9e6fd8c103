"""One run after the other, in this process."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence

from ucdver.errors import RunLockedError
from ucdver.runs.events import Listener, RunEvent
from ucdver.runs.executors.unrecorded import FAULTS, unrecorded
from ucdver.runs.options import WorkerOptions
from ucdver.runs.worker import execute
from ucdver.spec.run import RunSpec

WAIT_SECONDS = 1.0


class LocalExecutor:
    """Carries out runs in order; one that another process works on is put off until the others are done."""

    def __init__(self, options: WorkerOptions, workers: int = 1) -> None:
        self.options = options

    def run(self, specs: Sequence[RunSpec], listen: Listener) -> None:
        """Carry out every run."""
        waiting = deque((spec, False) for spec in specs)
        while waiting:
            spec, put_off = waiting.popleft()
            if put_off:
                time.sleep(WAIT_SECONDS)
            else:
                listen(RunEvent("started", spec))

            def observe(step: int, total: int, losses: dict[str, float], spec: RunSpec = spec) -> None:
                listen(RunEvent("progress", spec, step, total, losses))

            try:
                record = execute(spec, self.options, observe)
            except RunLockedError as error:
                if not put_off:
                    listen(RunEvent("waiting", spec, reason=str(error)))
                waiting.append((spec, True))
                continue
            except FAULTS as error:
                listen(unrecorded(spec, self.options.runs, error))
                continue
            listen(RunEvent("ended", spec, record=record))
