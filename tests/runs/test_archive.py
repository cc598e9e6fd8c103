"""Runs in one file: what goes in comes out, and what is there stays."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from support.small_suite import SUITE

from ucdver.data.catalog import Catalog
from ucdver.errors import DataError
from ucdver.evaluate.predictions import HIDDEN
from ucdver.plugins import load_registry
from ucdver.report.leaderboard import build_leaderboard
from ucdver.report.markdown import export as markdown
from ucdver.runs.archive import export_runs, import_runs
from ucdver.runs.options import WorkerOptions
from ucdver.runs.plan import Plan
from ucdver.runs.revealed import Revealed
from ucdver.runs.store import RunStore
from ucdver.runs.worker import execute

CHECKED = SUITE.replace("seeds = 2", "seeds = 1\ncheckpoints = 2")


def table(store: RunStore, selection: str = "last", metric: str | None = None) -> str:
    return markdown(build_leaderboard(store, load_registry(), store.plan(), metric, selection=selection))


def test_the_table_of_what_came_in_is_that_of_what_went_out(tmp_path: Path, made: tuple[RunStore, Plan, Path]) -> None:
    store, planned, path = made
    other = RunStore(tmp_path / "elsewhere" / "runs")
    found = import_runs(path, other)
    assert (found.new, found.present, found.planned, found.left_out) == (len(planned.runs), 0, ("small",), {})
    assert table(other) == table(store)
    # The oracle chooses by predictions of every checkpoint, so those came too.
    assert table(other, "oracle") == table(store, "oracle")
    assert other.record(planned.runs[0].key()) == store.record(planned.runs[0].key())
    assert not list(other.root.rglob("*.pt"))


def test_the_same_runs_give_the_same_file(tmp_path: Path, made: tuple[RunStore, Plan, Path]) -> None:
    store, planned, path = made
    again = tmp_path / "again.zip"
    packed = export_runs(store, planned.remembered, again)
    assert (packed.runs, packed.absent) == (len(planned.runs), 0)
    assert again.read_bytes() == path.read_bytes()


def test_predicted_classes_alone_give_the_same_tables_but_of_what_reads_more(
    tmp_path: Path, made: tuple[RunStore, Plan, Path]
) -> None:
    store, planned, whole = made
    path = tmp_path / "classes.zip"
    assert export_runs(store, planned.remembered, path, classes_only=True).runs == len(planned.runs)
    assert path.stat().st_size < whole.stat().st_size
    other = RunStore(tmp_path / "elsewhere")
    assert import_runs(path, other).new == len(planned.runs)
    for metric in ("accuracy", "balanced_accuracy", "macro_f1"):
        assert table(other, metric=metric) == table(store, metric=metric)
    assert table(other, "oracle") == table(store, "oracle")
    assert "n/a" not in table(store, metric="nll")
    assert "in place of logits, and nll reads those" in table(other, metric="nll")
    # What came in so can go on so, and cannot become more.
    again = tmp_path / "again.zip"
    export_runs(other, planned.remembered, again)
    assert again.read_bytes() == path.read_bytes()
    export_runs(other, planned.remembered, again, classes_only=True)
    assert again.read_bytes() == path.read_bytes()


@pytest.mark.parametrize("classes_only", [False, True])
def test_what_would_be_refused_is_left_out_and_counted(
    tmp_path: Path, made: tuple[RunStore, Plan, Path], classes_only: bool
) -> None:
    store, planned, path = made
    key = planned.runs[0].key()
    held = store.predictions(key)
    held.logits[-1] = np.nan
    store.write_predictions(key, held)
    packed = export_runs(store, planned.remembered, path, classes_only=classes_only)
    assert (packed.runs, packed.absent) == (len(planned.runs) - 1, 1)
    other = RunStore(tmp_path / "elsewhere")
    import_runs(path, other)
    assert other.record(key) is None


def test_logits_take_the_place_of_the_classes_of_the_same_run(
    tmp_path: Path, made: tuple[RunStore, Plan, Path]
) -> None:
    store, planned, whole = made
    path = tmp_path / "classes.zip"
    export_runs(store, planned.remembered, path, classes_only=True)
    other = RunStore(tmp_path / "elsewhere")
    import_runs(path, other)
    assert import_runs(path, other).new == 0
    # Another attempt at the same run is another result.
    key = planned.runs[0].key()
    record = other.record(key)
    assert record is not None and record.provenance is not None
    again = record.provenance.model_copy(update={"started": "another day"})
    other.write_record(record.model_copy(update={"provenance": again}))
    assert import_runs(whole, other).new == len(planned.runs) - 1
    assert other.predictions(key).classes_only and not other.predictions(planned.runs[1].key()).classes_only
    assert import_runs(path, other).new == 0 and not other.predictions(planned.runs[1].key()).classes_only


def test_runs_of_two_machines_make_one_table_without_their_data(
    tmp_path: Path, made: tuple[RunStore, Plan, Path]
) -> None:
    store, planned, whole = made
    plan = planned.remembered
    parts = []
    for method in plan.suite.methods:
        suite = plan.suite.model_copy(update={"methods": {method: plan.suite.methods[method]}})
        entries = tuple(entry for entry in plan.entries if entry.method == method)
        part = plan.model_copy(update={"suite": suite, "entries": entries})
        parts.append(tmp_path / f"{method}.zip")
        export_runs(store, part, parts[-1])
    other = RunStore(tmp_path / "elsewhere")
    assert [import_runs(part, other).planned for part in parts] == [("small",), ("small",)]
    assert table(other) == table(store)
    assert import_runs(whole, other).planned == ()


def test_what_does_not_compare_with_what_is_planned_here_is_counted_and_left_out(
    tmp_path: Path, made: tuple[RunStore, Plan, Path], plan: Callable[..., Plan]
) -> None:
    other = RunStore(tmp_path / "elsewhere")
    here = plan(CHECKED.replace("steps = 6", "steps = 8")).remembered
    other.write_plan(here)
    found = import_runs(made[2], other)
    assert (found.new, found.planned, found.left_out) == (2, (), {"small": 2})
    assert other.plan() == here


@pytest.mark.parametrize("classes_only", [False, True])
def test_labels_that_were_not_passed_on_are_looked_up_in_the_same_data(
    tmp_path: Path, made: tuple[RunStore, Plan, Path], home: Path, classes_only: bool
) -> None:
    store, planned, _ = made
    path = tmp_path / "bare.zip"
    export_runs(store, planned.remembered, path, classes_only=classes_only, with_labels=False)
    registry = load_registry()
    other = RunStore(tmp_path / "elsewhere")
    with pytest.raises(DataError, match="the archive has no labels"):
        import_runs(path, other)
    away = Revealed(Catalog(registry, tmp_path / "no_home"), registry)
    with pytest.raises(DataError, match="data set 'toy' is not on this machine"):
        import_runs(path, other, away)
    assert not list(other.root.glob("*/*/record.json"))
    assert import_runs(path, other, Revealed(Catalog(registry, home), registry)).new == len(planned.runs)
    assert table(other) == table(store) and table(other, "oracle") == table(store, "oracle")
    key = planned.runs[0].key()
    assert other.predictions(key).labels.min() == 0 and set(other.predictions(key).splits) == {"target_test"}
    # No label is left in it, nor anything of the source's images.
    with zipfile.ZipFile(path) as packed:
        for name in (name for name in packed.namelist() if name.endswith(".parquet")):
            held = pq.read_table(io.BytesIO(packed.read(name)))
            assert set(held.column("label").to_pylist()) == {HIDDEN}
            assert set(held.column("split").to_pylist()) == {"target_test"}


def test_labels_of_other_pictures_are_not_taken(tmp_path: Path, made: tuple[RunStore, Plan, Path], home: Path) -> None:
    store, planned, _ = made
    spec = planned.runs[0]
    registry = load_registry()
    reveal = Revealed(Catalog(registry, home), registry)
    hidden = store.predictions(spec.key()).without_labels()
    assert (reveal(spec, hidden).labels == store.predictions(spec.key()).select("target_test").labels).all()
    with pytest.raises(DataError, match="'toy/strange' is no image of the targets of one"):
        reveal(spec, replace(hidden, ids=["toy/strange", *hidden.ids[1:]]))
    with pytest.raises(DataError, match="have the fingerprint"):
        reveal(spec.model_copy(update={"data": dict.fromkeys(spec.data, "0" * 64)}), hidden)


def test_what_is_done_already_stays_and_what_failed_is_replaced(made: tuple[RunStore, Plan, Path]) -> None:
    store, planned, path = made
    first, second = (store.record(spec.key()) for spec in planned.runs[:2])
    assert first is not None and second is not None
    own = first.model_copy(update={"selection": {"entropy@1": {"last": -0.5}}})
    store.write_record(own)
    store.write_record(second.model_copy(update={"status": "failed", "reason": "the disk was full"}))
    found = import_runs(path, store)
    assert (found.new, found.present) == (1, len(planned.runs) - 1)
    assert (found.planned, found.left_out) == ((), {})
    assert store.record(own.spec.key()) == own
    assert store.record(second.spec.key()) == second


def test_a_run_that_has_not_ended_is_counted(tmp_path: Path, made: tuple[RunStore, Plan, Path]) -> None:
    store, planned, path = made
    (store.folder(planned.runs[0].key()) / "record.json").unlink()
    packed = export_runs(store, planned.remembered, path)
    assert (packed.runs, packed.absent) == (len(planned.runs) - 1, 1)
    other = RunStore(tmp_path / "elsewhere")
    import_runs(path, other)
    assert other.record(planned.runs[0].key()) is None


def test_a_failed_run_goes_without_what_an_earlier_attempt_predicted(
    tmp_path: Path, made: tuple[RunStore, Plan, Path]
) -> None:
    store, planned, path = made
    key = planned.runs[0].key()
    done = store.record(key)
    assert done is not None
    store.write_record(done.model_copy(update={"status": "failed", "reason": "broke", "traceback": "broke"}))
    packed = export_runs(store, planned.remembered, path)
    assert (packed.runs, packed.absent) == (len(planned.runs), 0)
    with zipfile.ZipFile(path) as archive:
        assert [name for name in archive.namelist() if name.startswith(key)] == [f"{key}/record.json"]
    other = RunStore(tmp_path / "elsewhere")
    import_runs(path, other)
    record = other.record(key)
    assert record is not None and record.status == "failed" and not other.has_predictions(key)


def test_a_run_that_is_being_made_once_more_is_packed_as_it_was_and_a_mixture_left_out(
    tmp_path: Path, home: Path, made: tuple[RunStore, Plan, Path]
) -> None:
    _, planned, path = made
    spec = planned.runs[0]
    store = RunStore(tmp_path / "came_in")
    import_runs(path, store)

    class Stopped(BaseException):
        """As a killed process stops."""

    def stopping(done: int, total: int, losses: dict[str, float]) -> None:
        raise Stopped

    # What came in has nothing that selection rules read: for that it is made once more, and stopped on the way.
    with pytest.raises(Stopped):
        execute(spec, WorkerOptions(runs=store.root, home=home, outputs=True), stopping)
    packed = export_runs(store, planned.remembered, path)
    assert (packed.runs, packed.absent) == (len(planned.runs), 0)
    other = RunStore(tmp_path / "elsewhere")
    import_runs(path, other)
    assert other.record(spec.key()) == store.record(spec.key())
    # As an earlier version left it: files of two attempts side by side.
    (store.folder(spec.key()) / "remade").touch()
    packed = export_runs(store, planned.remembered, path)
    assert (packed.runs, packed.absent) == (len(planned.runs) - 1, 1)
