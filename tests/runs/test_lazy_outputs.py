"""What selection rules read is saved where a rule can have something to choose, and made later from the weights."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from support.small_suite import SUITE

from ucdver import Batch
from ucdver.errors import DataError
from ucdver.methods.source_only import SourceOnly
from ucdver.plugins import load_registry
from ucdver.report.leaderboard import build_leaderboard
from ucdver.runs.bench import Bench
from ucdver.runs.options import WorkerOptions
from ucdver.runs.plan import Plan
from ucdver.runs.schedule import schedule
from ucdver.runs.selection import Selector
from ucdver.runs.store import RunStore
from ucdver.runs.tune import Tuning
from ucdver.runs.worker import execute
from ucdver.spec.run import RunRecord
from ucdver.train.checkpoint import checkpoint_path
from ucdver.train.loop import LoopOptions


def run(plan: Plan, home: Path, root: Path, outputs: bool = False) -> RunRecord:
    return execute(plan.runs[0], WorkerOptions(runs=root, home=home, outputs=outputs), lambda a, b, c: None)


def rule(store: RunStore, name: str) -> Selector:
    return Selector(store, load_registry(), name, "accuracy")


@pytest.fixture
def plain(tmp_path: Path, home: Path, plan: Callable[..., Plan]) -> tuple[RunStore, RunRecord, Plan]:
    planned = plan(SUITE)
    return RunStore(tmp_path / "runs"), run(planned, home, tmp_path / "runs"), planned


def test_a_run_with_one_checkpoint_predicts_nothing_for_rules_and_its_result_is_the_same(
    tmp_path: Path, home: Path, plain: tuple[RunStore, RunRecord, Plan]
) -> None:
    store, record, planned = plain
    assert record.status == "done" and not (store.folder(record.spec.key()) / "outputs").exists()
    run(planned, home, tmp_path / "asked", outputs=True)
    asked = RunStore(tmp_path / "asked")
    assert not asked.lacks_outputs(record.spec)
    here, there = (s.predictions(record.spec.key()) for s in (store, asked))
    assert (here.logits == there.logits).all() and here.ids == there.ids


def test_a_run_that_is_done_is_given_its_outputs_from_its_weights_and_nothing_else_of_it_moves(
    tmp_path: Path, home: Path, plain: tuple[RunStore, RunRecord, Plan]
) -> None:
    store, record, planned = plain
    folder = store.folder(record.spec.key())
    before = {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file() and p.suffix in (".json", ".parquet")}
    assert {"record.json", "predictions.parquet"} <= before.keys()
    assert run(planned, home, store.root, outputs=True) == record
    assert all((folder / name).read_bytes() == content for name, content in before.items())
    run(planned, home, tmp_path / "asked", outputs=True)
    late, early = (load_file(s.outputs_path(record.spec, 6)) for s in (store, RunStore(tmp_path / "asked")))
    assert late.keys() == early.keys() and all(torch.equal(late[name], early[name]) for name in late)


def test_without_its_weights_it_is_made_anew(home: Path, plain: tuple[RunStore, RunRecord, Plan]) -> None:
    store, record, planned = plain
    logits = store.predictions(record.spec.key()).logits
    checkpoint_path(store.folder(record.spec.key())).unlink()
    again = run(planned, home, store.root, outputs=True)
    assert again.status == "done"
    assert checkpoint_path(store.folder(record.spec.key())).is_file()
    assert not store.lacks_outputs(record.spec)
    assert (store.predictions(record.spec.key()).logits == logits).all()


def test_where_that_fails_the_result_stays(home: Path, plain: tuple[RunStore, RunRecord, Plan]) -> None:
    store, record, planned = plain
    checkpoint_path(store.folder(record.spec.key())).write_bytes(b"no weights")
    told = run(planned, home, store.root, outputs=True)
    assert told.status == "failed" and "is damaged" in told.reason and told.reason.endswith("(its result stays)")
    assert store.record(record.spec.key()) == record


def test_where_making_it_anew_fails_the_result_stays(
    home: Path, plain: tuple[RunStore, RunRecord, Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, record, planned = plain
    folder = store.folder(record.spec.key())
    logits = store.predictions(record.spec.key()).logits
    checkpoint_path(folder).unlink()

    def breaks(self: SourceOnly, batch: Batch, progress: float) -> dict[str, torch.Tensor]:
        raise RuntimeError("out of memory")

    with monkeypatch.context() as patched:
        patched.setattr(SourceOnly, "step", breaks)
        told = run(planned, home, store.root, outputs=True)
    assert told.status == "failed" and told.reason.startswith("RuntimeError: out of memory (test_lazy_outputs.py:")
    assert told.reason.endswith(") (its result stays)")
    assert store.record(record.spec.key()) == record
    assert (store.predictions(record.spec.key()).logits == logits).all()
    # And the next try, with nothing in the way, gives what was asked for.
    assert run(planned, home, store.root, outputs=True).status == "done"
    assert not store.lacks_outputs(record.spec)


@pytest.mark.parametrize("checkpoints", [1, 2])
def test_one_that_is_made_anew_goes_on_where_it_was_stopped(
    tmp_path: Path, home: Path, plan: Callable[..., Plan], checkpoints: int
) -> None:
    planned = plan(SUITE.replace("seeds = 2", f"seeds = 1\ncheckpoints = {checkpoints}"))
    root = tmp_path / "runs"
    record = run(planned, home, root, outputs=True)
    store = RunStore(root)
    folder = store.folder(record.spec.key())
    checkpoint_path(folder).unlink()
    shutil.rmtree(folder / "outputs")
    reached: list[int] = []

    def stops(done: int, total: int, losses: dict[str, float]) -> None:
        reached.append(done)
        if done == 4:
            raise KeyboardInterrupt

    often = LoopOptions(checkpoint_seconds=0, reports=1000)
    options = WorkerOptions(runs=root, home=home, outputs=True, loop=often)
    with pytest.raises(KeyboardInterrupt):
        execute(planned.runs[0], options, stops)
    assert store.record(record.spec.key()) == record
    reached.clear()
    again = execute(planned.runs[0], options, lambda done, total, losses: reached.append(done))
    assert again.status == "done" and min(reached) >= 4
    assert not store.lacks_outputs(record.spec)
    # It was trained, so the record is the new one; and once done it is left alone.
    assert again.cost != record.cost and store.record(record.spec.key()) == again
    assert execute(planned.runs[0], options, stops) == again


def test_a_score_of_a_run_without_outputs_says_what_to_type(plain: tuple[RunStore, RunRecord, Plan]) -> None:
    store, record, planned = plain
    assert rule(store, "entropy").choose(record).end
    with pytest.raises(DataError, match=r"last\.safetensors is not there, and entropy reads it; .* --by entropy$"):
        rule(store, "entropy").scores(record)
    board = build_leaderboard(store, load_registry(), planned.remembered, selection="entropy")
    (told,) = [note for note in board.footnotes if "one checkpoint" in note]
    assert "set checkpoints = N in the suite and run it again" in told
    last = build_leaderboard(store, load_registry(), planned.remembered)
    assert not any("one checkpoint" in note for note in last.footnotes)


def test_only_a_rule_that_reads_outputs_and_has_no_score_takes_a_run_up_again(
    plain: tuple[RunStore, RunRecord, Plan],
) -> None:
    store, record, planned = plain

    def state(name: str, rerun: str = "missing") -> str:
        return schedule(planned.runs[:1], store, rerun, rule(store, name).lacks)[0].state  # type: ignore[arg-type]

    assert [state(name) for name in ("entropy", "dev", "oracle", "last")] == ["to run", "to run", "cached", "cached"]
    assert state("entropy", "never") == "cached"
    store.write_record(record.model_copy(update={"selection": {"entropy@1": {"last": -0.5}}}))
    assert [state(name) for name in ("entropy", "dev")] == ["cached", "to run"]


def test_tuning_after_a_plain_bench_scores_the_suites_own_configuration_too(tmp_path: Path, home: Path) -> None:
    path = tmp_path / "small.toml"
    path.write_text(SUITE.replace('"source_only", "target_only"', '"mcc"').replace("seeds = 2", "seeds = 1"))

    def carried_out(bench: Bench) -> None:
        bench.prepare(lambda what, done, total: None, remember=False)
        bench.carry_out(lambda event: None, executor="local")

    first = Bench(tmp_path / "runs", str(path))
    carried_out(first)
    (spec,) = first.plan().runs
    before = first.store.record(spec.key())
    bench = Bench(tmp_path / "runs", str(path))
    tuning = Tuning(bench, 2, "entropy")
    bench.adopt(tuning.search_plan(), tuning.selector)
    assert [item.state for item in bench.scheduled] == ["to run", "to run"]
    carried_out(bench)
    (chosen,) = tuning.chosen
    assert chosen.failed == 0
    after = first.store.record(spec.key())
    assert before is not None and after is not None
    assert after.selection.keys() == {"entropy@1"} and after.provenance == before.provenance
