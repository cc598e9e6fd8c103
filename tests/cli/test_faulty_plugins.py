"""What a plugin's code does wrong is told in a line, and takes nothing else with it."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.small_suite import SUITE

from ucdver.plugins import reset

from .conftest import Ucdver

LOCAL = """
import ucdver

def boom(*given):
    raise ZeroDivisionError("by zero")

def nothing(*given):
    return None

def rule(target_train):
    raise ZeroDivisionError("by zero")

def leaves(*given):
    raise SystemExit(0)

@ucdver.hookimpl
def ucdver_metrics():
    return [
        ucdver.MetricSpec(name=name, target=f"ucdver_local:{target}", higher_is_better=True, summary="faulty")
        for name, target in (("bad_metric", "boom"), ("no_metric", "nothing"))
    ]

@ucdver.hookimpl
def ucdver_exporters():
    return [ucdver.ExporterSpec(name="bad_format", target="ucdver_local:boom", suffix=".bad", summary="faulty")]

@ucdver.hookimpl
def ucdver_validators():
    spec = dict(scope="checkpoint", higher_is_better=True, summary="faulty")
    return [
        ucdver.ValidatorSpec(name="bad_rule", target="ucdver_local:rule", **spec),
        ucdver.ValidatorSpec(name="absent_rule", target="nowhere_at_all:rule", **spec),
    ]

@ucdver.hookimpl
def ucdver_suites():
    return [ucdver.SuiteSpec(name="bad_suite", resource="nowhere.at_all:s.toml", summary="faulty")]
"""


@pytest.fixture
def local() -> None:
    Path("ucdver_local.py").write_text(LOCAL)


@pytest.fixture
def trained(ucdver: Ucdver, local: None) -> None:
    text = SUITE.replace("seeds = 2", "seeds = 1\ncheckpoints = 2").replace(', "target_only"', "")
    Path("small.toml").write_text(text)
    assert ucdver("bench", "small.toml").code == 0


def test_a_table_outlives_what_it_is_computed_with(ucdver: Ucdver, trained: None) -> None:
    for metric in ("bad_metric", "no_metric"):
        outcome = ucdver("leaderboard", "--metric", metric)
        assert outcome.code == 0 and f"metric '{metric}' raised " in " ".join(outcome.out.split())
    outcome = ucdver("leaderboard", "--format", "bad_format")
    assert outcome.code != 0 and outcome.err.startswith(
        "error: exporter 'bad_format' raised ZeroDivisionError: by zero"
    )
    outcome = ucdver("leaderboard", "--selection", "last,bad_rule")
    assert outcome.code == 0 and "validator 'bad_rule' at step" in " ".join(outcome.out.split())
    everything = ucdver("leaderboard", "--selection", "all")
    assert everything.code == 0 and "entropy" in everything.out
    assert "left out: rule 'absent_rule'" in everything.err
    assert ucdver("leaderboard", "--selection", "last,absent_rule").code == 2


def test_a_suite_whose_own_metric_fails_has_its_runs_and_a_table_that_says_why(ucdver: Ucdver, local: None) -> None:
    text = SUITE.replace("seeds = 2", 'seeds = 1\nmetric = "bad_metric"')
    Path("small.toml").write_text(text)
    outcome = ucdver("bench", "small.toml", "-m", "source_only")
    assert "metric 'bad_metric' raised ZeroDivisionError" in " ".join(outcome.out.split())
    assert "Traceback" not in outcome.err and "1 done" in outcome.err


def test_a_suite_that_is_not_there_takes_no_other_with_it(ucdver: Ucdver, local: None) -> None:
    missing = ucdver("data", "gap", "no_such_task")
    assert missing.code == 2 and "suite 'bad_suite' is left out" in missing.err
    for command in (("show", "suite", "bad_suite"), ("bench", "bad_suite", "--dry-run")):
        outcome = ucdver(*command)
        assert outcome.code == 2 and outcome.err.startswith("error: package 'nowhere.at_all' does not contain")


def test_code_that_ends_the_program_is_an_error(ucdver: Ucdver) -> None:
    Path("ends.py").write_text("raise SystemExit(0)\n")
    source = 'name="ends", version="1", target="ends:M", settings=("uda",), summary="faulty"'
    Path("ucdver_local.py").write_text(
        "import pathlib, sys, ucdver\nsys.path.insert(0, str(pathlib.Path(__file__).parent))\n"
        f"@ucdver.hookimpl\ndef ucdver_methods():\n    return [ucdver.MethodSpec({source})]\n"
    )
    assert "method 'ends' cannot be loaded from 'ends:M': SystemExit" in ucdver("show", "method", "ends").out
    outcome = ucdver("bench", "toy", "-m", "ends", "--dry-run")
    assert outcome.code != 0 and "method 'ends' cannot be loaded from 'ends:M': SystemExit" in outcome.err


COMMAND = """
    @app.command("{name}")
    def _(value: {kind} = None) -> None:
        print("{says}")
"""


def test_commands_that_clash_or_cannot_be_built_are_told(ucdver: Ucdver) -> None:
    def write(*commands: tuple[str, str, str]) -> None:
        reset()
        body = "".join(COMMAND.format(name=name, kind=kind, says=says) for name, kind, says in commands)
        Path("ucdver_local.py").write_text(f"import ucdver\n@ucdver.hookimpl\ndef ucdver_commands(app):{body}")

    write(("hello", "int | str", "hi"))
    missed = ucdver("lst")
    assert missed.code == 2 and "did you mean 'list'?" in missed.err and "its commands raised" in missed.err
    write(("bench", "str", "mine"), ("other", "str", "fine"))
    assert "has the name of one of ucdver's" in ucdver("othr").err
    write(("hello", "int | str", "hi"), ("other", "str", "fine"))
    assert ucdver("other").out == "fine\n"
    write(("hello", "str", "one"), ("hello", "str", "two"), ("other", "str", "fine"))
    twice = ucdver("hello")
    assert twice.code == 2 and "command 'hello' is added twice by ucdver_local.py" in twice.err
    assert ucdver("other").out == "fine\n"


def test_the_package_around_a_suite_may_raise_anything(ucdver: Ucdver, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("raises_at_import").mkdir()
    Path("raises_at_import/__init__.py").write_text("1 / 0\n")
    Path("ucdver_local.py").write_text(LOCAL.replace("nowhere.at_all", "raises_at_import.inside"))
    monkeypatch.syspath_prepend(str(Path.cwd()))
    outcome = ucdver("show", "suite", "bad_suite")
    assert outcome.code == 2 and "does not contain 's.toml': ZeroDivisionError: division by zero" in outcome.err
    assert ucdver("data", "gap", "filled_to_outline", "--backbone", "convnet_s@none", "--size", "16").code == 0


def test_a_metric_that_is_not_defined_is_no_fault_of_the_oracle(ucdver: Ucdver, trained: None) -> None:
    assert ucdver("runs", "export", "classes.zip", "--classes-only").code == 0
    assert ucdver("runs", "import", "classes.zip", "--runs", "other").code == 0
    shown = ucdver("leaderboard", "--runs", "other", "--metric", "nll", "--selection", "oracle")
    assert shown.code == 0 and "n/a" in shown.out and "failed" not in shown.out


def test_a_table_in_another_encoding_has_question_marks(
    ucdver: Ucdver, trained: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with (tmp_path / "out.txt").open("w", encoding="latin-1") as stream:
        monkeypatch.setattr("sys.stdout", stream)
        assert ucdver("leaderboard").code == 0
    assert "source_only" in (tmp_path / "out.txt").read_text(encoding="latin-1")
