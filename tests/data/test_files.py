from __future__ import annotations

from pathlib import Path

import pytest

from ucdver.data.home import data_home
from ucdver.files import atomic_path, atomic_write_bytes, atomic_write_text, reserve, sweep


def test_writing_makes_the_folder_and_leaves_only_the_file(tmp_path: Path) -> None:
    atomic_write_text(tmp_path / "a" / "b.txt", "grüße\n")
    atomic_write_bytes(tmp_path / "a" / "b.txt", b"new")
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["b.txt"]
    assert (tmp_path / "a" / "b.txt").read_bytes() == b"new"


def test_text_is_written_as_it_is(tmp_path: Path) -> None:
    atomic_write_text(tmp_path / "b.txt", "grüße\n")
    assert (tmp_path / "b.txt").read_bytes() == "grüße\n".encode()


def test_a_failure_keeps_the_old_content_and_removes_the_temporary_file(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), atomic_path(path) as temporary:
        temporary.write_text("half")
        assert path.read_text() == "old"
        assert temporary.parent == path.parent and temporary.suffix == ".npy"
        raise ZeroDivisionError
    assert [p.name for p in tmp_path.iterdir()] == ["x.npy"]
    assert path.read_text() == "old"


def test_a_writer_that_writes_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path / "x"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_the_home_folder_is_the_environments_or_the_users_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UCDVER_HOME", str(tmp_path / "h"))
    assert data_home() == tmp_path / "h"
    monkeypatch.delenv("UCDVER_HOME")
    assert data_home().is_absolute() and "ucdver" in data_home().parts


def test_room_is_taken_before_a_file_is_mapped(tmp_path: Path) -> None:
    path = tmp_path / "x"
    with path.open("wb") as stream:
        stream.truncate(1 << 20)
    assert path.stat().st_blocks * 512 < 1 << 20
    reserve(path)
    assert path.stat().st_blocks * 512 >= 1 << 20 and path.stat().st_size == 1 << 20


def test_what_a_killed_process_left_of_one_file_is_removed(tmp_path: Path) -> None:
    for name in (".tmp-1-x.npy", ".tmp-2-y.npy", "x.npy"):
        (tmp_path / name).touch()
    sweep(tmp_path / "x.npy")
    assert {path.name for path in tmp_path.iterdir()} == {".tmp-2-y.npy", "x.npy"}
