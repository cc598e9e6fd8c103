"""Real distributions on `sys.path`: a module, a METADATA and an entry_points.txt, as an installer leaves them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ucdver.plugins import reset

AddDistribution = Callable[[str, str], Path]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delenv("UCDVER_PLUGINS", raising=False)
    monkeypatch.delenv("UCDVER_DISABLE_PLUGINS", raising=False)
    monkeypatch.chdir(tmp_path)
    reset()
    yield folder
    reset()
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None) or "").startswith(str(folder)):
            del sys.modules[name]


@pytest.fixture
def add_distribution(site: Path) -> AddDistribution:
    """Return `(name, source) -> module file`: a distribution "name" 1.2 whose plugin is the module `name`."""

    def add(name: str, source: str) -> Path:
        module = name.replace("-", "_")
        path = site / f"{module}.py"
        path.write_text(source, encoding="utf-8")
        info = site / f"{module}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
        (info / "entry_points.txt").write_text(f"[ucdver]\n{module} = {module}\n")
        return path

    return add
