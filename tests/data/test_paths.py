from __future__ import annotations

import os
from pathlib import Path

import pytest

from ucdver.data.paths import Folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "root"
    (made / "deep").mkdir(parents=True)
    (made / "deep" / "a.png").write_bytes(b"abc")
    (made / "empty.png").touch()
    (tmp_path / "secret.png").write_bytes(b"secret")
    return made


def test_a_file_is_told_with_its_size_and_time(root: Path) -> None:
    found = Folder(root).look("deep/a.png")
    stat = (root / "deep" / "a.png").stat()
    assert (found.state, found.size, found.mtime_ns) == ("file", 3, stat.st_mtime_ns)
    assert Folder(root).look("empty.png").state == "empty"


@pytest.mark.parametrize("path", ["deep/b.png", "deep", "no/a.png", "deep/a.png/x", "x" * 5000, "nul\0.png"])
def test_what_is_no_file_is_missing(root: Path, path: str) -> None:
    assert Folder(root).look(path).state == "missing"


@pytest.mark.parametrize("path", ["", "../secret.png", "deep/../../secret.png", "/etc/hostname", "C:/x", "\\\\host\\x"])
def test_what_could_leave_is_outside(root: Path, path: str) -> None:
    assert Folder(root).look(path).state == "outside"


def test_links_may_stay_and_must_not_leave(root: Path) -> None:
    (root / "in.png").symlink_to("deep/a.png")
    (root / "out.png").symlink_to(root.parent / "secret.png")
    (root / "away").symlink_to(root.parent)
    (root / "gone.png").symlink_to("deep/none.png")
    (root / "circle").symlink_to("circle")
    folder = Folder(root)
    states = {name: folder.look(name).state for name in ("in.png", "out.png", "away/secret.png", "gone.png", "circle")}
    assert states == {
        "in.png": "file",
        "out.png": "outside",
        "away/secret.png": "outside",
        "gone.png": "missing",
        "circle": "missing",
    }
    assert folder.look("in.png").size == 3


def test_a_root_that_is_a_link_itself_is_fine(root: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(root)
    assert Folder(tmp_path / "link").look("deep/a.png").state == "file"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_no_file_and_nobody_waits_for_it(root: Path) -> None:
    os.mkfifo(root / "pipe.png")
    assert Folder(root).look("pipe.png").state == "missing"
