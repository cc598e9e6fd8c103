"""A run that is stopped or fails at a bad moment is the old one, or a new one, and never a mixture of both."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.small_suite import SUITE

from ucdver import Batch
from ucdver.methods.source_only import SourceOnly
from ucdver.runs import worker
from ucdver.runs.options import WorkerOptions
from ucdver.runs.plan import Plan
from ucdver.runs.remake import settle
from ucdver.runs.schedule import schedule
from ucdver.runs.store import RunStore, start_over
from ucdver.runs.worker import execute
from ucdver.spec.run import RunRecord, RunSpec
from ucdver.train.checkpoint import checkpoint_path
from ucdver.train.loop import LoopOptions

OFTEN = LoopOptions(checkpoint_seconds=0, reports=1000)


def quiet(done: int, total: int, losses: dict[str, float]) -> None:
    """Observe nothing."""


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("[!.]*") if p.is_file()}


def killed_at(count: int, work: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> bool:
    """Stop `work` before its change number `count` to what lies on disk; return whether it got as far."""
    left = count

    def counted(change: Callable[..., Any]) -> Callable[..., Any]:
        def changed(*arguments: Any, **options: Any) -> Any:
            nonlocal left
            left -= 1
            if left < 0:
                raise KeyboardInterrupt
            return change(*arguments, **options)

        return changed

    with monkeypatch.context() as patched:
        for owner, name in (
            *((Path, name) for name in ("rename", "replace", "unlink", "rmdir")),
            *((os, name) for name in ("unlink", "rmdir")),
        ):
            patched.setattr(owner, name, counted(getattr(owner, name)))
        try:
            work()
        except KeyboardInterrupt:
            return True
    return False


@pytest.fixture
def old(tmp_path: Path, home: Path, plan: Callable[..., Plan]) -> tuple[RunStore, RunRecord, WorkerOptions]:
    """Return a run with two checkpoints, of another machine: its logits are others, and its weights stayed there."""
    (spec,) = plan(SUITE.replace("seeds = 2", "seeds = 1\ncheckpoints = 2").replace(', "target_only"', "")).runs
    options = WorkerOptions(runs=tmp_path / "runs", home=home, outputs=True)
    record, store = execute(spec, options, quiet), RunStore(tmp_path / "runs")
    assert record.status == "done", record.reason
    for name in ("checkpoints", "outputs"):
        shutil.rmtree(store.folder(spec.key()) / name)
    for done in (3, None):
        found = store.predictions(spec.key(), done)
        store.write_predictions(spec.key(), replace(found, logits=found.logits + np.float32(5)), done)
    return store, record, options


def of_one_training(store: RunStore, record: RunRecord) -> bool:
    """Return whether all predictions of a run are of the old training, or of the new one."""
    high = [float(store.predictions(record.spec.key(), done).logits.mean()) > 2.5 for done in (3, None)]
    return high[0] == high[1]


def test_one_that_is_made_once_more_and_killed_is_whole_and_goes_on(
    old: tuple[RunStore, RunRecord, WorkerOptions], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, record, options = old
    spec, folder = record.spec, store.folder(record.spec.key())
    before = contents(folder)
    write = RunStore.write_predictions

    def killed(self: RunStore, key: str, predictions: Any, done: int | None = None) -> None:
        if done is None:
            raise KeyboardInterrupt
        write(self, key, predictions, done)

    with monkeypatch.context() as patched:
        patched.setattr(RunStore, "write_predictions", killed)
        with pytest.raises(KeyboardInterrupt):
            execute(spec, options, quiet)
    after = contents(folder)
    assert {name: after[name] for name in before} == before and of_one_training(store, record)
    (item,) = schedule([spec], store, lacks=lambda ended: store.lacks_outputs(ended.spec))
    assert item.state == "to run"
    reached: list[int] = []
    again = execute(spec, options, lambda done, total, losses: reached.append(done))
    assert again.status == "done" and again != record and store.record(spec.key()) == again
    assert not reached, "it trained again instead of going on"
    assert of_one_training(store, record) and not store.lacks_outputs(spec)
    assert float(store.predictions(spec.key()).logits.mean()) < 2.5
    assert {p.name for p in folder.iterdir() if p.is_dir()} == {"checkpoints", "outputs", "predictions"}


def test_where_it_fails_all_that_the_run_had_is_there(
    old: tuple[RunStore, RunRecord, WorkerOptions], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, record, options = old
    assert execute(record.spec, options, quiet).status == "done"
    folder = store.folder(record.spec.key())
    shutil.rmtree(folder / "outputs")
    before = contents(folder)
    assert {"checkpoints/last.pt", "log.jsonl"} <= before.keys()

    def breaks(self: SourceOnly, batch: Batch, progress: float) -> dict[str, torch.Tensor]:
        raise ValueError("a fault of the method")

    monkeypatch.setattr(SourceOnly, "step", breaks)
    told = execute(record.spec, options, quiet)
    assert told.status == "failed" and told.reason.endswith("(its result stays)")
    assert contents(folder) == before


def test_killed_at_any_change_to_the_disk_it_is_the_old_run_or_none_and_then_the_new(
    old: tuple[RunStore, RunRecord, WorkerOptions], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, record, options = old
    folder = store.folder(record.spec.key())

    def stops(folder: Path) -> None:
        if (folder / "remake" / "record.json").is_file():
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(worker, "settle", stops)
        with pytest.raises(KeyboardInterrupt):
            execute(record.spec, options, quiet)
    whole = tmp_path / "whole"
    store.root.rename(whole)
    for count in range(100):
        shutil.rmtree(store.root, ignore_errors=True)
        shutil.copytree(whole, store.root)
        killed = killed_at(count, lambda: settle(folder), monkeypatch)
        found = store.record(record.spec.key())
        if found is not None:
            assert of_one_training(store, record)
            assert (found == record) == (float(store.predictions(record.spec.key()).logits.mean()) > 2.5)
        again = execute(record.spec, options, quiet)
        assert again != record and store.record(record.spec.key()) == again
        assert of_one_training(store, record) and not store.lacks_outputs(record.spec)
        assert checkpoint_path(folder).is_file()
        if not killed:
            break
    assert 5 < count < 99


def test_a_mixture_that_an_earlier_version_left_is_made_once_more(
    old: tuple[RunStore, RunRecord, WorkerOptions],
) -> None:
    store, record, options = old
    folder = store.folder(record.spec.key())
    (folder / "remade").write_text("the record and predictions here are those of an earlier attempt\n")
    assert [schedule([record.spec], store, rerun)[0].state for rerun in ("missing", "never")] == ["to run", "cached"]
    again = execute(record.spec, replace(options, outputs=False), quiet)
    assert again.status == "done" and again != record and not (folder / "remade").exists()
    assert schedule([record.spec], store)[0].state == "cached"


def test_starting_over_is_never_killed_where_the_old_result_could_come_back_as_new(
    done: tuple[RunStore, RunSpec, WorkerOptions], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, spec, _ = done
    folder = store.folder(spec.key())
    whole = tmp_path / "whole"
    store.root.rename(whole)
    for count in range(100):
        shutil.rmtree(store.root, ignore_errors=True)
        shutil.copytree(whole, store.root)
        if not killed_at(count, lambda: start_over(folder), monkeypatch):
            break
        if store.record(spec.key()) is None:
            assert not checkpoint_path(folder).exists()
        else:
            assert store.has_predictions(spec.key())
    assert 3 < count < 99 and store.record(spec.key()) is None
    assert not [name for name in contents(folder) if name != "spec.json"]


def test_a_rerun_killed_at_its_start_trains_when_it_is_taken_up(
    done: tuple[RunStore, RunSpec, WorkerOptions], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, spec, options = done
    before = store.record(spec.key())
    (store.folder(spec.key()) / "outputs").mkdir()

    def stops(spec: RunSpec) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(RunStore, "write_spec", lambda self, spec: stops(spec))
    with pytest.raises(KeyboardInterrupt):
        execute(spec, replace(options, fresh=True), quiet)
    monkeypatch.undo()
    assert store.record(spec.key()) is None and not store.has_predictions(spec.key())
    reached: list[int] = []
    again = execute(spec, options, lambda done, total, losses: reached.append(done))
    assert again.status == "done" and again != before and reached[0] == 1


def test_a_rerun_that_fails_keeps_no_predictions_of_the_attempt_before(
    done: tuple[RunStore, RunSpec, WorkerOptions], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, spec, options = done

    def breaks(self: SourceOnly, batch: Batch, progress: float) -> dict[str, torch.Tensor]:
        raise ValueError("a fault of the method")

    monkeypatch.setattr(SourceOnly, "step", breaks)
    assert execute(spec, replace(options, fresh=True), quiet).status == "failed"
    assert not store.has_predictions(spec.key())
