"""Writing files so that a reader finds the old content or the new one, never half of it."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def _fsync(path: Path, flags: int) -> None:
    handle = os.open(path, flags)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` that takes its place on success and is removed on failure.

    The temporary name keeps the suffix of `path`, since some writers go by it. The folder is made where it
    lacks.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".tmp-{uuid.uuid4().hex}-{path.name}")
    try:
        yield temporary
        _fsync(temporary, os.O_RDWR)
        temporary.replace(path)
        if os.name == "posix":
            # A rename is only durable once the folder itself is on disk; other systems cannot open a folder.
            _fsync(path.parent, os.O_RDONLY)
    finally:
        temporary.unlink(missing_ok=True)


def atomic_write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path` atomically."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def atomic_write_text(path: Path, text: str) -> None:
    """Write `text` to `path` atomically, as UTF-8 with the line ends it has."""
    atomic_write_bytes(path, text.encode())


def reserve(path: Path) -> None:
    """Take the room that a file says it has: a map of a file with holes ends its process where the disk is full.

    Raises:
        OSError: there is no such room.
    """
    handle = os.open(path, os.O_RDWR)
    try:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(handle, 0, os.fstat(handle).st_size)
    finally:
        os.close(handle)


def sweep(path: Path) -> None:
    """Remove what killed processes were about to put at `path`; whoever calls it holds the lock of that file."""
    for left in path.parent.glob(f".tmp-*-{path.name}"):
        left.unlink(missing_ok=True)
