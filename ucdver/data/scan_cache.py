"""What was found out about files, kept so that a file that did not change is not read again."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from ucdver.files import atomic_path
from ucdver.spec.base import canonical_json


@dataclass(frozen=True, slots=True)
class Facts:
    """What one reading of a file gave.

    Attributes:
        sha256: of the file, as `hash_file` has it; of the pixels, where a loader drew the picture; empty where the
            system would not give the file or the loader failed.
        width, height: in pixels as the picture is shown; 0 where no picture was decoded.
        phash: what `perceptual_hash` gave, or None.
        problem: why it cannot be decoded; empty where it can.
    """

    sha256: str
    width: int = 0
    height: int = 0
    phash: int | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Stamp:
    """By what a file is known again: where it is, how large, and when it was changed (nanoseconds)."""

    key: str
    size: int
    mtime_ns: int


class ScanCache:
    """A log of facts, one line a file, that is only ever appended to; a context manager.

    A process that is killed loses at most the line it was writing: half a line at the end is cut off by the next
    one. A damaged line is left out, and its file is read again. Only one process may hold it at a time.

    Args:
        path: the log; made with its folder where it is not there.
        header: what the facts depend on besides the files. A log with another header is begun anew.
    """

    def __init__(self, path: Path, header: Mapping[str, str]) -> None:
        self.path = path
        self._header = canonical_json(dict(header))
        self._known, lines = read_log(path, header)
        if not lines or lines > 2 * len(self._known) + 1:
            self._write_anew()
        self._stream: BinaryIO = _opened_to_append(path)

    def get(self, stamp: Stamp) -> Facts | None:
        """Return what is known of the file as it is now, or None."""
        size, mtime_ns, facts = self._known.get(stamp.key, (-1, -1, None))
        return facts if (size, mtime_ns) == (stamp.size, stamp.mtime_ns) else None

    def add(self, found: Iterable[tuple[Stamp, Facts]]) -> None:
        """Append facts and hand them to the system, so that they outlive this process."""
        lines = []
        for stamp, facts in found:
            self._known[stamp.key] = (stamp.size, stamp.mtime_ns, facts)
            lines.append(_line(stamp, facts))
        self._stream.write("".join(lines).encode())
        self._stream.flush()

    def __enter__(self) -> ScanCache:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self._stream.close()

    def _write_anew(self) -> None:
        with atomic_path(self.path) as temporary, temporary.open("wb") as stream:
            stream.write(f"{self._header}\n".encode())
            for key, (size, mtime_ns, facts) in self._known.items():
                stream.write(_line(Stamp(key, size, mtime_ns), facts).encode())


def read_log(path: Path, header: Mapping[str, str]) -> tuple[dict[str, tuple[int, int, Facts]], int]:
    """Return (size, mtime, facts) by key from a log, and its number of lines; none where the header is another."""
    known: dict[str, tuple[int, int, Facts]] = {}
    lines = 0
    if path.is_file():
        with path.open("rb") as stream:
            if stream.readline() != f"{canonical_json(dict(header))}\n".encode():
                return {}, 0
            lines = 1
            for line in stream:
                lines += 1
                entry = _parsed(line)
                if entry is not None:
                    known[entry[0].key] = (entry[0].size, entry[0].mtime_ns, entry[1])
    return known, lines


def _opened_to_append(path: Path) -> BinaryIO:
    stream = path.open("r+b")
    # A line without its end is half a line, and what is appended to it would be lost with it.
    end = stream.seek(0, os.SEEK_END)
    while end:
        start = max(0, end - (1 << 16))
        stream.seek(start)
        last = stream.read(end - start).rfind(b"\n")
        if last >= 0:
            stream.truncate(start + last + 1)
            break
        end = start
    stream.seek(0, os.SEEK_END)
    return stream


def _line(stamp: Stamp, facts: Facts) -> str:
    phash = "" if facts.phash is None else f"{facts.phash:016x}"
    values = [stamp.key, stamp.size, stamp.mtime_ns, facts.sha256, facts.width, facts.height, phash, facts.problem]
    return json.dumps(values, separators=(",", ":")) + "\n"


def _parsed(line: bytes) -> tuple[Stamp, Facts] | None:
    if not line.endswith(b"\n"):
        return None
    try:
        key, size, mtime_ns, sha256, width, height, phash, problem = json.loads(line)
        numbers = all(type(value) is int for value in (size, mtime_ns, width, height))
        texts = all(isinstance(value, str) for value in (key, sha256, phash, problem))
        if not numbers or not texts or len(sha256) != 64:
            return None
        seen = int(phash, 16) if phash else None
    except (ValueError, TypeError):
        return None
    return Stamp(key, size, mtime_ns), Facts(sha256, width, height, seen, problem)
