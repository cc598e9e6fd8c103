"""A plugin by somebody else: one wheel with one method and one metric, installed beside ucdver, and benched."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "acme-uda"
version = "3.1"
dependencies = ["ucdver"]

[project.entry-points.ucdver]
acme = "acme_uda"

[tool.hatch.build.targets.wheel]
include = ["acme_uda.py", "acme_method.py"]
"""

PLUGIN = """
import ucdver


@ucdver.hookimpl
def ucdver_methods():
    return [
        ucdver.MethodSpec(
            name="acme", version="1", target="acme_method:Acme", settings=("uda",), summary="acme's own method"
        )
    ]


@ucdver.hookimpl
def ucdver_metrics():
    return [
        ucdver.MetricSpec(
            name="acme_recall", target="acme_uda:recall", higher_is_better=True, summary="recall of class 0"
        )
    ]


def recall(y_true, probabilities, space):
    first = y_true == 0
    return float((probabilities.argmax(1)[first] == 0).mean())
"""

METHOD = """
from torch.nn import functional as F

import ucdver


class Acme(ucdver.Method):
    def step(self, batch, progress):
        features = self.forward_features(ucdver.both_images(batch))
        count = len(batch.sources.labels)
        gap = (features[:count].mean(0) - features[count:].mean(0)).square().sum()
        return {"total": F.cross_entropy(self.classify(features[:count]), batch.sources.labels) + 0.1 * gap}
"""

SUITE = """
name = "third"
methods = ["source_only", "acme"]
metric = "acme_recall"
seeds = 1
steps = 4

[recipe]
batch_size = 8
image = { size = 16 }

[[task]]
id = "filled-outline"
sources = ["toy:filled"]
targets = ["toy:outline"]
label_space = "toy3"
"""

RUN = "import sys; from ucdver.cli.app import main; sys.exit(main())"


class Environment:
    """A fresh virtual environment with the wheel in it, which also sees the packages of this one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        venv.create(folder / "env", with_pip=False, symlinks=os.name != "nt")
        bin_folder = "Scripts" if os.name == "nt" else "bin"
        self.python = folder / "env" / bin_folder / "python"
        paths = sysconfig.get_paths(vars={"base": str(folder / "env"), "platbase": str(folder / "env")})
        # addsitedir reads the .pth files of the other environment too, among them that of an editable install.
        line = f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n"
        (Path(paths["purelib"]) / "beside.pth").write_text(line)

    def install(self, installer: list[str], wheel: Path) -> None:
        command = [word.replace("PYTHON", str(self.python)) for word in installer]
        subprocess.run([*command, "--no-deps", "--no-index", str(wheel)], check=True, timeout=120)

    def ucdver(self, *args: str) -> str:
        environment = {**os.environ, "UCDVER_HOME": str(self.folder / "home"), "OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            [str(self.python), "-c", RUN, *args],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


def find_installer() -> list[str] | None:
    """Return the command that installs into the interpreter PYTHON, by what this machine has."""
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip", "--python", "PYTHON", "install", "--quiet"]
    uv = shutil.which("uv")
    return [uv, "pip", "install", "--offline", "--quiet", "--python", "PYTHON"] if uv else None


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    for tool in ("build", "hatchling"):
        if importlib.util.find_spec(tool) is None:
            pytest.skip(f"the package '{tool}' is not installed in this environment")
    installer = find_installer()
    if installer is None:
        pytest.skip("there is neither pip in this environment nor uv on PATH")
    folder = tmp_path_factory.mktemp("third")
    source = folder / "source"
    source.mkdir()
    for name, text in (("pyproject.toml", PROJECT), ("acme_uda.py", PLUGIN), ("acme_method.py", METHOD)):
        (source / name).write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--skip-dependency-check"]
    subprocess.run([*command, "--outdir", "dist"], cwd=source, check=True, capture_output=True, timeout=120)
    (wheel,) = (source / "dist").glob("*.whl")
    environment = Environment(folder)
    environment.install(installer, wheel)
    return environment


def test_the_plugin_is_there_under_its_distribution(environment: Environment) -> None:
    told = json.loads(environment.ucdver("plugins", "--json"))
    assert {
        "name": "acme",
        "distribution": "acme-uda",
        "version": "3.1",
        "hooks": ["ucdver_methods", "ucdver_metrics"],
    } in told["plugins"]
    assert told["broken"] == []
    methods = {m["name"]: m for m in json.loads(environment.ucdver("list", "methods", "--json"))}
    assert methods["acme"]["distribution"] == "acme-uda"
    assert methods["source_only"]["distribution"] == "ucdver"


def test_its_method_and_metric_are_benched(environment: Environment) -> None:
    (environment.folder / "third.toml").write_text(SUITE)
    environment.ucdver("bench", "third.toml", "--runs", "runs", "-j", "1")
    text = environment.ucdver("leaderboard", "--runs", "runs", "--format", "csv")
    rows = {row["method"]: row for row in csv.DictReader(io.StringIO(text))}
    assert set(rows) == {"source_only", "acme"}
    for row in rows.values():
        assert (row["metric"], row["status"]) == ("acme_recall", "done")
        assert 0 <= float(row["mean"]) <= 1
