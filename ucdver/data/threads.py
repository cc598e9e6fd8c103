"""Work on many files in threads, of which few are ever waiting."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def in_threads(
    work: Callable[[T], R], items: Iterable[T], workers: int | None = None, at_once: int = 1
) -> Iterator[list[R]]:
    """Yield what `work` gives for each item, in order and some at a time; memory does not grow with their number.

    Args:
        work: called in threads; what it raises ends the whole.
        items: taken as they are needed.
        workers: threads; as many as there are processors by default, 8 at most.
        at_once: items that one thread does in one go, and that are yielded together.
    """
    threads = workers or min(8, os.cpu_count() or 1)

    def several(chunk: list[T]) -> list[R]:
        return [work(item) for item in chunk]

    remaining = iter(items)
    waiting: deque[Future[list[R]]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            while chunk := list(islice(remaining, at_once)):
                waiting.append(pool.submit(several, chunk))
                if len(waiting) > 2 * threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            # After an error or Ctrl-C nobody waits for what has not begun.
            pool.shutdown(wait=True, cancel_futures=True)
