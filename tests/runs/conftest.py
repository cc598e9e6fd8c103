from collections.abc import Callable
from pathlib import Path

import pytest
from support.small_suite import SUITE

from ucdver.data.catalog import Catalog
from ucdver.plugins import load_registry, reset
from ucdver.runs.plan import Plan, make_plan
from ucdver.spec.suite_file import load_suite


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty home folder, set for this process and its children."""
    folder = tmp_path / "home"
    monkeypatch.setenv("UCDVER_HOME", str(folder))
    reset()
    return folder


@pytest.fixture
def plan(tmp_path: Path, home: Path) -> Callable[..., Plan]:
    """Return `(text=SUITE) -> Plan`, of a suite on generated shapes."""

    def planned(text: str = SUITE) -> Plan:
        path = tmp_path / "small.toml"
        path.write_text(text)
        registry = load_registry()
        return make_plan(load_suite(str(path), registry), registry, Catalog(registry, home))

    return planned
