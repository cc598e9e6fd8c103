"""`ucdver runs` as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ucdver.runs.store import RunStore

from .conftest import Ucdver


def test_runs_go_into_one_file_and_from_it_into_another_folder(ucdver: Ucdver, suite: Path) -> None:
    assert ucdver("bench", "small.toml", "-j", "1").code == 0
    packed = ucdver("runs", "export", "small.zip")
    assert packed.code == 0 and packed.err == "wrote 2 runs of small to small.zip\n"
    taken = ucdver("runs", "import", "small.zip", "--runs", "other")
    assert taken.code == 0
    assert "2 runs came in, 0 were there already" in taken.err
    assert "next: ucdver leaderboard --runs other --suite small" in taken.err
    tables = [ucdver("leaderboard", "--runs", runs, "--format", "csv").out for runs in ("runs", "other")]
    assert tables[0] == tables[1] and "source_only" in tables[0]
    # And a bench there goes on from what came in.
    assert "2 cached" in ucdver("bench", "small.toml", "--runs", "other", "-j", "1").err
    again = ucdver("runs", "import", "small.zip", "--runs", "other")
    assert again.err == "0 runs came in, 2 were there already\n"


def test_the_runs_of_one_task_go_alone_and_a_bench_goes_on_from_there(ucdver: Ucdver, suite: Path) -> None:
    other = '\n[[task]]\nid = "two"\nsources = ["toy:outline"]\ntargets = ["toy:filled"]\nlabel_space = "toy3"\n'
    suite.write_text(suite.read_text() + other)
    assert ucdver("bench", "small.toml", "-j", "1", "-m", "source_only").code == 0
    packed = ucdver("runs", "export", "two.zip", "-t", "two")
    assert packed.code == 0 and packed.err == "wrote 1 runs of small to two.zip\n"
    assert "1 runs came in, 0 were there already" in ucdver("runs", "import", "two.zip", "--runs", "other").err
    found = json.loads(ucdver("leaderboard", "--runs", "other", "--format", "json").out)
    assert {cell["task"]: cell["status"] for cell in found["cells"]} == {"one": "missing", "two": "done"}
    assert "1 cached" in ucdver("bench", "small.toml", "--runs", "other", "-j", "1", "-m", "source_only").err
    refused = ucdver("runs", "export", "none.zip", "-t", "tow")
    assert refused.code == 2 and "did you mean 'two'" in refused.err and not Path("none.zip").exists()


def test_predicted_classes_alone_give_the_table_and_say_what_they_do_not_give(ucdver: Ucdver, suite: Path) -> None:
    assert ucdver("bench", "small.toml", "-j", "1").code == 0
    assert ucdver("runs", "export", "classes.zip", "--classes-only").code == 0
    assert ucdver("runs", "import", "classes.zip", "--runs", "other").code == 0
    tables = [ucdver("leaderboard", "--runs", runs, "--format", "csv").out for runs in ("runs", "other")]
    assert tables[0] == tables[1] and "source_only" in tables[0]
    shown = ucdver("leaderboard", "--runs", "other", "--metric", "nll")
    assert shown.code == 0 and "n/a" in shown.out
    assert "in place of logits, and nll reads those" in " ".join(shown.out.split())


def test_an_archive_without_labels_gives_the_table_where_the_data_are(
    ucdver: Ucdver, suite: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ucdver("bench", "small.toml", "-j", "1").code == 0
    assert ucdver("runs", "export", "bare.zip", "--classes-only", "--without-labels").code == 0
    assert ucdver("runs", "import", "bare.zip", "--runs", "other").code == 0
    tables = [ucdver("leaderboard", "--runs", runs, "--format", "csv").out for runs in ("runs", "other")]
    assert tables[0] == tables[1] and "source_only" in tables[0]
    monkeypatch.setenv("UCDVER_HOME", str(Path("nowhere").absolute()))
    refused = ucdver("runs", "import", "bare.zip", "--runs", "third")
    assert refused.code == 2 and "ucdver data fetch toy" in refused.err and not Path("third").exists()


def test_a_wrong_file_is_refused_in_one_line(ucdver: Ucdver) -> None:
    Path("no.zip").write_text("no zip")
    refused = ucdver("runs", "import", "no.zip")
    assert refused.code == 2 and len(refused.err.splitlines()) == 1
    assert "is no archive of runs" in refused.err and "ucdver runs export" in refused.err
    assert ucdver("runs", "export", ".").code == 2


def test_pseudo_labels_are_held_against_the_labels_after_training(ucdver: Ucdver, suite: Path) -> None:
    text = suite.read_text().replace('["source_only", "target_only"]', '["source_only", "fixmatch"]')
    suite.write_text(text.replace("seeds = 1", "seeds = 2") + "[method.fixmatch]\nthreshold = 0.4\n")
    assert ucdver("bench", "small.toml", "-j", "1").code == 0
    shown = ucdver("runs", "pseudo-labels")
    header, *rows = shown.out.splitlines()
    assert header.split()[:5] == ["METHOD", "TASK", "SEEDS", "STEPS", "BELIEVED"]
    assert [row.split()[:4] for row in rows] == [["fixmatch", "one", "2", "1-3"], ["fixmatch", "one", "2", "4-6"]]
    assert "reads target labels" in shown.err
    header, *rows = ucdver("runs", "pseudo-labels", "--per-class").out.splitlines()
    assert header.split()[4:8] == ["CLASS", "IMAGES", "BELIEVED", "RIGHT"]
    assert [row.split()[4] for row in rows] == ["disc", "bar", "cross"] * 2
    assert sum(int(row.split()[5]) for row in rows) == 2 * 6 * 8
    told = json.loads(ucdver("runs", "pseudo-labels", "--json").out)
    assert [run["seed"] for run in told] == [0, 1]
    for run in told:
        # What the method itself logs of how much it believed, the mean over the steps of a half.
        lines = [json.loads(line) for line in log_of(run["seed"]).read_text().splitlines()]
        for half, steps in zip(run["halves"], (lines[:3], lines[3:]), strict=True):
            assert half["images"] == 3 * 8
            assert half["coverage"] == pytest.approx(sum(line["mask"] for line in steps) / 3)
        # In this protocol the test images are those of training, so their labels are beside the predictions.
        found = RunStore(Path("runs")).predictions(log_of(run["seed"]).parent.name).select("target_test")
        truth = dict(zip(found.ids, found.labels.tolist(), strict=True))
        saved = [
            json.loads(line) for line in log_of(run["seed"]).with_name("pseudo_labels.jsonl").read_text().splitlines()
        ]
        for half, steps in zip(run["halves"], (saved[:3], saved[3:]), strict=True):
            right = [truth[name] == label for s in steps for name, label in zip(s["ids"], s["labels"], strict=True)]
            assert half["accuracy"] == pytest.approx(sum(right) / len(right))
            for number, one in enumerate(half["classes"]):
                names = [name for s in steps for name in s["ids"]]
                own = [is_right for name, is_right in zip(names, right, strict=True) if truth[name] == number]
                assert one["images"] == len(own) and one["accuracy"] == pytest.approx(sum(own) / len(own))


def log_of(seed: int) -> Path:
    """Return the log of fixmatch's run of a seed."""
    specs = [(path, json.loads(path.read_text())) for path in Path("runs").glob("*/*/spec.json")]
    return next(p.with_name("log.jsonl") for p, s in specs if s["method"]["name"] == "fixmatch" and s["seed"] == seed)


def test_a_suite_whose_methods_have_no_pseudo_labels_is_told_so(ucdver: Ucdver, suite: Path) -> None:
    assert ucdver("bench", "small.toml", "-j", "1").code == 0
    refused = ucdver("runs", "pseudo-labels")
    assert refused.code != 0 and len(refused.err.splitlines()) == 1
    assert "has left pseudo-labels" in refused.err and "were imported have none" in refused.err
