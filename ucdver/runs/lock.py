"""One process at a time works on a run: a file lock that dies with its owner, beside a note of who that is."""

from __future__ import annotations

import json
import os
import socket
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from filelock import FileLock, Timeout

from ucdver.errors import RunLockedError
from ucdver.files import atomic_write_text


class RunLock:
    """Holds `<folder>/.lock`; entering while another process holds it is a RunLockedError that names the owner.

    The operating system drops the lock when its owner dies, however it dies, so none is ever left over. `owner.json`
    says host, process and the time of the last sign of life, for a person who wonders what is going on.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(folder / ".lock", timeout=0)
        self._owner = folder / "owner.json"

    def __enter__(self) -> RunLock:
        try:
            self._lock.acquire()
        except Timeout:
            raise RunLockedError(f"run {self._owner.parent.name[:12]} is being worked on by {self._who()}") from None
        self.beat()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._owner.unlink(missing_ok=True)
        self._lock.release()

    def beat(self) -> None:
        """Write down a sign of life."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        atomic_write_text(self._owner, json.dumps({"host": socket.gethostname(), "pid": os.getpid(), "seen": now}))

    def _who(self) -> str:
        try:
            owner = json.loads(self._owner.read_text())
        except (OSError, ValueError):
            return "another process"
        return f"process {owner.get('pid')} on {owner.get('host')}, last seen {owner.get('seen')}"
