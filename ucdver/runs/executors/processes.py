"""Several worker processes on this machine; one that dies fails the run it was at and is replaced."""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

from ucdver.errors import RunLockedError
from ucdver.runs.events import Listener, RunEvent
from ucdver.runs.executors.unrecorded import FAULTS, unrecorded
from ucdver.runs.lock import RunLock
from ucdver.runs.options import WorkerOptions
from ucdver.runs.provenance import now
from ucdver.runs.remake import is_remade, settle
from ucdver.runs.store import RunStore
from ucdver.runs.worker import execute
from ucdver.spec.run import RunRecord, RunSpec

WAIT_SECONDS = 1.0


def serve(pipe: Connection, options: WorkerOptions) -> None:
    """Carry out the runs that come through the pipe until it closes; the body of a worker process."""
    # Ctrl-C reaches the whole process group; the parent alone decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        try:
            spec = pipe.recv()
        except EOFError:
            return

        def observe(step: int, total: int, losses: dict[str, float], spec: RunSpec = spec) -> None:
            try:
                pipe.send(RunEvent("progress", spec, step, total, losses))
            except OSError:
                # The parent is gone. That is no fault of the run: end without a record, its checkpoint stays.
                raise SystemExit(1) from None

        try:
            record = execute(spec, options, observe)
        except RunLockedError as error:
            pipe.send(RunEvent("waiting", spec, reason=str(error)))
        except FAULTS as error:
            pipe.send(unrecorded(spec, options.runs, error))
        else:
            pipe.send(RunEvent("ended", spec, record=record))


@dataclass
class _Worker:
    process: SpawnProcess
    pipe: Connection
    spec: RunSpec | None = None


class ProcessExecutor:
    """Carries out runs in `workers` processes that live for the whole grid, so that torch is imported once in each."""

    def __init__(self, options: WorkerOptions, workers: int) -> None:
        self.options = options
        self.workers = max(1, workers)
        self._context = multiprocessing.get_context("spawn")

    def run(self, specs: Sequence[RunSpec], listen: Listener) -> None:
        """Carry out every run; whatever ends this call ends the workers too."""
        todo = deque(specs)
        put_off: deque[tuple[float, RunSpec]] = deque()
        told: set[str] = set()
        workers: list[_Worker] = []
        try:
            while todo or put_off or any(worker.spec for worker in workers):
                while put_off and put_off[0][0] <= time.monotonic():
                    todo.append(put_off.popleft()[1])
                self._hand_out(workers, todo, told, listen)
                for worker in self._ready(workers):
                    event = self._receive(worker)
                    if event.kind == "waiting":
                        put_off.append((time.monotonic() + WAIT_SECONDS, event.spec))
                        if event.spec.key() + "?" in told:
                            continue
                        told.add(event.spec.key() + "?")
                    listen(event)
                workers = [worker for worker in workers if worker.process.is_alive() or worker.spec]
        finally:
            for worker in workers:
                worker.pipe.close()
                worker.process.terminate()
            for worker in workers:
                worker.process.join()

    def _hand_out(self, workers: list[_Worker], todo: deque[RunSpec], told: set[str], listen: Listener) -> None:
        """Give every idle worker a run, starting workers as long as there is work for them."""
        while todo:
            idle = next((worker for worker in workers if worker.spec is None), None)
            if idle is None:
                if len(workers) >= self.workers:
                    return
                idle = self._start()
                workers.append(idle)
            idle.spec = todo.popleft()
            if idle.spec.key() not in told:
                told.add(idle.spec.key())
                listen(RunEvent("started", idle.spec))
            try:
                idle.pipe.send(idle.spec)
            except (BrokenPipeError, OSError):
                continue

    def _start(self) -> _Worker:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=serve, args=(theirs, self.options), daemon=True)
        process.start()
        theirs.close()
        return _Worker(process, ours)

    def _ready(self, workers: list[_Worker]) -> list[_Worker]:
        """Return the workers that said something or died, waiting a moment for one."""
        busy = {worker.pipe: worker for worker in workers if worker.spec}
        if not busy:
            time.sleep(0.05)
            return []
        return [busy[pipe] for pipe in wait(list(busy), timeout=WAIT_SECONDS) if isinstance(pipe, Connection)]

    def _receive(self, worker: _Worker) -> RunEvent:
        """Return what a worker says; a dead worker's run ends as failed."""
        spec = worker.spec
        assert spec is not None
        try:
            event: RunEvent = worker.pipe.recv()
        except (EOFError, OSError):
            event = self._died(worker, spec)
        if event.kind != "progress":
            worker.spec = None
        return event

    def _died(self, worker: _Worker, spec: RunSpec) -> RunEvent:
        worker.process.join()
        code = worker.process.exitcode or 0
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"
        reason = f"the worker process {how} at {now()}"
        if code == -signal.SIGKILL:
            reason += "; when memory ran out, use fewer workers (-j) or a smaller batch"
        record = RunRecord(spec=spec, status="failed", reason=reason)
        store = RunStore(self.options.runs)
        try:
            with RunLock(store.folder(spec.key())):
                settle(store.folder(spec.key()))
                ended = store.record(spec.key())
                if ended is not None and ended.status == "done":
                    if is_remade(store.folder(spec.key())):
                        ended = record.model_copy(update={"reason": f"{reason} (its result stays)"})
                    return RunEvent("ended", spec, record=ended)
                store.write_record(record)
        except RunLockedError as error:
            return RunEvent("waiting", spec, reason=str(error))
        except FAULTS as error:
            return unrecorded(spec, self.options.runs, error, before=reason)
        return RunEvent("ended", spec, record=record)
