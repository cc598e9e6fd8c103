"""How preparing is told: a line when something begins, one every while, and one when it is done."""

from __future__ import annotations

import time
from collections.abc import Callable

from rich.console import Console

#: A line about something slow this often, in seconds.
EVERY = 10.0


def preparing(console: Console) -> Callable[[str, int, int], None]:
    """Return a function that tells of (what, done, total) in lines."""
    began: dict[str, tuple[float, int]] = {}
    last: dict[str, float] = {}

    def tell(what: str, done: int, total: int) -> None:
        now = time.monotonic()
        began.setdefault(what, (now, done))
        if done == total:
            line = f"{what} ({total} images)"
        elif now - last.setdefault(what, now) >= EVERY:
            start, first = began[what]
            left = (now - start) / max(1, done - first) * (total - done)
            line = f"{what}: {done} of {total}" + (f", about {_duration(left)} left" if done > first else "")
        else:
            return
        last[what] = now
        console.print(line, highlight=False, soft_wrap=True, markup=False)

    return tell


def _duration(seconds: float) -> str:
    from ucdver.cli.durations import duration

    return duration(seconds)
