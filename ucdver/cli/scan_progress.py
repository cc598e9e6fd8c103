"""Progress through the files of a data set: a bar on a terminal, now and then a line elsewhere."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ucdver.cli.durations import duration

_SECONDS_BETWEEN_LINES = 10.0


class ScanProgress:
    """Told `(done, total)`, it shows how far the reading is; a context manager.

    Args:
        what: what is read, as in "data set 'toy'".
        console: where to; a terminal gets a bar that goes away, anything else a line every ten seconds.
    """

    def __init__(self, what: str, console: Console) -> None:
        self._what = what
        self._console = console
        self._bar: Progress | None = None
        self._known = -1
        self._started = self._told = time.monotonic()

    def __enter__(self) -> ScanProgress:
        if self._console.is_terminal:
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[rate]}"),
                TimeRemainingColumn(),
            )
            self._bar = Progress(*columns, console=self._console, transient=True)
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
        if kind is KeyboardInterrupt:
            self._line("stopped; the same command goes on from here")

    def __call__(self, done: int, total: int) -> None:
        """Take note that `done` of `total` files are read; the first call says how many were known."""
        now = time.monotonic()
        if self._known < 0:
            self._known, self._started, self._told = done, now, now
            if self._bar is not None:
                self._bar.add_task(self._what, total=total, completed=done, rate="")
            known = f", {done} of them known from before" if done else ""
            self._line(f"{self._what}: reading {total} files{known}")
            return
        rate = (done - self._known) / max(now - self._started, 1e-9)
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=done, rate=f"{rate:.0f}/s")
        elif now - self._told >= _SECONDS_BETWEEN_LINES and done < total:
            self._told = now
            left = duration((total - done) / rate) if rate else "?"
            self._line(f"{self._what}: {done} of {total} files, {rate:.0f} a second, about {left} left")
        if done == total:
            self._line(f"{self._what}: {total - self._known} files read in {duration(now - self._started)}")

    def _line(self, text: str) -> None:
        self._console.print(text, highlight=False, soft_wrap=True, markup=False)
