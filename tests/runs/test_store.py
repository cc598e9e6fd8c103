import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ucdver.errors import DataError, RunLockedError, SpecError
from ucdver.evaluate.predictions import Predictions
from ucdver.runs.lock import RunLock
from ucdver.runs.plan import Plan
from ucdver.runs.store import RunStore
from ucdver.spec.run import RunRecord

Planner = Callable[..., Plan]


def predictions(n: int = 5, k: int = 3) -> Predictions:
    rng = np.random.default_rng(0)
    return Predictions(
        [f"d/{i}" for i in range(n)],
        ["target_test"] * n,
        ["d:a"] * (n - 1) + ["d:b"],
        rng.integers(0, k, n).astype(np.int32),
        rng.normal(size=(n, k)).astype(np.float32),
    )


def test_predictions_come_back_bit_by_bit(plan: Planner, tmp_path: Path) -> None:
    store, key = RunStore(tmp_path / "runs"), plan().runs[0].key()
    store.write_predictions(key, predictions())
    back = store.predictions(key)
    assert back.ids == predictions().ids and back.domains == predictions().domains
    assert np.array_equal(back.logits, predictions().logits) and np.array_equal(back.labels, predictions().labels)
    assert len(back.select("target_test", "d:b")) == 1
    assert len(back.select("source_val")) == 0
    assert np.allclose(back.probabilities().sum(axis=1), 1)


def test_damaged_predictions_are_named(plan: Planner, tmp_path: Path) -> None:
    store, key = RunStore(tmp_path / "runs"), plan().runs[0].key()
    store.write_predictions(key, predictions())
    path = store.folder(key) / "predictions.parquet"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"predictions\.parquet cannot be read"):
        store.predictions(key)


def test_a_run_has_ended_when_its_record_says_so_and_not_before(plan: Planner, tmp_path: Path) -> None:
    store, spec = RunStore(tmp_path / "runs"), plan().runs[0]
    store.write_spec(spec)
    store.write_predictions(spec.key(), predictions())
    assert store.record(spec.key()) is None
    store.write_record(RunRecord(spec=spec, status="done"))
    assert store.record(spec.key()) == RunRecord(spec=spec, status="done")
    assert [record.spec.key() for record in store.records()] == [spec.key()]


def test_a_damaged_record_is_named_with_what_to_do(plan: Planner, tmp_path: Path) -> None:
    store, spec = RunStore(tmp_path / "runs"), plan().runs[0]
    store.write_record(RunRecord(spec=spec, status="done"))
    path = store.folder(spec.key()) / "record.json"
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(DataError, match=r"record\.json is damaged"):
        store.record(spec.key())


def test_the_record_of_another_run_is_refused(plan: Planner, tmp_path: Path) -> None:
    store, (one, other) = RunStore(tmp_path / "runs"), plan().runs[:2]
    store.write_record(RunRecord(spec=other, status="done"))
    store.folder(other.key()).rename(store.write_spec(one).parent / "moved")
    (store.folder(one.key()) / "record.json").write_text(RunRecord(spec=other, status="done").model_dump_json())
    with pytest.raises(DataError, match="is the record of another run"):
        store.record(one.key())


def test_a_failed_write_leaves_the_old_file_and_no_rubbish(plan: Planner, tmp_path: Path) -> None:
    store, spec = RunStore(tmp_path / "runs"), plan().runs[0]
    store.write_predictions(spec.key(), predictions())
    broken = predictions()
    object.__setattr__(broken, "domains", ["d:a"])
    with pytest.raises(ValueError, match="length"):
        store.write_predictions(spec.key(), broken)
    assert len(store.predictions(spec.key())) == 5
    assert [path.name for path in store.folder(spec.key()).iterdir()] == ["predictions.parquet"]


def test_plans_are_remembered_by_suite_the_latest_first(plan: Planner, tmp_path: Path) -> None:
    store, made = RunStore(tmp_path / "runs"), plan().remembered
    with pytest.raises(SpecError, match="holds no suite"):
        store.plan()
    store.write_plan(made)
    assert store.plan() == made == store.plan("small")
    with pytest.raises(SpecError, match="did you mean 'small'"):
        store.plan("smal")


def test_a_lock_names_its_owner_and_goes_with_it(tmp_path: Path) -> None:
    folder = tmp_path / "ab" / "abcdef"
    with RunLock(folder), pytest.raises(RunLockedError, match=r"process \d+ on"), RunLock(folder):
        pass
    with RunLock(folder):
        assert (folder / "owner.json").exists()
    assert not (folder / "owner.json").exists()


def test_a_plan_that_is_being_written_is_none(plan: Planner, tmp_path: Path) -> None:
    store, made = RunStore(tmp_path / "runs"), plan()
    store.write_plan(made.remembered)
    # As a kill in the middle of writing leaves it.
    (store.root / "suites" / ".tmp-0123-other.json").write_text("{")
    assert store.suites() == ["small"]
    assert store.plan() == made.remembered


def test_what_another_version_wrote_is_not_called_damaged(plan: Planner, tmp_path: Path) -> None:
    store, spec = RunStore(tmp_path / "runs"), plan().runs[0]
    store.write_record(RunRecord(spec=spec, status="done"))
    path = store.folder(spec.key()) / "record.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "mood": "good"}))
    with pytest.raises(DataError, match=r"record\.json was written by another version of ucdver: mood: Extra") as found:
        store.record(spec.key())
    assert "remove" not in str(found.value)
