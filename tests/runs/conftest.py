from collections.abc import Callable
from pathlib import Path

import pytest
from support.small_suite import SUITE

from ucdver.data.catalog import Catalog
from ucdver.plugins import load_registry, reset
from ucdver.runs.archive import export_runs
from ucdver.runs.options import WorkerOptions
from ucdver.runs.plan import Plan, make_plan
from ucdver.runs.store import RunStore
from ucdver.runs.worker import execute
from ucdver.spec.run import RunSpec
from ucdver.spec.suite_file import load_suite
from ucdver.train.loop import LoopOptions


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


@pytest.fixture
def made(tmp_path: Path, home: Path, plan: Callable[..., Plan]) -> tuple[RunStore, Plan, Path]:
    """Return a runs folder with both runs of a suite, its plan, and the archive of it."""
    planned = plan(SUITE.replace("seeds = 2", "seeds = 1\ncheckpoints = 2"))
    store = RunStore(tmp_path / "runs")
    for spec in planned.runs:
        assert execute(spec, WorkerOptions(runs=store.root, home=home), lambda a, b, c: None).status == "done"
    store.write_plan(planned.remembered)
    path = tmp_path / "packed.zip"
    export_runs(store, planned.remembered, path)
    return store, planned, path


@pytest.fixture
def done(tmp_path: Path, home: Path, plan: Callable[..., Plan]) -> tuple[RunStore, RunSpec, WorkerOptions]:
    """Return a run that is done, with one checkpoint."""
    spec = plan().runs[0]
    options = WorkerOptions(runs=tmp_path / "runs", home=home, loop=LoopOptions(checkpoint_seconds=0, reports=1000))
    assert execute(spec, options, lambda a, b, c: None).status == "done"
    return RunStore(tmp_path / "runs"), spec, options
