"""What the plugin registers, that its page tells it, and that heavy libraries wait until they are used."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from ucdver.plugins import load_registry
from ucdver_kcdp.config import KCDPConfig

PAGE = (Path(__file__).parents[2] / "docs" / "kcdp.md").read_text(encoding="utf-8")


def test_every_option_and_annotator_is_told() -> None:
    rows = [line.split("|")[1] for line in PAGE.splitlines() if line.startswith("| `")]
    told = {name for cell in rows for name in re.findall(r"`(\w+)`", cell)}
    assert told >= set(KCDPConfig.model_fields)
    for spec in load_registry().annotators:
        if spec.name.startswith("kcdp_"):
            assert f"`{spec.name}`" in PAGE


@pytest.mark.parametrize("module", ["ucdver_kcdp", "ucdver_kcdp.method", "ucdver_kcdp.captions", "ucdver_kcdp.triples"])
def test_importing_a_class_imports_no_heavy_library(module: str) -> None:
    code = f"import {module}, sys; print(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert not {"diffusers", "transformers", "peft", "accelerate", "spacy"} & set(done.stdout.split())


def test_the_cost_is_shown_by_the_command_and_refused_where_nothing_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    from ucdver.cli.app import main

    assert main(["show", "method", "kcdp", "--cost"]) == 0
    assert "859520964" in capsys.readouterr().out
    assert main(["show", "method", "source_only", "--cost"]) == 2
    assert "tells no cost in advance" in capsys.readouterr().err
