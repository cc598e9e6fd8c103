"""What must stay light is asked of a fresh process: which modules did it import?"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {"torch", "timm", "torchvision", "sklearn", "pandas"}


def modules_after(code: str, folder: Path) -> set[str]:
    """Return the top-level modules that a fresh process holds after running `code`."""
    report = "; import sys; sys.stderr.write(' '.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code + report], capture_output=True, text=True, check=True, timeout=60, cwd=folder
    )
    return {name.partition(".")[0] for name in done.stderr.split()} | set(done.stderr.split())


def test_the_help_imports_neither_torch_nor_pydantic_nor_any_plugin(tmp_path: Path) -> None:
    found = modules_after("from ucdver.cli.app import main; main(['--help'])", tmp_path)
    assert "ucdver.cli.app" in found
    assert not found & (HEAVY | {"typer", "pydantic", "numpy", "rich", "pluggy", "ucdver.plugins", "ucdver.builtin"})
    assert not found & {"ucdver_emotion", "ucdver_uda"}


@pytest.mark.parametrize(
    "code",
    [
        "import ucdver",
        "import ucdver.spec.run, ucdver.registry, ucdver.plugins, ucdver.hookspecs, ucdver.errors",
        "from ucdver.plugins import load_registry; load_registry()",
        "from ucdver.cli.app import main; main(['list', 'methods'])",
        "from ucdver.cli.app import main; main(['plugins'])",
    ],
)
def test_the_plugin_layer_imports_no_torch(tmp_path: Path, code: str) -> None:
    assert not modules_after(code, tmp_path) & HEAVY
