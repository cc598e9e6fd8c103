from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from support.small_suite import SUITE

from ucdver.runs.events import RunEvent
from ucdver.runs.executors.local import LocalExecutor
from ucdver.runs.executors.processes import ProcessExecutor
from ucdver.runs.lock import RunLock
from ucdver.runs.options import WorkerOptions
from ucdver.runs.plan import Plan
from ucdver.runs.store import RunStore
from ucdver.train.checkpoint import checkpoint_path

Planner = Callable[..., Plan]

BROKEN = """\
import os
from ucdver import Method, MethodSpec, hookimpl


class Raises(Method):
    def step(self, batch, progress):
        raise ValueError("a fault of the method")


class Dies(Method):
    def step(self, batch, progress):
        os.kill(os.getpid(), 9)


@hookimpl
def ucdver_run_finished(record):
    if record.spec.method.name == "leaves":
        os._exit(3)


class Leaves(Method):
    def step(self, batch, progress):
        return {"total": self(batch.sources.images).square().mean()}


@hookimpl
def ucdver_methods():
    return [
        MethodSpec(name=name.lower(), version="1", target=f"ucdver_local:{name}", settings=("uda",), summary="broken")
        for name in ("Raises", "Dies", "Leaves")
    ]
"""


def options(tmp_path: Path, home: Path, **changes: object) -> WorkerOptions:
    return WorkerOptions(runs=tmp_path / "runs", home=home, **changes)  # type: ignore[arg-type]


def test_a_run_leaves_everything_that_a_table_needs(plan: Planner, tmp_path: Path, home: Path) -> None:
    made = plan()
    events: list[RunEvent] = []
    LocalExecutor(options(tmp_path, home)).run(made.runs[:1], events.append)
    assert events[0].kind == "started"
    assert events[-1].kind == "ended"
    store, key = RunStore(tmp_path / "runs"), made.runs[0].key()
    record = store.record(key)
    assert record is not None and record.status == "done", record
    assert record.cost is not None and record.cost.trainable_parameters == record.cost.parameters > 0
    assert record.provenance is not None and record.provenance.packages["torch"]
    found = store.predictions(key)
    assert set(found.splits) == {"source_val", "target_test"}
    assert len(found.select("target_test", "toy:outline")) == 60
    names = {path.name for path in store.folder(key).rglob("*") if path.is_file()}
    wanted = {"spec.json", "record.json", "log.jsonl", "predictions.parquet", "last.pt"}
    assert wanted <= names
    assert not [name for name in names if name.endswith(".tmp")]


def test_one_process_or_two_the_predictions_are_the_same(plan: Planner, tmp_path: Path, home: Path) -> None:
    made = plan()
    LocalExecutor(WorkerOptions(runs=tmp_path / "a", home=home)).run(made.runs[:2], lambda event: None)
    ProcessExecutor(WorkerOptions(runs=tmp_path / "b", home=home), 2).run(made.runs[:2], lambda event: None)
    for spec in made.runs[:2]:
        one, other = (RunStore(tmp_path / name).predictions(spec.key()) for name in "ab")
        assert np.array_equal(one.logits, other.logits)


def test_a_fault_fails_its_run_and_no_other(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A method that raises and one that kills its process end as failed records; the runs beside them are done."""
    (tmp_path / "ucdver_local.py").write_text(BROKEN)
    (tmp_path / "broken.toml").write_text(
        SUITE.replace('["source_only", "target_only"]', '["raises", "dies", "leaves", "source_only"]').replace(
            "seeds = 2", "seeds = 1"
        )
    )
    from ucdver.cli.app import main

    monkeypatch.chdir(tmp_path)
    assert main(["bench", "broken.toml", "-j", "2"]) == 1
    store = RunStore(tmp_path / "runs")
    records = {record.spec.method.name: record for record in store.records()}
    assert records["source_only"].status == "done"
    assert records["leaves"].status == "done", "a worker that died after its run had ended took the result with it"
    assert records["raises"].status == "failed"
    assert records["raises"].reason == "ValueError: a fault of the method (ucdver_local.py:7)"
    assert 'raise ValueError("a fault of the method")' in records["raises"].traceback
    assert records["dies"].status == "failed"
    assert "killed by SIGKILL" in records["dies"].reason
    assert main(["bench", "broken.toml", "-m", "raises"]) == 1, "a failure of an earlier bench is still a failure"


FICKLE = """\
import os
from pathlib import Path
from ucdver import Method, MethodSpec, hookimpl


class Fickle(Method):
    def step(self, batch, progress):
        if Path(os.environ["FICKLE"]).exists():
            os.kill(os.getpid(), 9)
        return {"total": self(batch.sources.images).square().mean()}


@hookimpl
def ucdver_methods():
    return [MethodSpec(name="fickle", version="1", target="ucdver_local:Fickle", settings=("uda",), summary="fickle")]
"""


def test_a_worker_killed_while_it_makes_a_run_anew_leaves_its_result(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ucdver.cli.app import main

    (tmp_path / "ucdver_local.py").write_text(FICKLE)
    (tmp_path / "one.toml").write_text(SUITE.replace('["source_only", "target_only"]', '["fickle"]'))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FICKLE", str(tmp_path / "kill"))
    assert main(["bench", "one.toml", "-j", "1", "--runs", "runs"]) == 0
    store = RunStore(tmp_path / "runs")
    record, other = store.records()
    logits = store.predictions(record.spec.key()).logits
    checkpoint_path(store.folder(record.spec.key())).unlink()
    (tmp_path / "kill").touch()
    told: list[RunEvent] = []
    asked = options(tmp_path, home, local=tmp_path, outputs=True)
    ProcessExecutor(asked, 1).run([record.spec, other.spec], told.append)
    ended = {event.spec.key(): event.record for event in told if event.kind == "ended"}
    dead, alive = ended[record.spec.key()], ended[other.spec.key()]
    assert dead is not None and dead.status == "failed"
    assert "killed by SIGKILL" in dead.reason and dead.reason.endswith("(its result stays)")
    assert alive == other, "what has its weights is not trained, in a new worker"
    assert store.record(record.spec.key()) == record
    assert (store.predictions(record.spec.key()).logits == logits).all()
    (tmp_path / "kill").unlink()
    ProcessExecutor(asked, 1).run([record.spec], lambda event: None)
    assert not store.lacks_outputs(record.spec)


SPOILS = """\
import os
from pathlib import Path
from ucdver import Method, MethodSpec, hookimpl


class Spoils(Method):
    def step(self, batch, progress):
        (owner,) = Path(os.environ["SPOILT"]).glob("*/*/owner.json")
        record = owner.with_name("record.json")
        if os.environ["SPOIL"] == "folder":
            record.mkdir()
        else:
            record.write_text("{")
        os.kill(os.getpid(), 9)


@hookimpl
def ucdver_methods():
    return [MethodSpec(name="spoils", version="1", target="ucdver_local:Spoils", settings=("uda",), summary="spoils")]
"""


@pytest.mark.parametrize(("spoil", "says"), [("folder", "is the disk full?"), ("text", "record.json is damaged")])
def test_a_dead_workers_record_that_cannot_be_written_fails_its_run_and_no_other(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch, spoil: str, says: str
) -> None:
    from ucdver.runs.bench import Bench

    (tmp_path / "ucdver_local.py").write_text(SPOILS)
    methods = SUITE.replace('["source_only", "target_only"]', '["spoils", "source_only"]')
    (tmp_path / "spoilt.toml").write_text(methods.replace("seeds = 2", "seeds = 1"))
    monkeypatch.setenv("SPOILT", str(tmp_path / "runs"))
    monkeypatch.setenv("SPOIL", spoil)
    bench = Bench(tmp_path / "runs", str(tmp_path / "spoilt.toml"))
    bench.prepare(lambda what, done, total: None)
    told: list[RunEvent] = []
    asked = options(tmp_path, home, local=tmp_path)
    ProcessExecutor(asked, 1).run([item.spec for item in bench.scheduled], told.append)
    ended = {event.spec.method.name: event.record for event in told if event.kind == "ended"}
    assert ended["source_only"] is not None and ended["source_only"].status == "done"
    spoilt = ended["spoils"]
    assert spoilt is not None and spoilt.status == "failed"
    assert "was killed by SIGKILL" in spoilt.reason and says in spoilt.reason


@pytest.mark.parametrize("executor", [LocalExecutor, ProcessExecutor])
def test_a_run_that_cannot_be_recorded_fails_and_no_other(
    plan: Planner, tmp_path: Path, home: Path, executor: type[LocalExecutor] | type[ProcessExecutor]
) -> None:
    made = plan()
    store = RunStore(tmp_path / "runs")
    blocked, damaged = (store.folder(spec.key()) for spec in made.runs[:2])
    blocked.parent.mkdir(parents=True)
    blocked.write_text("a file where the run's folder would be")
    damaged.mkdir(parents=True)
    (damaged / "record.json").write_text("{")
    told: list[RunEvent] = []
    executor(options(tmp_path, home), 1).run(made.runs[:3], told.append)
    ended = [event.record for event in told if event.kind == "ended"]
    assert [record.status for record in ended if record is not None] == ["failed", "failed", "done"]
    assert ended[0] is not None and str(blocked) in ended[0].reason
    assert ended[1] is not None and "record.json is damaged" in ended[1].reason


def test_a_record_that_cannot_be_read_fails_its_run_until_that_is_run_again(
    plan: Planner, tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from ucdver.cli.app import main

    first, second = plan(SUITE.replace("seeds = 2", "seeds = 1")).runs
    store = RunStore(tmp_path / "runs")
    folder = store.write_spec(first)
    (folder / "record.json").write_text('{"spec":')
    asked = ["bench", str(tmp_path / "small.toml"), "--runs", str(store.root), "-j", "1"]
    assert main([*asked, "--dry-run"]) == 0
    assert "record.json is damaged" in capsys.readouterr().out
    assert main(asked) == 1
    printed = capsys.readouterr()
    assert "1 done, 1 failed" in printed.err and "--rerun failed" in printed.err
    done = store.record(second.key())
    assert done is not None and done.status == "done"
    assert main([*asked, "--rerun", "failed"]) == 0
    made_anew = store.record(first.key())
    assert made_anew is not None and made_anew.status == "done"
    assert store.record(second.key()) == done


def test_a_run_that_another_process_holds_is_waited_for(plan: Planner, tmp_path: Path, home: Path) -> None:
    made = plan()
    held = RunStore(tmp_path / "runs").folder(made.runs[0].key())
    lock = RunLock(held)
    lock.__enter__()
    events: list[RunEvent] = []

    def listen(event: RunEvent) -> None:
        events.append(event)
        if event.kind == "ended" and event.spec == made.runs[1]:
            lock.__exit__(None, None, None)

    LocalExecutor(options(tmp_path, home)).run(made.runs[:2], listen)
    ended = [event.spec.key() for event in events if event.kind == "ended"]
    assert ended == [made.runs[1].key(), made.runs[0].key()]
    assert "being worked on by process" in next(event.reason for event in events if event.kind == "waiting")
