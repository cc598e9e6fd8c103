from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.small_suite import SUITE

from ucdver.cli.app import main
from ucdver.plugins import reset


@dataclass(frozen=True)
class Outcome:
    """What one command left: its exit code, its stdout and its stderr."""

    code: int
    out: str
    err: str


Ucdver = Callable[..., Outcome]


@pytest.fixture
def ucdver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Ucdver]:
    """Return `(*args) -> Outcome`, in an empty folder and with an empty cache."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("UCDVER_HOME", str(tmp_path / "home"))
    for name in ("UCDVER_PLUGINS", "UCDVER_DISABLE_PLUGINS", "UCDVER_TRACEBACK"):
        monkeypatch.delenv(name, raising=False)
    reset()

    def run(*args: str) -> Outcome:
        code = main(args)
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    yield run
    reset()


@pytest.fixture
def suite(ucdver: Ucdver) -> Path:
    """Write the suite of seconds into the current folder, with one seed."""
    path = Path("small.toml")
    path.write_text(SUITE.replace("seeds = 2", "seeds = 1"))
    return path
