"""A stand-in npm client: a real executable on PATH that hands out package files which the tests build."""

from __future__ import annotations

import io
import json
import os
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

import pytest

# A shebang cannot hold every interpreter path, so the script is started through `sh`.
_CLIENT = """#!/bin/sh
exec {python} -S - "$@" <<'END'
import pathlib, shutil, sys, time
shelf = pathlib.Path({shelf!r})
arguments = sys.argv[1:]
with (shelf / "calls.txt").open("a") as calls:
    calls.write(" ".join(arguments) + "\\n")
assert arguments[0] == "pack", arguments
name = arguments[1].replace("/", "+")
folder = arguments[arguments.index("--pack-destination") + 1]
if (shelf / (name + ".slow")).exists():
    time.sleep(30)
if (shelf / (name + ".json")).exists():
    sys.stdout.write((shelf / (name + ".json")).read_text())
if (shelf / (name + ".err")).exists():
    sys.stderr.write((shelf / (name + ".err")).read_text())
    sys.exit(1)
shutil.copy(shelf / (name + ".tgz"), pathlib.Path(folder) / "package-file.tgz")
END
"""


@dataclass(frozen=True)
class Shelf:
    """What the stand-in client hands out, or fails with."""

    folder: Path

    def _file(self, package: str, suffix: str) -> Path:
        return self.folder / (package.replace("/", "+") + suffix)

    def put(self, package: str, members: dict[str, bytes], extra: list[tarfile.TarInfo] | None = None) -> Path:
        """Build the package file; `extra` are members without content, such as links."""
        path = self._file(package, ".tgz")
        with tarfile.open(path, "w:gz") as archive:
            for member in extra or []:
                archive.addfile(member)
            for name, content in members.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
        return path

    def fail(self, package: str, errors: str, summary: str | None = None) -> None:
        """Let the client fail for `package` as npm does."""
        self._file(package, ".err").write_text(errors)
        if summary is not None:
            self._file(package, ".json").write_text(json.dumps({"error": {"code": "E", "summary": summary}}))

    def delay(self, package: str) -> None:
        """Let the client hang for `package`."""
        self._file(package, ".slow").touch()

    @property
    def calls(self) -> list[list[str]]:
        """The command lines the client was given."""
        path = self.folder / "calls.txt"
        return [line.split(" ") for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    """Put the stand-in client first on PATH."""
    if os.name == "nt":
        pytest.skip("the stand-in npm client is a shell script")
    folder = tmp_path / "shelf"
    folder.mkdir()
    programs = tmp_path / "bin"
    programs.mkdir()
    client = programs / "npm"
    client.write_text(_CLIENT.format(python=sys.executable, shelf=str(folder)))
    client.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    return Shelf(folder)
