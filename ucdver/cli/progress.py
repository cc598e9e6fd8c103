"""Live progress of a grid: a table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import os
import time
from collections import Counter
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ucdver.cli.durations import duration
from ucdver.runs.events import RunEvent
from ucdver.runs.schedule import Scheduled
from ucdver.spec.run import RunSpec


def label(spec: RunSpec) -> str:
    """Return how a run is called in messages."""
    return f"{spec.method.name} on {spec.task.id}, seed {spec.seed}"


class Progress:
    """Listens to an executor and shows how far the grid and each run are.

    On a terminal: tasks x methods with the number of ended runs in each cell, the runs that go on, the time left.
    Elsewhere one line when a run ends, fails or waits, so that a log stays readable.
    """

    def __init__(self, scheduled: list[Scheduled], console: Console) -> None:
        self.console = console
        self.total = sum(item.state == "to run" for item in scheduled)
        self.ended = 0
        self.failed = 0
        self.started = time.monotonic()
        self._going: dict[str, tuple[RunEvent, float]] = {}
        self._methods = list(dict.fromkeys(item.spec.method.name for item in scheduled))
        self._tasks = list(dict.fromkeys(item.spec.task.id for item in scheduled))
        self._planned = Counter((item.spec.method.name, item.spec.task.id) for item in scheduled)
        self._finished = Counter(
            (item.spec.method.name, item.spec.task.id) for item in scheduled if item.state == "cached"
        )
        self._faults = Counter(
            (item.spec.method.name, item.spec.task.id) for item in scheduled if item.state == "failed"
        )
        self._live: Live | None = None

    def __enter__(self) -> Progress:
        if self.console.is_terminal and self.total:
            self._live = Live(self, console=self.console, refresh_per_second=4, transient=True)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def __call__(self, event: RunEvent) -> None:
        """Take note of an event."""
        key = event.spec.key()
        if event.kind == "started":
            self._going[key] = (event, time.monotonic())
        elif event.kind == "progress":
            self._going[key] = (event, self._going.get(key, (event, time.monotonic()))[1])
        elif event.kind == "waiting":
            self._going.pop(key, None)
            self._line(f"waiting: {label(event.spec)}: {event.reason}", "yellow")
        elif event.record is not None:
            self._end(event, key)

    def _end(self, event: RunEvent, key: str) -> None:
        assert event.record is not None
        self.ended += 1
        began = self._going.pop(key, (event, time.monotonic()))[1]
        cell = (event.spec.method.name, event.spec.task.id)
        count = f"[{self.ended:>{len(str(self.total))}}/{self.total}]"
        if event.record.status == "done":
            self._finished[cell] += 1
            if self._live is None:
                took = duration(time.monotonic() - began)
                self._line(f"{count} done {label(event.spec)} in {took}{self._left()}")
        else:
            self.failed += 1
            self._faults[cell] += 1
            if os.environ.get("UCDVER_TRACEBACK") == "1" and event.record.traceback:
                self._line(event.record.traceback.rstrip())
            self._line(f"{count} FAILED {label(event.spec)}: {event.record.reason}", "red")

    def _line(self, text: str, style: str = "") -> None:
        self.console.print(Text(text, style=style), soft_wrap=True)

    def _left(self) -> str:
        if not self.ended or self.ended == self.total:
            return ""
        spent = time.monotonic() - self.started
        return f", about {duration(spent / self.ended * (self.total - self.ended))} left"

    def __rich__(self) -> Group:
        grid = Table(box=None, padding=(0, 1))
        grid.add_column("")
        for method in self._methods:
            grid.add_column(method, justify="right")
        for task in self._tasks:
            grid.add_row(task, *[self._cell(method, task) for method in self._methods])
        bars = Table.grid(padding=(0, 1))
        for event, began in list(self._going.values()):
            share = event.step / event.total if event.total else 0.0
            loss = event.losses.get("total")
            bars.add_row(
                Text(label(event.spec)),
                ProgressBar(total=1.0, completed=share, width=24),
                Text(f"{event.step}/{event.total}" if event.total else "preparing"),
                Text(f"loss {loss:.3f}" if loss is not None else ""),
                Text(duration(time.monotonic() - began)),
            )
        spent = duration(time.monotonic() - self.started)
        foot = f"{self.ended}/{self.total} runs, {self.failed} failed, {spent}{self._left()}"
        return Group(grid, bars, Text(foot))

    def _cell(self, method: str, task: str) -> Text:
        planned, finished = self._planned[(method, task)], self._finished[(method, task)]
        faults = self._faults[(method, task)]
        if not planned:
            return Text("-", style="dim")
        style = "red" if faults else "green" if finished == planned else ""
        return Text(f"{finished}/{planned}" + (f" {faults}!" if faults else ""), style=style)
