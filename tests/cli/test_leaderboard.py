"""`ucdver leaderboard` on runs folders that came from elsewhere, and what it says of what cannot be shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.fake_runs import make_predictions, make_run_spec, write_fake_runs

from ucdver.spec.run import RunRecord
from ucdver.spec.suite import PlanEntry


def test_class_names_of_other_peoples_runs_reach_the_terminal_clean(ucdver: Any) -> None:
    runs = write_fake_runs(Path("runs"), {"a": [[20], [9]], "b": [[20], ["failed"]]})
    (task, _), classes = runs.plan.suite.tasks, ("joy\n\x1b[31m|red", "anger", "fear", "awe")
    spec = make_run_spec(task, "a", 0).model_copy(update={"classes": classes})
    runs.store.write_predictions(spec.key(), make_predictions(20, ["icons:T1"]))
    runs.store.write_record(RunRecord(spec=spec, status="done"))
    entry = PlanEntry(task=task.id, method="a", seed=0, key=spec.key())
    runs.store.write_plan(runs.plan.model_copy(update={"entries": (entry, *runs.plan.entries[1:])}))
    shown = ucdver("leaderboard", "--per-class")
    assert shown.code == 0
    assert "joy [31m|red" in shown.out and "\x1b" not in shown.out
    assert "b: without runs that are in other rows, so they do not compare: T2 (seed 0)." in shown.out


def test_a_plan_whose_method_is_called_as_no_method_can_be_is_refused(ucdver: Any) -> None:
    runs = write_fake_runs(Path("runs"), {"a": [[20]]})
    path = runs.store.root / "suites" / "made-up.json"
    path.write_text(path.read_text().replace('"a"', '"=HYPERLINK(1)\\n\\u001b[2J"'))
    shown = ucdver("leaderboard", "--format", "csv")
    assert (shown.code, shown.out) == (2, "")
    assert "is not a name" in shown.err and "HYPERLINK" in shown.err and "\x1b" not in shown.err


def test_the_ending_of_a_file_says_its_format_and_one_of_none_is_refused(ucdver: Any) -> None:
    write_fake_runs(Path("runs"), {"a": [[20]]})
    assert ucdver("leaderboard", "-o", "out.MD").code == 0
    assert Path("out.MD").read_text() == ucdver("leaderboard", "--format", "md").out
    refused = ucdver("leaderboard", "-o", "out.xlsx")
    assert refused.code == 2 and not Path("out.xlsx").exists()
    assert "no format writes files that end as 'out.xlsx' does" in refused.err and ".csv, .html, .json" in refused.err
    assert ucdver("leaderboard", "--format", "csv", "-o", "out.xlsx").code == 0
    assert ucdver("leaderboard", "-o", "plain").code == 0
    assert "is a folder" in ucdver("leaderboard", "-o", "runs").err


def test_differences_over_images_have_signs_stars_and_gaps_and_say_what_they_mean(
    ucdver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = {"source_only": [[4], [10], [9]], "mine": [[20], [9], [9]], "gone": [["failed"], [10], [9]]}
    write_fake_runs(Path("runs"), scores, oracles=["mine"])
    monkeypatch.setenv("COLUMNS", "70")
    shown = ucdver("leaderboard", "--per-image")
    assert shown.code == 0
    first, second = (line.split("  ") for line in shown.out.splitlines() if line.startswith("mine"))
    assert first[0] == "mine (oracle)" and first[1].startswith("+80.0 [+") and first[1].endswith("]*")
    assert first[2].startswith("-5.0 [-15.0, ") and first[2].endswith("0.0]") and second[1] == "+0.0 [+0.0, +0.0]"
    assert any(line.startswith("gone") and "–" in line for line in shown.out.splitlines())
    assert "T1 (20)" in shown.out and "–: one of the two lacks a seed there" in shown.out
    assert "over 1 seed;" in shown.out and max(map(len, shown.out.splitlines())) <= 70
    refused = ucdver("leaderboard", "--per-image", "--against", "mime")
    assert refused.code == 2 and "mine" in refused.err
