from collections.abc import Callable
from pathlib import Path

import pytest
from support.small_suite import SUITE

from ucdver.data.catalog import Catalog
from ucdver.errors import ConfigError, DataError, PluginError, SpecError
from ucdver.plugins import load_registry, reset
from ucdver.report.leaderboard import build_leaderboard
from ucdver.runs.absent import part_absent_targets
from ucdver.runs.plan import Plan, make_plan
from ucdver.runs.restrict import restrict
from ucdver.runs.schedule import schedule
from ucdver.runs.store import RunStore
from ucdver.spec.run import RunRecord
from ucdver.spec.suite import Suite
from ucdver.spec.suite_file import load_suite

Planner = Callable[..., Plan]


def test_every_cell_is_a_run_with_a_key_of_its_own(plan: Planner) -> None:
    made = plan()
    assert len(made.runs) == 4
    assert len({spec.key() for spec in made.runs}) == 4
    assert [entry.key for entry in made.remembered.entries] == [spec.key() for spec in made.runs]
    assert made.remembered.oracles == ("target_only",)


def test_planning_twice_gives_the_same_keys(plan: Planner) -> None:
    assert [spec.key() for spec in plan().runs] == [spec.key() for spec in plan().runs]


def test_configuration_is_written_out_with_its_defaults(plan: Planner) -> None:
    spelled = SUITE + "\n[method.source_only]\nlabel_smoothing = 0.0\n"
    assert [spec.key() for spec in plan(spelled).runs] == [spec.key() for spec in plan().runs]
    other = SUITE + "\n[method.source_only]\nlabel_smoothing = 0.1\n"
    assert plan(other).runs[0].key() != plan().runs[0].key()


def test_a_method_that_is_undefined_for_the_setting_is_not_applicable(plan: Planner) -> None:
    made = plan(SUITE.replace('name = "small"', 'name = "small"\nprotocol = "uc"'))
    states = {(entry.method, entry.status) for entry in made.remembered.entries}
    assert states == {("source_only", "planned"), ("target_only", "not_applicable")}
    reason = next(entry.reason for entry in made.remembered.entries if entry.method == "target_only")
    assert "not defined for the setting 'uc'" in reason


def not_applicable(made: Plan, method: str) -> str:
    (reason,) = {e.reason for e in made.remembered.entries if e.method == method and e.status == "not_applicable"}
    return reason


def test_a_method_is_not_applicable_to_a_backbone_or_to_features_that_it_cannot_work_with(plan: Planner) -> None:
    methods = SUITE.replace('"target_only"', '"lora", "tgca_pvt_small"')
    made = plan(methods)
    assert {spec.method.name for spec in made.runs} == {"source_only", "tgca_pvt_small"}
    reason = not_applicable(made, "lora")
    assert reason.startswith("lora is not defined for the backbone 'convnet_s' (only for pvt_mini, pvt_tiny,")
    assert "lora" in {spec.method.name for spec in plan(methods.replace("convnet_s@", "pvt_mini@")).runs}
    frozen = plan(methods.replace("[recipe]", "[recipe]\nfrozen = true"))
    assert {spec.method.name for spec in frozen.runs} == {"source_only"}
    for name in ("lora", "tgca_pvt_small"):
        reason = f"{name} needs images, and with frozen = true the recipe gives it features"
        assert not_applicable(frozen, name) == reason


def test_own_updates_have_no_scaled_losses_and_so_no_float16(plan: Planner) -> None:
    methods = SUITE.replace('"target_only"', '"mcd"')
    half = plan(methods.replace("[recipe]", '[recipe]\nprecision = "float16"'))
    assert {spec.method.name for spec in half.runs} == {"source_only"}
    assert "bfloat16" in not_applicable(half, "mcd")
    assert "mcd" in {
        spec.method.name for spec in plan(methods.replace("[recipe]", '[recipe]\nprecision = "bfloat16"')).runs
    }


def test_a_task_without_its_data_is_missing_and_the_others_are_planned(plan: Planner) -> None:
    digits = """
[[task]]
id = "two"
sources = ["digits:mnist"]
targets = ["digits:usps"]
label_space = "digits10"
"""
    made = plan(SUITE + digits)
    missing = [entry for entry in made.remembered.entries if entry.task == "two"]
    assert {entry.status for entry in missing} == {"missing"}
    assert missing[0].reason == "lacks the data set digits"
    assert "ucdver data add digits --root DIR" in made.remembered.absent["digits"]
    assert len(made.runs) == 4


def test_a_suite_none_of_whose_data_are_there_says_of_each_what_to_type(plan: Planner) -> None:
    text = SUITE.replace("toy:filled", "digits:mnist").replace("toy:outline", "digits:usps")
    made = plan(text.replace("toy3", "digits10"))
    assert made.runs == ()
    assert {entry.status for entry in made.remembered.entries} == {"missing"}
    assert list(made.remembered.absent) == ["digits"]


UNSEEN = """
[[task]]
id = "two"
sources = ["toy:filled"]
targets = ["toy:outline", "fer2013:face"]
label_space = "ekman6"
label_maps = { fer2013 = "ekman7_to_ekman6" }
"""


def test_unseen_targets_that_are_absent_do_not_keep_a_task_from_the_others(tmp_path: Path, home: Path) -> None:
    text = SUITE.replace('name = "small"', 'name = "small"\nprotocol = "uc"').partition("[[task]]")[0] + UNSEEN
    path = tmp_path / "small.toml"
    path.write_text(text)
    registry = load_registry()
    read = load_suite(str(path), registry)
    faults = {"fer2013": DataError("it is not here", "get it")}
    parted = part_absent_targets(read, faults)
    assert [(task.id, [str(t) for t in task.targets]) for task in parted.tasks] == [
        ("two", ["toy:outline"]),
        ("two+absent", ["fer2013:face"]),
    ]
    assert [task.label_maps for task in parted.tasks] == [{}, {"fer2013": "ekman7_to_ekman6"}]
    # Where the source is gone too, or the target is seen in training, a task is all or nothing.
    assert part_absent_targets(read, {**faults, "toy": faults["fer2013"]}) == read
    adapting = restrict(read, registry, protocol="uda")
    assert part_absent_targets(adapting, faults) == adapting


def test_data_without_the_splits_that_a_protocol_needs_are_refused_before_anything_runs(plan: Planner) -> None:
    with pytest.raises(DataError, match="source toy:filled has no training rows in its official split"):
        plan(SUITE.replace('name = "small"', 'name = "small"\nprotocol = "uda_official"'))


PARTED = """\
from dataclasses import replace

from ucdver import DatasetSpec, hookimpl
from ucdver.testing.toys import fetch, read as whole


def read(root):
    for number, row in enumerate(whole(root)):
        yield replace(row, split="test" if number % 2 else "train")


@hookimpl
def ucdver_datasets():
    words = {"summary": "toys in two splits", "licence": "none", "obtain": "ucdver data fetch parted"}
    domains = ("filled", "outline", "unrelated")
    return [DatasetSpec(name="parted", version="1", reader="ucdver_local:read", fetch="ucdver_local:fetch",
                        domains=domains, label_spaces=("toy3",), **words)]
"""


def test_a_task_that_cannot_be_divided_is_missing_and_the_others_are_planned(tmp_path: Path, home: Path) -> None:
    second = SUITE[SUITE.index("[[task]]") :].replace("toy:", "parted:").replace('"one"', '"two"')
    text = SUITE.replace('name = "small"', 'name = "small"\nprotocol = "uda_official"') + "\n" + second
    (tmp_path / "small.toml").write_text(text)
    (tmp_path / "ucdver_local.py").write_text(PARTED)
    registry = load_registry(tmp_path)
    made = make_plan(load_suite(str(tmp_path / "small.toml"), registry), registry, Catalog(registry, home))
    assert {spec.task.id for spec in made.runs} == {"two"}
    (reason,) = {entry.reason for entry in made.remembered.entries if entry.status == "missing"}
    assert reason == "source toy:filled has no training rows in its official split; use kind = 'all'"


def suite(tmp_path: Path) -> Suite:
    path = tmp_path / "small.toml"
    path.write_text(SUITE)
    return load_suite(str(path), load_registry())


def test_a_suite_is_cut_down_and_changed(tmp_path: Path, home: Path) -> None:
    cut = restrict(suite(tmp_path), load_registry(), ("source_only", "dann"), ("one",), 1, {"dann": {"trade_off": 0.5}})
    assert cut.methods == {"source_only": {}, "dann": {"trade_off": 0.5}}
    assert cut.seeds == (0,)


def test_what_a_suite_does_not_have_is_refused_with_the_nearest_name(tmp_path: Path, home: Path) -> None:
    registry = load_registry()
    with pytest.raises(PluginError, match="did you mean 'dann'"):
        restrict(suite(tmp_path), registry, methods=("dannn",))
    with pytest.raises(SpecError, match="did you mean 'one'"):
        restrict(suite(tmp_path), registry, tasks=("on",))
    with pytest.raises(SpecError, match="does not run method 'dann'"):
        restrict(suite(tmp_path), registry, settings={"dann": {"trade_off": 1}})
    with pytest.raises(ConfigError, match="did you mean 'label_smoothing'"):
        restrict(suite(tmp_path), registry, settings={"source_only": {"label_smoothin": 1}})


def test_planning_without_fetching_fetches_nothing(tmp_path: Path, home: Path) -> None:
    registry = load_registry()
    made = make_plan(suite(tmp_path), registry, Catalog(registry, home), fetch=False)
    assert {entry.status for entry in made.remembered.entries} == {"missing"}
    assert not (home / "fetched").exists()


def test_what_ended_before_is_run_again_as_the_policy_says(plan: Planner, tmp_path: Path) -> None:
    specs = plan().runs[:3]
    store = RunStore(tmp_path / "runs")
    store.write_record(RunRecord(spec=specs[0], status="done"))
    store.write_record(RunRecord(spec=specs[1], status="failed", reason="broke"))
    states = {rule: [item.state for item in schedule(specs, store, rule)] for rule in ("missing", "failed", "always")}
    assert states["missing"] == ["cached", "failed", "to run"]
    assert states["failed"] == ["cached", "to run", "to run"]
    assert states["always"] == ["to run"] * 3
    assert [item.state for item in schedule(specs, store, "never")] == ["cached", "failed", "not run"]


def test_another_label_map_or_another_drawing_moves_the_key(plan: Planner, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = plan().runs[0]
    assert spec.model_copy(update={"labels": {"toy": "m:123456789abc"}}).key() != spec.key()
    assert spec.model_copy(update={"pictures": {"toy": "f" * 64}}).key() != spec.key()
    assert spec.model_copy(update={"engine": spec.engine + 1}).key() != spec.key()
    monkeypatch.setattr("ucdver.data.drawing.DECODE_VERSION", 10_000)
    assert plan().runs[0].key() != spec.key()


def test_naming_a_task_twice_is_naming_it_once(tmp_path: Path, home: Path) -> None:
    assert len(restrict(suite(tmp_path), load_registry(), tasks=("one", "one")).tasks) == 1


def test_another_protocol_with_more_phases_than_steps_is_refused(tmp_path: Path) -> None:
    short = suite(tmp_path)
    short = short.model_copy(update={"protocol": short.protocol.model_copy(update={"steps": 1})})
    with pytest.raises(SpecError, match=r"--protocol sfda: 1 steps cannot be shared by 2 phases; raise steps"):
        restrict(short, load_registry(), protocol="sfda")


def test_another_protocol_keeps_the_budget_and_names_the_suite_after_it(tmp_path: Path, home: Path) -> None:
    cut = restrict(suite(tmp_path), load_registry(), protocol="uda_grouped")
    assert (cut.name, cut.protocol.id, cut.protocol.steps) == ("small+uda_grouped", "uda_grouped", 6)
    with pytest.raises(PluginError, match="did you mean 'uda_grouped'"):
        restrict(suite(tmp_path), load_registry(), protocol="uda_groupd")


def test_pictures_that_a_source_shows_too_are_told_under_the_table(tmp_path: Path, home: Path, plan: Planner) -> None:
    assert plan(SUITE).remembered.shared == {}
    # The same pictures under another name.
    second = SUITE[SUITE.index("[[task]]") :].replace("toy:outline", "parted:filled").replace('"one"', '"two"')
    (tmp_path / "small.toml").write_text(SUITE + "\n" + second)
    (tmp_path / "ucdver_local.py").write_text(PARTED)
    reset()
    registry = load_registry(tmp_path)
    made = make_plan(load_suite(str(tmp_path / "small.toml"), registry), registry, Catalog(registry, home))
    assert made.remembered.shared == {"two": 60}
    board = build_leaderboard(RunStore(tmp_path / "runs"), registry, made.remembered)
    assert any(note.startswith("two: 60 pictures of the target are in a source too") for note in board.footnotes)
