"""A run is carried out with the code that its key and its provenance name, from its first step to its last."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.local_backbone import backbone_source
from support.small_suite import SUITE

import ucdver
from ucdver.data.catalog import Catalog
from ucdver.plugins import load_registry, reset
from ucdver.runs.options import WorkerOptions
from ucdver.runs.plan import make_plan
from ucdver.runs.store import RunStore
from ucdver.runs.worker import execute
from ucdver.spec.run import RunSpec
from ucdver.spec.suite_file import load_suite
from ucdver.train.loop import LoopOptions

METHOD = """\
from torch.nn import functional as F

from ucdver import Method, MethodSpec, hookimpl


class Mine(Method):
    def step(self, batch, progress):
        return {"total": SCALE * F.cross_entropy(self(batch.sources.images), batch.sources.labels)}


SCALE = 1.0
"""
HOOK = """\
from ucdver import MethodSpec, hookimpl


@hookimpl
def ucdver_methods():
    return [MethodSpec(name="mine", version="1", target="TARGET:Mine", settings=("uda",), summary="mine")]
"""
EDITED = METHOD.replace("SCALE = 1.0", "SCALE = -3.0")
OFTEN = LoopOptions(checkpoint_seconds=0, reports=1000)


def quiet(done: int, total: int, losses: dict[str, float]) -> None:
    """Observe nothing."""


def planned(folder: Path, home: Path) -> RunSpec:
    (folder / "one.toml").write_text(
        SUITE.replace('["source_only", "target_only"]', '["mine"]').replace("seeds = 2", "seeds = 1")
    )
    registry = load_registry(folder)
    assert not registry.broken
    (spec,) = make_plan(load_suite(str(folder / "one.toml"), registry), registry, Catalog(registry, home)).runs
    return spec


def totals(runs: Path, spec: RunSpec) -> list[float]:
    lines = (RunStore(runs).folder(spec.key()) / "log.jsonl").read_text().splitlines()
    return [json.loads(line)["total"] for line in lines]


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_a_stopped_run_whose_method_was_edited_starts_over_and_the_bench_says_so(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from ucdver.cli.app import main

    # A package of its own, whose version does not follow its file.
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ucdver_local.py").write_text(HOOK.replace("TARGET", "edited_method"))
    (tmp_path / "edited_method.py").write_text(METHOD)
    spec = planned(tmp_path, home)

    def stops(done: int, total: int, losses: dict[str, float]) -> None:
        if done == 4:
            raise KeyboardInterrupt

    options = WorkerOptions(runs=tmp_path / "runs", home=home, local=tmp_path, loop=OFTEN)
    with pytest.raises(KeyboardInterrupt):
        execute(spec, options, stops)
    assert len(totals(options.runs, spec)) == 4
    (tmp_path / "edited_method.py").write_text(EDITED)
    del sys.modules["edited_method"]
    reset()
    assert main(["bench", "one.toml", "-j", "1", "--runs", "runs"]) == 0
    told = capfd.readouterr().err
    assert "note: the source of method 'mine' has changed since its runs were stopped: they start over" in told
    assert planned(tmp_path, home) == spec, "the version stayed, and with it the key"
    record = RunStore(options.runs).record(spec.key())
    assert record is not None and record.provenance is not None
    assert record.provenance.method_source_sha256 == sha256(EDITED)
    made = totals(options.runs, spec)
    assert len(made) == 6 and max(made) < 0, "steps of the earlier source are among them"
    del sys.modules["edited_method"]


def test_a_run_is_not_carried_out_with_other_code_than_its_key_names(tmp_path: Path, home: Path) -> None:
    local = tmp_path / "ucdver_local.py"
    local.write_text(METHOD + "\n\n" + HOOK.replace("TARGET", "ucdver_local"))
    spec = planned(tmp_path, home)
    local.write_text(EDITED + "\n\n" + HOOK.replace("TARGET", "ucdver_local"))
    reset()
    options = WorkerOptions(runs=tmp_path / "runs", home=home, local=tmp_path)
    record = execute(spec, options, quiet)
    assert record.status == "failed"
    assert record.reason == "method 'mine' changed since the run was planned; run the bench again"
    again = planned(tmp_path, home)
    assert again.key() != spec.key() and execute(again, options, quiet).status == "done"


BACKBONE = backbone_source("own")


def test_nor_with_another_backbone(tmp_path: Path, home: Path) -> None:
    local, suite = tmp_path / "ucdver_local.py", tmp_path / "one.toml"
    local.write_text(BACKBONE)
    suite.write_text(SUITE.replace("convnet_s@none", "own@none"))
    registry = load_registry(tmp_path)
    spec = make_plan(load_suite(str(suite), registry), registry, Catalog(registry, home)).runs[0]
    local.write_text(f"{BACKBONE}# an edit\n")
    reset()
    record = execute(spec, WorkerOptions(runs=tmp_path / "runs", home=home, local=tmp_path), quiet)
    assert record.status == "failed"
    assert record.reason == "backbone 'own' changed since the run was planned; run the bench again"


def test_provenance_names_the_code_that_was_loaded_and_not_a_later_edit(tmp_path: Path, home: Path) -> None:
    local = tmp_path / "ucdver_local.py"
    loaded = METHOD + "\n\n" + HOOK.replace("TARGET", "ucdver_local")
    local.write_text(loaded)
    spec = planned(tmp_path, home)
    local.write_text(loaded.replace("SCALE = 1.0", "SCALE = -3.0"))
    options = WorkerOptions(runs=tmp_path / "runs", home=home, local=tmp_path, loop=OFTEN)
    record = execute(spec, options, quiet)
    assert record.status == "done" and min(totals(options.runs, spec)) > 0
    assert record.provenance is not None and record.provenance.method_source_sha256 == sha256(loaded)


def commit(python_path: Path) -> list[str]:
    code = (
        "from pathlib import Path; from ucdver.runs import provenance as p;"
        "assert Path.cwd() in Path(p.__file__).parents, p.__file__;"
        "found = p.collect(p.Registry(), p.torch.device('cpu'), p.now(), '');"
        "print(found.git_commit or '-', found.git_dirty)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=python_path.parent,
        env={**os.environ, "PYTHONPATH": str(python_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_the_commit_is_that_of_ucdver_and_of_no_project_around_it(tmp_path: Path) -> None:
    def git(*arguments: str) -> str:
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        done = subprocess.run(["git", *identity, *arguments], cwd=tmp_path, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    package = tmp_path / "site" / "ucdver"
    shutil.copytree(Path(ucdver.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    git("init", "--quiet")
    (tmp_path / ".gitignore").write_text("site\n__pycache__\n")
    git("add", ".gitignore")
    git("commit", "--quiet", "-m", "a project that uses it")
    (tmp_path / "notes.txt").write_text("not committed")
    assert commit(package.parent) == ["-", "False"]
    (tmp_path / "notes.txt").unlink()
    git("add", "--force", "site/ucdver")
    git("commit", "--quiet", "-m", "its own checkout")
    assert commit(package.parent) == [git("rev-parse", "HEAD"), "False"]
