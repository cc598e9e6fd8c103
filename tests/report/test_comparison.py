"""Selection rules side by side, on runs whose checkpoints and scores are known."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.fake_runs import FakeRuns, make_predictions, make_registry, make_run_spec, make_task

from ucdver.errors import SpecError
from ucdver.report.comparison import Comparison, compare_rules, rule_names
from ucdver.report.comparison_text import WRITERS, body, headings
from ucdver.report.leaderboard import build_leaderboard
from ucdver.runs.store import RunStore
from ucdver.selection.specs import VALIDATORS
from ucdver.spec.protocol import Phase, Protocol
from ucdver.spec.run import RunRecord
from ucdver.spec.suite import PlanEntry, Suite, SuitePlan
from ucdver_emotion.metrics.specs import METRICS

PROTOCOL = Protocol(
    id="uda", setting="uda", phases=(Phase(name="adapt", source=True, target=True),), steps=10, checkpoints=2
)

#: Right images of 20 after 5 and after 10 steps, by method, task and seed.
RIGHT = {
    "a": {"T1": [(12, 10), (14, 12)], "T2": [(8, 9), (8, 11)]},
    "b": {"T1": [(6, 6), (7, 9)], "T2": [(5, 3), (4, 4)]},
}
#: The rule `entropy` prefers the first checkpoint everywhere, `snd` the last; `source_risk` cannot be computed.
SCORES = {"entropy@1": {"step-000005": -0.1, "last": -0.5}, "snd@2": {"step-000005": 1.0, "last": 2.0}}


@pytest.fixture
def runs(tmp_path: Path) -> FakeRuns:
    store = RunStore(tmp_path)
    entries = []
    for method, tasks in RIGHT.items():
        for name, seeds in tasks.items():
            for seed, (early, late) in enumerate(seeds):
                task = make_task(name)
                spec = make_run_spec(task, method, seed).model_copy(update={"protocol": PROTOCOL})
                entries.append(PlanEntry(task=name, method=method, seed=seed, key=spec.key()))
                targets = [str(target) for target in task.targets]
                whole = make_predictions(early, targets)
                store.write_predictions(spec.key(), whole.select("target_test"), 5)
                store.write_predictions(spec.key(), make_predictions(late, targets))
                store.write_spec(spec)
                store.write_record(RunRecord(spec=spec, status="done", selection=SCORES))
    suite = Suite(
        name="known",
        protocol=PROTOCOL,
        tasks=(make_task("T1"), make_task("T2")),
        methods={"a": {}, "b": {}},
        seeds=(0, 1),
    )
    registry = make_registry()
    for rule in VALIDATORS:
        registry.validators.add(rule.name, rule, "ucdver")
    return FakeRuns(store, SuitePlan(suite=suite, entries=tuple(entries)), registry)


def compared(runs: FakeRuns, *rules: str, metric: str | None = None) -> Comparison:
    return compare_rules(runs.store, runs.registry, runs.plan, rules, metric)


def expected(pick: int) -> dict[str, float]:
    return {m: float(np.mean([[s[pick] for s in seeds] for seeds in t.values()])) / 20 for m, t in RIGHT.items()}


@pytest.mark.parametrize(("rule", "pick"), [("last", 1), ("entropy", 0), ("snd", 1)])
def test_each_rule_shows_the_checkpoint_that_it_prefers(runs: FakeRuns, rule: str, pick: int) -> None:
    board = build_leaderboard(runs.store, runs.registry, runs.plan, selection=rule)
    means = {m: i.mean for m, i in board.averages.items() if i is not None}
    assert means == pytest.approx(expected(pick))
    assert {cell.selection for cell in board.cells} == {rule}
    assert board.ranks == {"a": 1.0, "b": 2.0}


def test_under_the_oracle_every_row_is_the_best_checkpoint_and_none_is_ranked(runs: FakeRuns) -> None:
    board = build_leaderboard(runs.store, runs.registry, runs.plan, selection="oracle")
    best = {m: float(np.mean([[max(s) for s in seeds] for seeds in t.values()])) / 20 for m, t in RIGHT.items()}
    assert {m: i.mean for m, i in board.averages.items() if i is not None} == pytest.approx(best)
    assert board.oracles == board.methods and set(board.ranks.values()) == {None}
    assert all(cell.rank is None for cell in board.cells)
    assert any("chosen with target labels" in note for note in board.footnotes)
    assert all(d is None or d.p is None for d in board.differences.values())


def test_the_gap_is_the_mean_of_what_the_oracle_has_more_in_the_same_run(runs: FakeRuns) -> None:
    found = compared(runs, "last", "entropy", "oracle")
    for rule, pick in (("last", 1), ("entropy", 0)):
        gaps = [(max(s) - s[pick]) / 20 for tasks in RIGHT.values() for seeds in tasks.values() for s in seeds]
        gap = found.gaps[rule]
        assert gap is not None and gap.cells == 4
        assert gap.interval.mean == pytest.approx(float(np.mean(gaps)))
        assert gap.interval.low is not None and gap.interval.n == 2
    assert found.gaps["oracle"] is None


def test_the_gap_is_over_no_cell_of_a_method_with_fewer_seeds(runs: FakeRuns) -> None:
    entries = tuple(entry for entry in runs.plan.entries if (entry.method, entry.seed) != ("b", 1))
    plan = runs.plan.model_copy(update={"entries": entries})
    gap = compare_rules(runs.store, runs.registry, plan, ("last", "oracle")).gaps["last"]
    gaps = [(max(of) - of[1]) / 20 for seeds in RIGHT["a"].values() for of in seeds]
    assert gap is not None and gap.cells == 2
    assert gap.interval.mean == pytest.approx(float(np.mean(gaps)))


def test_the_oracle_goes_by_metrics_of_levels_and_of_soft_labels_too(runs: FakeRuns) -> None:
    for metric in METRICS:
        if metric.name in ("accuracy_level1", "kl_divergence"):
            runs.registry.metrics.add(metric.name, metric, "ucdver_emotion")
    board = compared(runs, "oracle", metric="accuracy_level1").boards[0]
    assert {cell.status for cell in board.cells} == {"done"}
    # No image has a soft label: not applicable, as at the last step, and no fault.
    boards = compared(runs, "last", "oracle", metric="kl_divergence").boards
    assert [{cell.status for cell in board.cells} for board in boards] == [{"not_applicable"}] * 2
    assert any("no cell has a number" in note for note in boards[0].footnotes)
    for entry in runs.plan.entries:
        for done in (None, 5):
            found = runs.store.predictions(entry.key, done)
            soft = np.full((len(found), 4), 0.25, dtype=np.float32)
            runs.store.write_predictions(entry.key, replace(found, soft=soft), done)
    board = compared(runs, "oracle", metric="kl_divergence").boards[0]
    assert {cell.status for cell in board.cells} == {"done"}


def test_the_oracle_goes_by_the_targets_that_have_what_the_metric_reads(runs: FakeRuns) -> None:
    metric = next(metric for metric in METRICS if metric.name == "kl_divergence")
    runs.registry.metrics.add(metric.name, metric, "ucdver_emotion")
    task = make_task("two", ["icons:x", "icons:y"])
    spec = make_run_spec(task, "a", 0).model_copy(update={"protocol": PROTOCOL})
    # People on x vote for what is wrong, as the first checkpoint alone does; on y nobody voted.
    for done, right in ((5, 0), (None, 20)):
        whole = make_predictions(right, ["icons:x", "icons:y"]).select("target_test")
        soft = np.full((len(whole), 4), np.nan, dtype=np.float32)
        on_x = np.array(whole.domains) == "icons:x"
        soft[on_x] = np.eye(4, dtype=np.float32)[(whole.labels[on_x] + 1) % 4]
        runs.store.write_predictions(spec.key(), replace(whole, soft=soft), done)
    runs.store.write_spec(spec)
    runs.store.write_record(RunRecord(spec=spec, status="done"))
    suite = runs.plan.suite.model_copy(update={"tasks": (task,), "methods": {"a": {}}, "seeds": (0,)})
    plan = SuitePlan(suite=suite, entries=(PlanEntry(task="two", method="a", seed=0, key=spec.key()),))
    last, oracle = compare_rules(runs.store, runs.registry, plan, ("last", "oracle"), metric.name).boards
    assert [[cell.status for cell in board.cells] for board in (last, oracle)] == [["done", "not_applicable"]] * 2
    values = [board.cells[0].interval for board in (last, oracle)]
    assert values[0] is not None and values[1] is not None and values[1].mean < values[0].mean


def test_the_table_fits_the_terminal_and_loses_no_column(runs: FakeRuns, monkeypatch: pytest.MonkeyPatch) -> None:
    found = compared(runs, "last", "entropy", "oracle")
    whole = {word for line in (headings(found), *body(found)) for field in line for word in field.split()}
    for columns in (200, 50, 10):
        monkeypatch.setenv("COLUMNS", str(columns))
        lines = WRITERS["table"](found).splitlines()
        assert whole <= {word for line in lines for word in line.split()}
        blocks = [line for line in lines if line.startswith("entropy ")]
        assert len(blocks) == {200: 1, 10: len(headings(found)) - 1}.get(columns, len(blocks))
        assert columns == 10 or max(map(len, lines)) <= columns


def test_markdown_escapes_what_a_suite_says(runs: FakeRuns) -> None:
    plan = runs.plan.model_copy(update={"suite": runs.plan.suite.model_copy(update={"title": "a*b | <img src=x> _c_"})})
    text = WRITERS["md"](compare_rules(runs.store, runs.registry, plan, ("last", "snd")))
    assert text.startswith("**a\\*b \\| &lt;img src=x&gt; \\_c\\_**") and "<img" not in text


def test_notes_of_others_are_one_line_each_and_a_list_in_markdown(
    runs: FakeRuns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "500")
    methods = {**runs.plan.suite.methods, "a": {"k": "x\n\n# y\x1b[31m"}}
    suite = runs.plan.suite.model_copy(update={"methods": methods})
    plan = runs.plan.model_copy(update={"suite": suite, "absent": {"d": "get\x1b[2J\nit"}})
    found = compare_rules(runs.store, runs.registry, plan, ("last", "snd"))
    table, text = (WRITERS[name](found) for name in ("table", "md"))
    assert "a: k = x # y [31m." in table and "get [2J it." in table and "\x1b" not in table + text
    under = text[text.rindex("|") :].splitlines()[2:]
    assert len(under) > 3 and all(line.startswith("- ") for line in under)


def test_the_gap_of_a_metric_where_lower_is_better_is_positive_too(runs: FakeRuns) -> None:
    found = compared(runs, "entropy", "oracle", metric="nll")
    gap = found.gaps["entropy"]
    assert gap is not None and gap.interval.mean > 0


def test_a_rule_that_cannot_be_computed_leaves_gaps_and_says_why(runs: FakeRuns) -> None:
    found = compared(runs, "source_risk", "last", "oracle")
    assert found.gaps["source_risk"] is None
    board = found.boards[0]
    assert {cell.status for cell in board.cells} == {"failed"} and set(board.averages.values()) == {None}
    text = WRITERS["table"](found)
    assert "source_risk: " in text and "is not there, and source_risk reads it" in text


def test_what_stands_under_one_rules_table_stands_under_that_of_several(runs: FakeRuns) -> None:
    suite = runs.plan.suite.model_copy(update={"methods": {"a": {"trade_off": 5}, "b": {}}})
    plan = runs.plan.model_copy(update={"suite": suite, "shared": {"T1": 3}})
    for name in ("table", "md"):
        text = WRITERS[name](compare_rules(runs.store, runs.registry, plan, ("last", "snd")))
        words = " ".join(text.replace("\\", "").split())
        assert words.count("a: trade_off = 5.") == 1
        assert words.count("T1: 3 pictures of the target are in a source too") == 1


def test_a_missing_seed_empties_the_average_and_is_told(runs: FakeRuns) -> None:
    (lost,) = [e for e in runs.plan.entries if (e.method, e.task, e.seed) == ("b", "T2", 1)]
    record = runs.store.record(lost.key)
    assert record is not None
    runs.store.write_record(record.model_copy(update={"status": "failed", "reason": "boom"}))
    found = compared(runs, "last", "snd", "oracle")
    assert {row[2] for row in body(found)} == {"–"}
    assert WRITERS["table"](found).count("boom") == 1


def test_a_rule_is_not_flattered_by_the_cells_that_it_lacks(runs: FakeRuns) -> None:
    """Where one rule fails, all are measured on the cells that are left to each of them."""
    for entry in runs.plan.entries:
        record = runs.store.record(entry.key)
        assert record is not None
        if entry.task == "T2":
            kept = {"snd@2": SCORES["snd@2"]}
            runs.store.write_record(record.model_copy(update={"selection": kept}))
    found = compared(runs, "entropy", "snd", "oracle")
    entropy, snd = found.gaps["entropy"], found.gaps["snd"]
    assert entropy is not None and snd is not None and entropy.cells == snd.cells == 2
    gaps = [(max(s) - s[1]) / 20 for tasks in RIGHT.values() for s in tasks["T1"]]
    assert snd.interval.mean == pytest.approx(float(np.mean(gaps)))


def test_what_is_absent_under_every_rule_is_told_once(runs: FakeRuns) -> None:
    entries = [
        entry if entry.method == "a" else entry.model_copy(update={"status": "not_applicable", "reason": "b is odd"})
        for entry in runs.plan.entries
    ]
    plan = runs.plan.model_copy(update={"entries": tuple(entries)})
    text = WRITERS["table"](compare_rules(runs.store, runs.registry, plan, ("last", "entropy", "source_risk"), None))
    assert text.count("b is odd") == 1 and "every rule: b is odd." in text
    assert sum(line.startswith("source_risk: ") for line in text.splitlines()) == 1


def test_rules_are_parsed_the_oracle_comes_last_and_a_misspelt_one_is_refused(runs: FakeRuns) -> None:
    assert rule_names("snd,last", runs.registry) == ["snd", "last", "oracle"]
    assert rule_names("oracle,snd", runs.registry) == ["snd", "oracle"]
    every = rule_names("all", runs.registry)
    assert every[0] == "last" and every[-1] == "oracle" and len(every) == len(VALIDATORS)
    with pytest.raises(SpecError, match=r"no selection rule 'sdn'; did you mean 'snd'"):
        rule_names("last,sdn", runs.registry)


def test_the_table_marks_the_oracle_and_csv_holds_every_cell_once(runs: FakeRuns) -> None:
    found = compared(runs, "last", "entropy", "oracle")
    table = WRITERS["table"](found).splitlines()
    (heading,) = [line for line in table if line.startswith("selection")]
    assert heading.split() == ["selection", "a", "b", "gap", "to", "oracle"]
    (last_row,) = [line for line in table if line.startswith("oracle (oracle)")]
    assert last_row.endswith("–")
    markdown = WRITERS["md"](found)
    assert "| selection | a | b | gap to oracle |" in markdown and "| oracle (oracle) |" in markdown
    rows = list(csv.DictReader(io.StringIO(WRITERS["csv"](found))))
    assert len(rows) == 3 * 2 * 2
    assert {row["selection"] for row in rows} == {"last", "entropy", "oracle"}
    assert all((row["rank"] == "") == (row["selection"] == "oracle") for row in rows)
    document = json.loads(WRITERS["json"](found))
    assert [board["selection"] for board in document["boards"]] == ["last", "entropy", "oracle"]
    assert document["gaps"]["oracle"] is None and document["gaps"]["entropy"]["cells"] == 4
