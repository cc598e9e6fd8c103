from __future__ import annotations

import ast
import json
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from ucdver.plugins import load_registry

KINDS = (
    "methods",
    "tasks",
    "suites",
    "datasets",
    "metrics",
    "validators",
    "protocols",
    "backbones",
    "executors",
    "exporters",
    "label-spaces",
    "label-maps",
    "annotators",
)


@pytest.mark.parametrize("kind", KINDS)
def test_list_agrees_with_the_registry(ucdver: Any, kind: str) -> None:
    catalogue = load_registry().catalogues[kind.replace("-", "_")]
    outcome = ucdver("list", kind, "--json")
    assert outcome.code == 0
    listed = json.loads(outcome.out)
    assert [entry["name"] for entry in listed] == list(catalogue.names)
    table = ucdver("list", kind).out.splitlines()
    assert [line.split()[0] for line in table[1:]] == list(catalogue.names)
    for entry in listed:
        assert entry["distribution"] == catalogue.distribution(entry["name"])
        assert entry["summary"]


def test_kinds_are_the_catalogues() -> None:
    assert {kind.replace("-", "_") for kind in KINDS} == set(load_registry().catalogues)


def test_list_says_what_is_broken(ucdver: Any) -> None:
    Path("ucdver_local.py").write_text("1 / 0")
    outcome = ucdver("list", "methods")
    assert outcome.code == 0
    assert "source_only" in outcome.out
    assert "'ucdver_local'" in outcome.err


def test_show_tells_a_methods_options(ucdver: Any) -> None:
    shown = json.loads(ucdver("show", "methods", "source_only", "--json").out)
    assert shown["distribution"] == "ucdver"
    (option,) = shown["config"]
    assert option == {
        "name": "label_smoothing",
        "type": "float",
        "default": 0.0,
        "limits": [">= 0", "< 1"],
        "search": [0.0, 0.2],
        "log": False,
    }
    text = ucdver("show", "method", "source_only").out
    assert "label_smoothing  float  0.0      >= 0, < 1  0.0, 0.2" in text


def test_show_tells_why_a_methods_class_cannot_be_imported(ucdver: Any) -> None:
    Path("ucdver_local.py").write_text(
        "import ucdver\n@ucdver.hookimpl\ndef ucdver_methods():\n    return [ucdver.MethodSpec(name='lost',"
        " version='1', target='no_such_package:M', settings=('uda',), summary='gone')]\n"
    )
    outcome = ucdver("show", "methods", "lost", "--json")
    assert outcome.code == 0
    assert "No module named 'no_such_package'" in json.loads(outcome.out)["config_error"]


def test_show_tells_of_a_data_set_and_where_it_is(ucdver: Any) -> None:
    before = json.loads(ucdver("show", "datasets", "toy", "--json").out)
    assert (before["state"], before["next"]) == ("fetchable", "ucdver data fetch toy")
    assert ucdver("data", "fetch", "toy").code == 0
    after = json.loads(ucdver("show", "datasets", "toy", "--json").out)
    assert after["state"] == "ready"
    assert Path(after["root"]).is_dir()
    assert set(after["images"]) == set(after["domains"])


def test_a_data_set_whose_folder_is_gone_is_not_called_ready(ucdver: Any, tmp_path: Path) -> None:
    assert ucdver("data", "fetch", "toy").code == 0
    root = Path(json.loads(ucdver("show", "datasets", "toy", "--json").out)["root"])
    root.rename(tmp_path / "elsewhere")
    listed = ucdver("data", "list")
    assert next(line for line in listed.out.splitlines() if line.startswith("toy")).split()[1] == "moved"
    assert f"toy: {root} is gone: ucdver data add toy --root DIR" in listed.err


def test_show_tells_of_a_suite_in_a_file(ucdver: Any) -> None:
    Path("mine.toml").write_text(
        'methods = ["source_only"]\nseeds = [4, 5]\n[[task]]\nid = "a"\nsources = ["toy:filled"]\n'
        'targets = ["toy:outline"]\nlabel_space = "toy3"\n'
    )
    shown = json.loads(ucdver("show", "suites", "mine.toml", "--json").out)
    assert shown["name"] == "mine"
    assert shown["seeds"] == [4, 5]
    expected = {"id": "a", "sources": ["toy:filled"], "targets": ["toy:outline"], "label_space": "toy3"}
    assert shown["tasks"] == [expected]
    assert shown["recipe"]["batch_size"] == 32


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("methods", "suites")])
def test_everything_listed_can_be_shown(ucdver: Any, kind: str) -> None:
    for name in load_registry().catalogues[kind.replace("-", "_")].names:
        outcome = ucdver("show", kind, name)
        assert outcome.code == 0, outcome.err
        assert name in outcome.out


def test_plugins_shows_loaded_and_broken_ones(ucdver: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("ucdver_local.py").write_text("import ucdver\n@ucdver.hookimpl\ndef ucdver_method():\n    return []\n")
    monkeypatch.setenv("UCDVER_DISABLE_PLUGINS", "nobody")
    outcome = ucdver("plugins", "--json")
    assert outcome.code == 0
    told = json.loads(outcome.out)
    assert told["plugins"][0]["name"] == "ucdver.builtin"
    assert "ucdver_methods" in told["plugins"][0]["hooks"]
    assert told["broken"] == [
        {
            "name": "ucdver_local",
            "distribution": "ucdver_local.py",
            "reason": "there is no hook 'ucdver_method': did you mean 'ucdver_methods'?",
        }
    ]
    assert len(told["warnings"]) == 1
    table = ucdver("plugins")
    assert "BROKEN: there is no hook 'ucdver_method'" in table.out
    assert table.err == f"warning: {told['warnings'][0]}\n"


def test_data_is_fetched_listed_counted_and_drawn(ucdver: Any) -> None:
    assert ucdver("data", "show", "toy").code == 2
    fetched = ucdver("data", "fetch", "toy")
    assert fetched.code == 0
    assert "'toy' is ready in" in fetched.err
    listed = {entry["name"]: entry for entry in json.loads(ucdver("data", "list", "--json").out)}
    assert listed["toy"]["state"] == "ready"
    manifest_counts = listed["toy"]["images"]
    shown = ucdver("data", "show", "toy", "--out", "sheet.png", "--json")
    assert shown.code == 0
    for domain, images in manifest_counts.items():
        counts = [c for c in json.loads(shown.out)["counts"] if c["domain"] == domain]
        assert sum(c["images"] for c in counts) == images
    with Image.open("sheet.png") as sheet:
        assert sheet.format == "PNG"
        # Three domains and three classes of two pictures each, and there is more on it than paper.
        assert sheet.width > 3 * 2 * 64
        assert sheet.height > 3 * 64
        assert len(sheet.convert("RGB").getcolors(1 << 24) or []) > 50
    assert not list(Path().glob(".*.tmp"))


def test_data_is_added_from_a_folder(ucdver: Any) -> None:
    ucdver("data", "fetch", "toy")
    root = json.loads(ucdver("show", "datasets", "toy", "--json").out)["root"]
    copy = Path("copy")
    Path(root).rename(copy)
    outcome = ucdver("data", "add", "toy", "--root", "copy")
    assert outcome.code == 0
    assert json.loads(ucdver("show", "datasets", "toy", "--json").out)["root"] == str(copy.absolute())
    assert ucdver("data", "add", "toy", "--root", "nowhere").code == 2


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--space", "toy4"), "has no labels in 'toy4'; did you mean 'toy3'?"),
        (("--out", "sheet.jpg"), "write --out FILE.png"),
    ],
)
def test_data_show_refuses_what_it_cannot_do(ucdver: Any, args: tuple[str, str], message: str) -> None:
    ucdver("data", "fetch", "toy")
    outcome = ucdver("data", "show", "toy", *args)
    assert outcome.code == 2
    assert message in outcome.err
    assert not Path("sheet.jpg").exists()


def test_doctor_says_what_to_type(ucdver: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    Path("ucdver_local.py").write_text("1 / 0")
    checks = {check["name"]: check for check in json.loads(ucdver("doctor", "--json").out)}
    assert {"python", "torch", "cuda", "cores", "memory", "cache", "npm client", "data toy"} <= set(checks)
    assert checks["data toy"]["advice"] == "ucdver data fetch toy"
    assert checks["plugin ucdver_local"]["state"] == "lack"
    assert "UCDVER_DISABLE_PLUGINS=ucdver_local" in checks["plugin ucdver_local"]["advice"]
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("UCDVER_HOME", str(tmp_path / "file" / "home"))
    checks = {check["name"]: check for check in json.loads(ucdver("doctor", "--json").out)}
    assert checks["cache"]["state"] == "lack"


def test_leaderboard_refuses_a_folder_without_results_and_an_unknown_format(ucdver: Any) -> None:
    assert "'ucdver bench' first" in ucdver("leaderboard").err
    assert "did you mean 'json'?" in ucdver("leaderboard", "--format", "jsn").err


def test_a_new_method_is_registered_and_well_formed(ucdver: Any) -> None:
    outcome = ucdver("new", "method", "my_first")
    assert outcome.code == 0
    assert "ucdver bench emoji -m source_only -m my_first" in outcome.err and not outcome.out
    assert outcome.err.endswith("--seeds 1\n")
    shown = json.loads(ucdver("show", "methods", "my_first", "--json").out)
    assert shown["distribution"] == "ucdver_local.py"
    assert [option["name"] for option in shown["config"]] == ["trade_off"]
    ast.parse(Path("test_my_first.py").read_text())
    lint = [
        sys.executable,
        "-m",
        "ruff",
        "check",
        "--isolated",
        "--line-length=110",
        "--select=E,F,W",
        "ucdver_local.py",
        "test_my_first.py",
    ]
    assert subprocess.run(lint, check=False, capture_output=True).returncode == 0


def test_a_new_method_keeps_the_contract(ucdver: Any) -> None:
    ucdver("new", "method", "my_first")
    runpy.run_path("test_my_first.py")["test_my_first"]()


@pytest.mark.parametrize(
    ("existing", "name", "message"),
    [
        ("ucdver_local.py", "mine", "ucdver_local.py exists"),
        ("test_mine.py", "mine", "test_mine.py exists"),
        ("other", "dann", "there is a method 'dann' already"),
        ("other", "../evil", "cannot name a method"),
        ("other", "My-Method", "cannot name a method"),
    ],
)
def test_a_new_method_overwrites_nothing(ucdver: Any, existing: str, name: str, message: str) -> None:
    Path(existing).write_text("# mine\n")
    outcome = ucdver("new", "method", name)
    assert outcome.code == 2
    assert message in outcome.err
    assert [path.name for path in Path().iterdir() if path.name != "__pycache__"] == [existing]
    assert Path(existing).read_text() == "# mine\n"


@pytest.mark.parametrize("name", ["none", "f", "tensor"])
def test_a_new_method_whose_class_would_hide_another_name_is_called_otherwise(ucdver: Any, name: str) -> None:
    assert ucdver("new", "method", name).code == 0
    assert f"class {name.capitalize()}Method(ucdver.Method):" in Path("ucdver_local.py").read_text()
    shown = json.loads(ucdver("show", "methods", name, "--json").out)
    assert [option["name"] for option in shown["config"]] == ["trade_off"]
