import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from support.small_suite import SUITE

from ucdver.cli.app import main
from ucdver.runs.bench import Bench
from ucdver.runs.merge import added, merged
from ucdver.runs.plan import Plan
from ucdver.runs.store import RunStore
from ucdver.spec.run import RunSpec
from ucdver.spec.suite import SuitePlan

Planner = Callable[..., Plan]
TWO = (
    SUITE
    + """
[[task]]
id = "two"
sources = ["toy:outline"]
targets = ["toy:filled"]
label_space = "toy3"
"""
)


def test_a_part_of_a_suite_keeps_what_was_planned_beside_it(plan: Planner) -> None:
    whole = plan(TWO).remembered
    part = plan(SUITE.replace('"source_only", "target_only"', '"dann"')).remembered
    both = merged(whole, part)
    assert set(both.suite.methods) == {"source_only", "target_only", "dann"}
    assert [task.id for task in both.suite.tasks] == ["one", "two"]
    assert len(both.entries) == len(whole.entries) + len(part.entries)
    assert both.oracles == ("target_only",)


def test_a_cell_planned_again_stands_once_and_a_changed_option_drops_the_old_cells(plan: Planner) -> None:
    whole = plan(TWO).remembered
    assert sorted(e.key for e in merged(whole, plan(SUITE).remembered).entries) == sorted(e.key for e in whole.entries)
    changed = plan(SUITE + "\n[method.source_only]\nlabel_smoothing = 0.1\n").remembered
    entries = [e for e in merged(whole, changed).entries if e.method == "source_only"]
    assert {e.task for e in entries} == {"one"}
    assert len([e for e in merged(whole, changed).entries if e.method == "target_only"]) == 4


def test_what_does_not_compare_is_not_mixed(plan: Planner) -> None:
    whole = plan(TWO).remembered
    for old, new in (("steps = 6", "steps = 7"), ("batch_size = 8", "batch_size = 9"), ("toy:filled", "toy:unrelated")):
        other = plan(SUITE.replace(old, new)).remembered
        assert merged(whole, other) == other
    assert merged(None, whole) == whole


def test_a_task_that_is_told_in_other_words_is_the_same(plan: Planner) -> None:
    whole = plan(TWO).remembered
    part = plan(SUITE.replace('"source_only", "target_only"', '"dann"').replace('id = "one"', 'id = "one"\nnote = "n"'))
    both = merged(whole, part.remembered)
    assert len(both.entries) == len(whole.entries) + len(part.remembered.entries)


def test_what_is_here_stays_and_a_cell_without_data_here_is_the_others(plan: Planner) -> None:
    whole = plan(TWO).remembered
    first, *rest = whole.entries
    here = whole.model_copy(
        update={"entries": (first.model_copy(update={"key": "", "status": "missing", "reason": "no data"}), *rest)}
    )
    assert set(added(here, whole, lambda key: None).entries) == set(whole.entries)
    assert set(added(whole, here, lambda key: None).entries) == set(whole.entries)
    other = whole.model_copy(update={"entries": tuple(e.model_copy(update={"key": "0" * 64}) for e in whole.entries)})
    assert set(added(whole, other, lambda key: None).entries) == set(whole.entries)


def test_a_cell_without_data_here_stays_where_the_others_run_of_it_does_not_compare(plan: Planner) -> None:
    whole = plan(TWO).remembered
    first, *rest = whole.entries
    lacking = first.model_copy(update={"key": "", "status": "missing", "reason": "no data"})
    here = whole.model_copy(update={"entries": (lacking, *rest), "absent": {"toy": "add it"}})
    for text in (TWO.replace("steps = 6", "steps = 7"), TWO + "\n[method.source_only]\nlabel_smoothing = 0.1\n"):
        other = plan(text).remembered
        assert first.key not in {entry.key for entry in other.entries}
        assert added(here, other, lambda key: None) == here


@pytest.mark.parametrize(
    ("options", "reads", "left"),
    [
        ({"cap": {"prompt": "b"}}, {}, False),
        # An annotator that the one which the method asks for reads.
        ({"under": {"prompt": "b"}}, {"cap": ("under", "cap")}, False),
        ({"under": {"prompt": "b"}}, {"cap": ("cap",)}, True),
        ({"cap": {"prompt": "a"}, "another": {"size": 3}}, {"cap": ("cap",)}, True),
        # Without a table it has its defaults where the new runs read it, and is not spoken of where they do not.
        ({}, {"cap": ("cap",)}, False),
    ],
)
def test_a_method_that_reads_an_annotator_with_other_options_leaves_the_table(
    plan: Planner, options: dict, reads: dict, left: bool
) -> None:
    whole, part = plan(TWO), plan(SUITE)

    def annotated(planned: Plan, annotators: dict) -> SuitePlan:
        suite = planned.remembered.suite.model_copy(update={"annotators": annotators})
        return planned.remembered.model_copy(update={"suite": suite})

    def reading(spec: RunSpec) -> RunSpec:
        return spec.model_copy(update={"annotations": {"cap": "1" * 64}}) if spec.method.name == "source_only" else spec

    olds = {spec.key(): reading(spec) for spec in whole.runs}
    before = {"cap": {"prompt": "a"}} if "under" not in options else {"under": {"prompt": "a"}}
    below = (lambda names: [read for name in names for read in reads[name]]) if reads else None
    runs = [reading(spec) for spec in part.runs]
    both = merged(annotated(whole, before), annotated(part, options), runs, olds.get, below)
    assert (("two", "source_only") in {(e.task, e.method) for e in both.entries}) == left
    assert ("two", "target_only") in {(e.task, e.method) for e in both.entries}


def test_options_of_an_annotator_that_the_new_part_does_not_speak_of_are_kept_with_its_rows(plan: Planner) -> None:
    whole, part = plan(SUITE), plan(SUITE.replace('"source_only", "target_only"', '"dann"'))
    suite = whole.remembered.suite.model_copy(update={"annotators": {"cap": {"prompt": "a"}}})
    olds = {spec.key(): spec.model_copy(update={"annotations": {"cap": "1" * 64}}) for spec in whole.runs}
    both = merged(whole.remembered.model_copy(update={"suite": suite}), part.remembered, part.runs, olds.get)
    assert both.suite.annotators == {"cap": {"prompt": "a"}}
    assert {entry.method for entry in both.entries} == {"source_only", "target_only", "dann"}


@pytest.mark.parametrize("methods", ['"dann", "mcc"', '"mcc", "dann"'])
def test_other_annotations_of_any_new_run_of_a_task_count(plan: Planner, methods: str) -> None:
    whole, part = plan(SUITE), plan(SUITE.replace('"source_only", "target_only"', methods))
    olds = {spec.key(): spec.model_copy(update={"annotations": {"cap": "1" * 64}}) for spec in whole.runs}
    runs = [
        spec.model_copy(update={"annotations": {"cap": "2" * 64} if spec.method.name == "dann" else {}})
        for spec in part.runs
    ]
    both = merged(whole.remembered, part.remembered, runs, olds.get)
    assert {entry.method for entry in both.entries} == {"dann", "mcc"}


def test_a_bench_of_one_method_adds_a_row_to_the_table(plan: Planner, tmp_path: Path, home: Path) -> None:
    plan(SUITE.replace("seeds = 2", "seeds = 1"))
    runs, suite = str(tmp_path / "runs"), str(tmp_path / "small.toml")
    assert main(["bench", suite, "-m", "source_only", "--runs", runs]) == 0
    assert main(["bench", suite, "-m", "target_only", "--runs", runs]) == 0
    assert set(RunStore(tmp_path / "runs").plan().suite.methods) == {"source_only", "target_only"}
    assert main(["bench", suite, "--runs", runs]) == 0
    assert list(RunStore(tmp_path / "runs").plan().suite.methods) == ["source_only", "target_only"]


@pytest.mark.parametrize(
    ("change", "left"),
    [
        ({"weights_sha256": "1" * 64}, {"dann"}),
        ({"engine": 1}, {"dann"}),
        ({"pictures": {"toy": "1" * 64}}, {"dann"}),
        ({"data": {"toy:filled": "1" * 64}}, {"dann"}),
        ({"method_weights_sha256": "1" * 64}, {"source_only", "target_only", "dann"}),
        ({}, {"source_only", "target_only", "dann"}),
    ],
)
def test_runs_that_began_from_something_else_leave_the_table(plan: Planner, change: dict, left: set[str]) -> None:
    whole, part = plan(SUITE), plan(SUITE.replace('"source_only", "target_only"', '"dann"'))
    specs = {spec.key(): spec.model_copy(update=change) for spec in whole.runs}
    both = merged(whole.remembered, part.remembered, part.runs, specs.get)
    assert {entry.method for entry in both.entries} == left


def test_a_method_of_another_version_leaves_the_table_with_all_of_its_tasks(plan: Planner) -> None:
    whole, part = plan(TWO), plan(SUITE)
    raised = {
        spec.key(): spec.model_copy(update={"method": spec.method.model_copy(update={"version": "0"})})
        for spec in whole.runs
        if spec.method.name == "source_only"
    }
    both = merged(whole.remembered, part.remembered, part.runs, raised.get)
    assert {(e.task, e.method) for e in both.entries} == {
        ("one", "source_only"),
        ("one", "target_only"),
        ("two", "target_only"),
    }


def test_a_seed_that_leaves_the_table_is_told_too(plan: Planner, tmp_path: Path, home: Path) -> None:
    plan(SUITE)
    runs, suite = tmp_path / "runs", str(tmp_path / "small.toml")

    def remembered(smoothing: float, seeds: int) -> Bench:
        bench = Bench(runs, suite)
        bench.restrict(("source_only",), (), seeds, {"source_only": {"label_smoothing": smoothing}})
        bench.prepare(lambda what, done, total: None)
        return bench

    assert remembered(0.0, 2).lost == []
    assert remembered(0.1, 1).lost == ["source_only"]


def test_plans_are_merged_one_after_the_other(plan: Planner, tmp_path: Path, home: Path) -> None:
    plan(SUITE)
    bench = Bench(tmp_path / "runs", str(tmp_path / "small.toml"))
    bench.plan()
    other = threading.Thread(target=bench.prepare, args=(lambda what, done, total: None,))
    with RunStore(tmp_path / "runs").planning():
        other.start()
        other.join(timeout=1)
        assert other.is_alive() and bench.store.suites() == []
    other.join()
    assert bench.store.suites() == ["small"]


def test_a_bench_says_which_rows_have_left_the_table(
    plan: Planner, tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan(SUITE.replace("seeds = 2", "seeds = 1"))
    runs, suite = str(tmp_path / "runs"), str(tmp_path / "small.toml")
    assert main(["bench", suite, "--runs", runs]) == 0
    capsys.readouterr()
    plan(SUITE.replace("seeds = 2", "seeds = 1").replace("steps = 6", "steps = 7"))
    assert main(["bench", suite, "-m", "source_only", "--runs", runs]) == 0
    assert "note: cells of target_only have left the table" in " ".join(capsys.readouterr().err.split())
