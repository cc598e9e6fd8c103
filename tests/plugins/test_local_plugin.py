from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from ucdver.plugins import load_registry, reset
from ucdver.registry import load_target

SOURCE = """
import ucdver

class Mine:
    answer = {answer}

@ucdver.hookimpl
def ucdver_methods():
    return [
        ucdver.MethodSpec(name="mine", version="1", target="ucdver_local:Mine", settings=("uda",), summary="x")
    ]
"""


def folder_with(path: Path, source: str) -> Path:
    path.mkdir()
    (path / "ucdver_local.py").write_text(source, encoding="utf-8")
    return path


def test_the_file_is_a_plugin_and_its_targets_resolve(site: Path, tmp_path: Path) -> None:
    folder = folder_with(tmp_path / "a", SOURCE.format(answer=1))
    registry = load_registry(folder)
    assert registry.methods.distribution("mine") == "ucdver_local.py"
    assert load_target(registry.methods.get("mine").target, "method 'mine'").answer == 1
    digest = hashlib.sha256((folder / "ucdver_local.py").read_bytes()).hexdigest()
    assert digest.startswith(registry.plugins[-1].version)
    assert load_registry(folder) is registry


def test_without_the_file_or_the_folder_the_registry_is_the_common_one(site: Path, tmp_path: Path) -> None:
    assert load_registry(tmp_path) is load_registry()
    folder = folder_with(tmp_path / "a", SOURCE.format(answer=1))
    assert "mine" not in load_registry().methods
    assert "mine" in load_registry(folder).methods


def test_two_folders_do_not_mix(site: Path, tmp_path: Path) -> None:
    a = folder_with(tmp_path / "a", SOURCE.format(answer=1))
    b = folder_with(tmp_path / "b", SOURCE.format(answer=2))
    for folder, answer in ((a, 1), (b, 2), (a, 1)):
        target = load_registry(folder).methods.get("mine").target
        assert load_target(target, "method 'mine'").answer == answer


@pytest.mark.parametrize("source", ["1 / 0", "def f(:", SOURCE.replace("ucdver_methods", "ucdver_methodes")])
def test_a_faulty_file_is_broken_and_not_fatal(site: Path, tmp_path: Path, source: str) -> None:
    registry = load_registry(folder_with(tmp_path / "a", source))
    (plugin,) = registry.broken
    assert (plugin.name, plugin.distribution) == ("ucdver_local", "ucdver_local.py")
    assert "source_only" in registry.methods


def test_the_file_can_be_blocked(site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = folder_with(tmp_path / "a", SOURCE.format(answer=1))
    monkeypatch.setenv("UCDVER_DISABLE_PLUGINS", "ucdver_local.py")
    assert "mine" not in load_registry(folder).methods


def test_a_changed_file_is_read_again_after_reset(site: Path, tmp_path: Path) -> None:
    folder = folder_with(tmp_path / "a", SOURCE.format(answer=1))
    load_registry(folder)
    (folder / "ucdver_local.py").write_text(SOURCE.format(answer=1000), encoding="utf-8")
    reset()
    target = load_registry(folder).methods.get("mine").target
    assert load_target(target, "method 'mine'").answer == 1000


def test_another_process_rebuilds_the_same_registry(site: Path, tmp_path: Path) -> None:
    folder = folder_with(tmp_path / "a", SOURCE.format(answer=7))
    code = (
        "import sys; from pathlib import Path; from ucdver.plugins import load_registry;"
        "from ucdver.registry import load_target; r = load_registry(Path(sys.argv[1]));"
        "print(load_target(r.methods.get('mine').target, 'm').answer, r.plugins[-1].version)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == ["7", load_registry(folder).plugins[-1].version]
