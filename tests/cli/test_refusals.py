"""What is typed wrong is refused in one line, before anything is done; what is replaced is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.small_suite import SUITE

from .conftest import Outcome, Ucdver

GAP = ("data", "gap", "filled_to_outline", "--suite", "toy")


def refused(outcome: Outcome) -> str:
    assert outcome.code == 2 and outcome.err.startswith("error: ") and outcome.err.count("\n") == 1, outcome
    return outcome.err


@pytest.mark.parametrize("backbone", ["resnet18", "resnet18@"])
def test_a_backbone_without_weights_is_no_backbone(ucdver: Ucdver, backbone: str) -> None:
    told = refused(ucdver(*GAP, "--backbone", backbone))
    assert "write --backbone NAME@WEIGHTS" in told and "Value error" not in told


def test_a_seed_has_as_many_bits_as_a_generator(ucdver: Ucdver) -> None:
    assert "--seed" in refused(ucdver(*GAP, "--seed", "9" * 23))


def test_nothing_was_prepared_where_no_data_are(ucdver: Ucdver) -> None:
    told = refused(ucdver("prepare", "digits"))
    assert "no task whose data are here" in told and "ucdver data add digits --root DIR" in told


def test_a_suite_in_a_folder_that_looks_like_markup_is_prepared(ucdver: Ucdver) -> None:
    folder = Path("[bold]x[") / "x]"
    folder.mkdir(parents=True)
    (folder / "small.toml").write_text("\ufeff" + SUITE, encoding="utf-8")
    # It has no folder of runs, whatever is called so.
    Path("runs").touch()
    outcome = ucdver("prepare", str(folder / "small.toml"), "-m", "source_only")
    assert outcome.code == 0 and f"prepared {folder / 'small.toml'} in" in outcome.err


def test_a_local_plugin_beside_a_suite_is_found_by_every_command(ucdver: Ucdver) -> None:
    folder = Path("elsewhere")
    folder.mkdir()
    (folder / "ucdver_local.py").write_text(
        "import ucdver\nfrom ucdver.methods.source_only import SourceOnly\n@ucdver.hookimpl\ndef ucdver_methods():\n"
        '    return [ucdver.MethodSpec(name="mine", version="1", target="ucdver_local:SourceOnly", settings=("uda",),'
        ' summary="one")]\n'
    )
    (folder / "small.toml").write_text(SUITE.replace('"target_only"', '"mine"'))
    path = str(folder / "small.toml")
    assert ucdver("bench", path, "--dry-run").code == 0
    assert ucdver("show", "suite", path).code == 0
    small = ("--backbone", "convnet_s@none", "--size", "16", "--images", "20")
    assert ucdver("data", "gap", "one", "--suite", path, *small).code == 0


def test_an_option_is_set_once_and_to_a_value_of_its_kind(ucdver: Ucdver, suite: Path) -> None:
    twice = ("--set", "dann.trade_off=1", "--set", "dann.trade_off=2")
    assert "--set dann.trade_off is given twice" in refused(ucdver("bench", "toy", *twice))
    assert "true is no number" in refused(ucdver("bench", "toy", "-m", "dann", "--set", "dann.trade_off=true"))
    shot = ("bench", "toy", "--protocol", "sfda", "-m", "shot", "--set")
    assert "true is no number" in refused(ucdver(*shot, "shot.threshold=true"))
    assert ucdver(*shot, "shot.threshold=none", "--dry-run").code == 0
    suite.write_text(suite.read_text() + "\n[method.source_only]\nfoo = 1\n")
    assert "has no option 'foo'" in refused(ucdver("show", "suite", "small.toml"))


def test_options_of_pictures_go_with_pictures(ucdver: Ucdver) -> None:
    assert "drop -n" in refused(ucdver("data", "show", "toy", "-n", "3", "--json"))
    assert "--each is for a sheet" in refused(ucdver("data", "show", "toy", "--each", "3"))


def test_a_name_of_a_family_is_shown(ucdver: Ucdver) -> None:
    shown = ucdver("show", "backbone", "resnet18", "--json")
    assert shown.code == 0 and json.loads(shown.out)["name"] == "timm"
    assert "did you mean 'resnet18'" in refused(ucdver("show", "backbone", "resnet81"))


def test_what_is_left_out_by_the_environment_is_named(ucdver: Ucdver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UCDVER_PLUGINS", "")
    assert "UCDVER_PLUGINS is set" in refused(ucdver("bench", "emoji", "--dry-run"))


def test_a_file_is_no_folder_of_runs_and_no_run_no_archive(ucdver: Ucdver, suite: Path) -> None:
    assert "is a file, and no folder of runs" in refused(ucdver("leaderboard", "--runs", "small.toml"))
    ucdver("bench", "small.toml", "--rerun", "never")
    assert "none of the 2 runs of 'small'" in refused(ucdver("runs", "export", "none.zip"))
    assert not Path("none.zip").exists()


def test_another_plan_of_the_same_name_says_what_left_the_table(ucdver: Ucdver, suite: Path) -> None:
    assert ucdver("bench", "small.toml", "--rerun", "never").code == 0
    suite.write_text(suite.read_text().replace('id = "one"', 'id = "two"').replace(', "target_only"', ""))
    outcome = ucdver("bench", "small.toml", "--rerun", "never")
    assert "that was here had one, target_only too" in " ".join(outcome.err.split())
    assert "too, which this" not in ucdver("bench", "small.toml", "--rerun", "never").err
