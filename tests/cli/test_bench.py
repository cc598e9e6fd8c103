"""`ucdver bench` as a user types it, on generated shapes."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from support.small_suite import SUITE

from .conftest import Ucdver


def test_a_bench_from_nothing_to_a_table_and_its_exports(ucdver: Ucdver, suite: Path) -> None:
    first = ucdver("bench", "small.toml", "-j", "1")
    assert first.code == 0, first.err
    assert "source_only" in first.out and "target_only (oracle)" in first.out
    assert "2 done" in first.err
    again = ucdver("bench", "small.toml")
    assert again.code == 0 and "2 cached" in again.err
    rows = list(csv.DictReader(io.StringIO(ucdver("leaderboard", "--format", "csv").out)))
    assert [(row["method"], row["status"], row["n_seeds"]) for row in rows] == [
        ("source_only", "done", "1"),
        ("target_only", "done", "1"),
    ]
    assert [row["rank"] for row in rows] == ["1.0", ""]
    assert ucdver("leaderboard", "--format", "html", "-o", "table.html").code == 0
    assert "<table" in Path("table.html").read_text()
    assert ucdver("leaderboard", "-o", "table.csv").code == 0
    assert Path("table.csv").read_text() == ucdver("leaderboard", "--format", "csv").out
    assert ucdver("leaderboard", "--metric", "").code == ucdver("leaderboard", "--suite", "").code == 2
    assert "disc" in ucdver("leaderboard", "--per-class").out


def test_a_dry_run_shows_the_matrix_and_does_nothing(ucdver: Ucdver, suite: Path) -> None:
    ucdver("data", "fetch", "toy")
    shown = ucdver("bench", "small.toml", "--dry-run")
    assert shown.code == 0
    assert shown.out.count("1 to run") == 2
    assert not Path("runs").exists()


def test_a_dry_run_cuts_no_name(ucdver: Ucdver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    shown = ucdver("bench", "emoji", "--dry-run")
    assert shown.code == 0 and "…" not in shown.out
    assert {"flat_outline", "many_mono", "tgca_pvt_small"} <= set(shown.out.split())


def test_an_option_set_on_the_command_line_is_named_under_the_table(ucdver: Ucdver, suite: Path) -> None:
    done = ucdver("bench", "small.toml", "-m", "source_only", "--set", "source_only.label_smoothing=0.2", "-j", "1")
    assert done.code == 0, done.err
    assert "source_only: label_smoothing = 0.2." in done.out
    (spec,) = [json.loads(path.read_text()) for path in Path("runs").glob("??/*/spec.json")]
    assert spec["method"]["config"] == {"label_smoothing": 0.2}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["small.toml", "-m", "source_onli"], "did you mean 'source_only'"),
        (["small.toml", "-t", "onee"], "did you mean 'one'"),
        (["small.toml", "--set", "source_only"], "write --set METHOD.PARAM=VALUE"),
        (["small.toml", "--set", "source_only.label_smoothing=much"], "label_smoothing"),
        (["small.toml", "--rerun", "faild"], "did you mean 'failed'"),
        (["small.toml", "--device", "tpu"], "use auto, cpu or cuda"),
        (["small.toml", "--executor", "locl"], "did you mean 'local'"),
        (["small.toml", "--protocol", "ud"], "did you mean 'uda'"),
        (["emojy"], "did you mean 'emoji'"),
        (["nowhere.toml"], "there is no suite file"),
        (["small.toml", "--runs", "small.toml"], "small.toml"),
    ],
)
def test_a_mistake_is_one_line_that_says_what_to_type_and_nothing_is_run(
    ucdver: Ucdver, suite: Path, arguments: list[str], says: str
) -> None:
    outcome = ucdver("bench", *arguments)
    assert outcome.code == 2
    lines = [line for line in outcome.err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1 and says in lines[0], outcome.err
    assert "Traceback" not in outcome.err
    assert not Path("runs").exists()


def test_a_suite_whose_data_cannot_be_had_says_what_to_type(ucdver: Ucdver) -> None:
    outcome = ucdver("bench", "digits")
    assert outcome.code == 2
    assert "ucdver data add digits --root DIR" in outcome.err
    assert "missing" in outcome.out and "lacks the data set digits" in " ".join(outcome.out.split())
    assert not Path("runs").exists()
    dry = ucdver("bench", "digits", "--dry-run")
    assert dry.code == 0 and "ucdver data add digits --root DIR" in dry.out


def test_emoji_without_a_network_is_one_line_that_names_the_next_command(
    ucdver: Ucdver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real npm client is asked, with a registry that nobody answers."""
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9")
    monkeypatch.setenv("npm_config_fetch_retries", "0")
    monkeypatch.setenv("npm_config_cache", str(Path.cwd() / "npm"))
    outcome = ucdver("bench", "emoji")
    assert outcome.code == 2
    lines = [line for line in outcome.err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1
    assert "ucdver data fetch emoji" in lines[0] or "ucdver[npm]" in lines[0]


def test_a_cached_run_of_another_source_at_the_same_version_is_not_passed_over_in_silence(
    ucdver: Ucdver, suite: Path
) -> None:
    suite.write_text(SUITE)
    arguments = ("bench", "small.toml", "-m", "source_only", "-j", "1")
    first = ucdver(*arguments)
    assert first.code == 0 and "has changed" not in first.err
    record = next(Path("runs").glob("??/*/record.json"))
    values = json.loads(record.read_text())
    values["provenance"]["method_source_sha256"] = "0" * 64
    record.write_text(json.dumps(values))
    again = ucdver(*arguments)
    assert again.code == 0 and "2 cached" in again.err
    assert "the source of method 'source_only' has changed since its cached runs were made" in again.err
    assert "source_only: its source changed between these runs at the same version" in again.out
