"""From the checkpoints of real runs to the choice of a rule."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from support.small_suite import SUITE

from ucdver.errors import DataError, PluginError, SpecError
from ucdver.plugins import load_registry
from ucdver.runs import outputs as outputs_module
from ucdver.runs.lock import RunLock
from ucdver.runs.options import WorkerOptions
from ucdver.runs.outputs import subsample
from ucdver.runs.plan import Plan
from ucdver.runs.selection import Selector
from ucdver.runs.store import RunStore
from ucdver.runs.worker import execute
from ucdver.spec.run import RunRecord
from ucdver.spec.suite import Suite

THREE = SUITE.replace("steps = 6", "steps = 6\ncheckpoints = 3")
PARTS = {
    *(f"{side}.{what}" for side in ("source_val", "source_train") for what in ("features", "logits", "labels")),
    *(f"target_train.{what}" for what in ("features", "logits")),
    *(f"target_mixed.{what}" for what in ("logits", "pseudo_labels", "intra")),
}


def run(plan: Plan, home: Path, root: Path, number: int = 0, fresh: bool = False, outputs: bool = False) -> RunRecord:
    options = WorkerOptions(runs=root, home=home, fresh=fresh, outputs=outputs)
    record = execute(plan.runs[number], options, lambda a, b, c: None)
    assert record.status == "done", record.traceback
    return record


@pytest.fixture
def done(tmp_path: Path, home: Path, plan: Callable[..., Plan]) -> tuple[RunStore, RunRecord]:
    return RunStore(tmp_path / "runs"), run(plan(THREE), home, tmp_path / "runs")


def selector(store: RunStore, rule: str) -> Selector:
    return Selector(store, load_registry(), rule, "accuracy")


def test_a_run_leaves_outputs_and_predictions_at_every_checkpoint(done: tuple[RunStore, RunRecord]) -> None:
    store, record = done
    folder = store.folder(record.spec.key())
    assert sorted(path.name for path in (folder / "outputs").iterdir()) == [
        "last.safetensors",
        "step-000002.safetensors",
        "step-000004.safetensors",
    ]
    assert sorted(p.name for p in (folder / "predictions").iterdir()) == ["step-000002.parquet", "step-000004.parquet"]
    for path in (folder / "outputs").iterdir():
        assert set(load_file(path)) == PARTS
    last = store.predictions(record.spec.key())
    tested = last.select("target_test")
    for steps in (2, 4):
        found = store.predictions(record.spec.key(), steps)
        assert found.ids == tested.ids and (found.labels == tested.labels).all()
        assert (found.logits != tested.logits).any()


def test_the_last_checkpoint_of_many_is_the_only_one_of_one(
    tmp_path: Path, home: Path, plan: Callable[..., Plan], done: tuple[RunStore, RunRecord]
) -> None:
    store, record = done
    alone = run(plan(SUITE), home, tmp_path / "runs", outputs=True)
    assert alone.spec.key() != record.spec.key()
    one, many = (load_file(store.outputs_path(r.spec, 6)) for r in (alone, record))
    assert all(torch.equal(one[name], many[name]) for name in PARTS)
    assert not (store.folder(alone.spec.key()) / "predictions").exists()


def test_an_oracle_method_saves_no_labels_under_the_sources_name(
    tmp_path: Path, home: Path, plan: Callable[..., Plan]
) -> None:
    record = run(plan(THREE), home, tmp_path / "runs", number=2)
    assert record.spec.method.name == "target_only"
    store = RunStore(tmp_path / "runs")
    assert not any("source_train" in name for name in load_file(store.outputs_path(record.spec, 6)))
    assert "target_only trains on labelled target images" in selector(store, "dev").unfit(record)
    assert selector(store, "source_risk").unfit(record) == ""


def test_scores_are_computed_once_and_kept_in_the_record(done: tuple[RunStore, RunRecord]) -> None:
    store, record = done
    assert record.selection == {}
    found = selector(store, "entropy").scores(record)
    kept = store.record(record.spec.key())
    assert kept is not None
    assert kept.selection == {"entropy@1": {"step-000002": found[2], "step-000004": found[4], "last": found[6]}}
    assert kept.model_copy(update={"selection": {}}) == record
    for path in (store.folder(record.spec.key()) / "outputs").iterdir():
        path.unlink()
    assert selector(store, "entropy").scores(kept) == found
    with pytest.raises(DataError, match=r"is not there, and infomax reads it; run it again with --rerun always"):
        selector(store, "infomax").scores(kept)


def test_another_rule_adds_to_what_is_kept_by_then(done: tuple[RunStore, RunRecord]) -> None:
    store, record = done
    selector(store, "entropy").scores(record)
    # The record in hand is older than the one on disk.
    selector(store, "bnm").scores(record)
    kept = store.record(record.spec.key())
    assert kept is not None and set(kept.selection) == {"entropy@1", "bnm@1"}


def test_a_rule_with_another_version_is_computed_anew(done: tuple[RunStore, RunRecord]) -> None:
    store, record = done
    stale = record.model_copy(update={"selection": {"entropy@0": dict.fromkeys(("step-000002", "last"), 9.0)}})
    assert max(selector(store, "entropy").scores(stale).values()) < 0


def test_scores_are_not_kept_while_somebody_works_on_the_run(done: tuple[RunStore, RunRecord]) -> None:
    store, record = done
    with RunLock(store.folder(record.spec.key())):
        assert len(selector(store, "entropy").scores(record)) == 3
    kept = store.record(record.spec.key())
    assert kept is not None and kept.selection == {}


def test_the_lowest_risk_the_highest_score_and_of_equals_the_latest_is_chosen(
    done: tuple[RunStore, RunRecord],
) -> None:
    store, record = done
    slots = {"step-000002": 0.5, "step-000004": 0.1, "last": 0.5}
    kept = record.model_copy(update={"selection": {"source_risk@1": slots, "snd@2": slots}})
    assert selector(store, "source_risk").choose(kept).done == 4
    assert selector(store, "snd").choose(kept).done == 6
    assert selector(store, "last").choose(kept).end


def test_the_oracle_chooses_by_the_metric_and_keeps_nothing(done: tuple[RunStore, RunRecord]) -> None:
    store, record = done
    by = {}
    for metric, sign in (("accuracy", 1), ("nll", -1)):
        found = Selector(store, load_registry(), "oracle", metric).scores(record)
        for steps in (2, 4, 6):
            tested = store.predictions(record.spec.key(), None if steps == 6 else steps).select("target_test")
            p = tested.probabilities()
            hits = (p.argmax(1) == tested.labels).mean()
            nll = -sum(torch.tensor(p[i, y]).log() for i, y in enumerate(tested.labels)) / len(p)
            assert found[steps] == pytest.approx(hits if sign == 1 else -float(nll))
        by[metric] = found
    kept = store.record(record.spec.key())
    assert kept is not None and kept.selection == {}


def test_a_run_from_before_without_a_part_says_what_to_type(done: tuple[RunStore, RunRecord]) -> None:
    store, record = done
    path = store.outputs_path(record.spec, 2)
    save_file({k: v for k, v in load_file(path).items() if "source_train" not in k}, path)
    with pytest.raises(DataError, match=r"step-000002\.safetensors holds no source_train; run it again"):
        selector(store, "dev").choose(record)
    assert selector(store, "source_risk").choose(record).done in (2, 4, 6)


@pytest.mark.parametrize("what", ["features", "logits"])
@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_outputs_that_are_not_finite_fail_in_one_line_under_every_rule(
    done: tuple[RunStore, RunRecord], what: str, value: float
) -> None:
    store, record = done
    path = store.outputs_path(record.spec, 2)
    saved = load_file(path)
    for name, tensor in saved.items():
        if name.endswith(what):
            tensor[0, 0] = value
    save_file(saved, path)
    failed = set()
    for rule in load_registry().validators:
        try:
            selector(store, rule.name).choose(record)
        except DataError as error:
            assert f"the {what} of" in str(error) and "not all finite" in str(error)
            failed.add(rule.name)
    reads_logits = {"iwcv", "dev", "class_ami", "bnm", "snd", "infomax", "entropy", "corr_c", "source_risk"}
    reads_features = {"iwcv", "dev", "rankme", "class_ami"}
    assert failed >= (reads_features if what == "features" else reads_logits)


def test_a_fresh_run_leaves_nothing_of_the_one_before(
    tmp_path: Path, home: Path, plan: Callable[..., Plan], done: tuple[RunStore, RunRecord]
) -> None:
    store, record = done
    selector(store, "entropy").scores(record)
    (store.folder(record.spec.key()) / "outputs" / "step-000099.safetensors").write_bytes(b"old")
    again = run(plan(THREE), home, tmp_path / "runs", fresh=True)
    assert again.selection == {}
    assert not store.outputs_path(record.spec, 99).exists()


def test_a_run_stopped_before_its_record_does_not_need_what_it_has_cleared_away(
    tmp_path: Path, home: Path, plan: Callable[..., Plan], done: tuple[RunStore, RunRecord]
) -> None:
    store, record = done
    before = store.predictions(record.spec.key(), 2)
    (store.folder(record.spec.key()) / "record.json").unlink()
    run(plan(THREE), home, tmp_path / "runs")
    assert (store.predictions(record.spec.key(), 2).logits == before.logits).all()


def test_large_sides_are_cut_to_the_same_rows_every_time(
    tmp_path: Path, home: Path, plan: Callable[..., Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outputs_module, "TARGET_ROWS", 7)
    monkeypatch.setattr(outputs_module, "SOURCE_ROWS", 5)
    monkeypatch.setattr(outputs_module, "LARGE", 20)
    record = run(plan(THREE), home, tmp_path / "runs")
    store = RunStore(tmp_path / "runs")
    for steps in (2, 6):
        found = load_file(store.outputs_path(record.spec, steps))
        assert len(found["target_train.logits"]) == 7 and len(found["source_train.labels"]) == 5
        assert found["target_train.features"].dtype == torch.float16
        assert found["target_train.logits"].dtype == torch.float32
        assert len(found["source_val.logits"]) == 6
    assert torch.equal(subsample("target_train", 60, 7), subsample("target_train", 60, 7))
    assert subsample("target_train", 60, 7).tolist() == sorted(set(subsample("target_train", 60, 7).tolist()))
    assert selector(store, "dev").choose(record).done in (2, 4, 6)


def test_unknown_rules_and_unknown_parts_are_refused(tmp_path: Path) -> None:
    from ucdver.spec.plugin import ValidatorSpec

    with pytest.raises(SpecError, match=r"no selection rule 'entorpy'; did you mean 'entropy'\?"):
        selector(RunStore(tmp_path), "entorpy")
    registry = load_registry()
    strange = ValidatorSpec(
        name="strange", target="ucdver.runs.outputs:subsample", scope="checkpoint", higher_is_better=True, summary="x"
    )
    registry.validators.add("strange", strange, "tests")
    try:
        with pytest.raises(PluginError, match="validator 'strange' reads 'side', which no checkpoint has"):
            Selector(RunStore(tmp_path), registry, "strange", "accuracy")
    finally:
        registry.validators._specs.pop("strange")


@pytest.mark.parametrize(
    ("setting", "rule", "reason"),
    [
        ("uc", "entropy", "never shows"),
        ("uc", "source_risk", ""),
        ("sfda", "source_risk", "is gone"),
        ("sfda", "snd", ""),
        ("uda", "dev", ""),
    ],
)
def test_a_rule_without_meaning_in_a_setting_says_so(
    done: tuple[RunStore, RunRecord], setting: str, rule: str, reason: str
) -> None:
    store, record = done
    protocol = load_registry().protocols.get(setting)
    other = record.model_copy(update={"spec": record.spec.model_copy(update={"protocol": protocol})})
    found = selector(store, rule).unfit(other)
    assert reason in found and bool(found) == bool(reason)


def test_a_suite_sets_its_checkpoints(plan: Callable[..., Plan]) -> None:
    suite: Suite = plan(THREE).remembered.suite
    assert suite.protocol.checkpoints == 3
    with pytest.raises(SpecError, match="6 steps have no 7 checkpoints"):
        plan(SUITE.replace("steps = 6", "steps = 6\ncheckpoints = 7"))
