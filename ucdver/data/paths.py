"""Looking files up below one folder, without ever leaving it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Literal

from ucdver.errors import DataError
from ucdver.spec.plugin import DatasetSpec


@dataclass(frozen=True, slots=True)
class Found:
    """What a relative path leads to.

    Attributes:
        state: `file`; `empty`, a file of no bytes; `missing`, nothing or no file; `outside`, what is not
            below the root.
        size: bytes, for a file.
        mtime_ns: when it was changed, in nanoseconds, for a file.
    """

    state: Literal["file", "empty", "missing", "outside"]
    size: int = 0
    mtime_ns: int = 0


class Folder:
    """The files below one folder; it asks the disk once for each file and each folder on the way.

    Args:
        root: the folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._real = root.resolve()
        self._inside: dict[PurePosixPath, bool] = {}

    def look(self, part: str) -> Found:
        """Return what the POSIX path `part` leads to; '..', a drive, a root and a link that leaves are `outside`."""
        pure = PurePosixPath(part)
        # A Windows drive or root would leave the folder there, and a manifest is meant to be the same on every
        # machine.
        if not part or pure.anchor or PureWindowsPath(part).anchor or ".." in pure.parts:
            return Found("outside")
        try:
            if not self._holds(pure.parent):
                return Found("outside")
            info = (self.root / pure).lstat()
            if stat.S_ISLNK(info.st_mode):
                if not (self._real / pure).resolve().is_relative_to(self._real):
                    return Found("outside")
                info = (self.root / pure).stat()
        except (OSError, ValueError, RuntimeError):
            # Nothing there, a name that this system cannot hold, or links in a circle.
            return Found("missing")
        if not stat.S_ISREG(info.st_mode):
            return Found("missing")
        return Found("file" if info.st_size else "empty", info.st_size, info.st_mtime_ns)

    def _holds(self, folder: PurePosixPath) -> bool:
        if folder not in self._inside:
            self._inside[folder] = (self._real / folder).resolve().is_relative_to(self._real)
        return self._inside[folder]


def find_files(spec: DatasetSpec, root: Path, parts: Iterable[str]) -> dict[str, Found]:
    """Return what every path leads to, sorted by path.

    Raises:
        DataError: one of them is absent, empty or outside `root`.
    """
    folder = Folder(root)
    found = {part: folder.look(part) for part in sorted(set(parts))}
    refuse(spec, root, found)
    return found


def refuse(spec: DatasetSpec, root: Path, found: dict[str, Found]) -> None:
    """Raise a DataError for the first path that is outside, else absent, else empty, with the number of such ones."""
    for state, problem, hint in (
        ("outside", "path '{part}' does not stay inside its root", _INSIDE),
        ("missing", "{path} is not a file", spec.obtain),
        ("empty", "{path} is empty", f"get the file again: {spec.obtain}"),
    ):
        parts = [part for part, one in found.items() if one.state == state]
        if parts:
            told = problem.format(part=parts[0], path=f"{root}{os.sep}{parts[0]}")
            if len(parts) > 1:
                told += f" (and {len(parts) - 1} more)"
                hint += f"; 'ucdver data check {spec.name} --root DIR' lists them"
            raise DataError(f"data set '{spec.name}': {told}", hint)


_INSIDE = "the reader must give paths below the root, without '..' and without links that leave it"
