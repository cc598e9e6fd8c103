"""`ucdver data gap` as a user types it, on generated shapes and on drawn faces."""

from __future__ import annotations

import json
from pathlib import Path

from PIL import Image
from support.small_suite import SUITE

from .conftest import Ucdver

SMALL = ("--backbone", "convnet_s@none", "--size", "24")


def test_a_task_of_an_installed_suite_is_measured(ucdver: Ucdver) -> None:
    done = ucdver("data", "gap", "filled_to_outline", *SMALL, "-o", "gap.png")
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert lines[0].split()[:2] == ["MEASURE", "VALUE"]
    assert len(lines) == 8
    assert "reads target labels; nothing of it reaches training" in done.err
    with Image.open("gap.png") as figure:
        assert figure.format == "PNG"
    picture = Path("gap.png").read_bytes()
    assert ucdver("data", "gap", "filled_to_outline", *SMALL, "-o", "gap.png").out == done.out
    assert Path("gap.png").read_bytes() == picture


def test_json_holds_every_measure_of_every_target(ucdver: Ucdver) -> None:
    text = SUITE.replace('targets = ["toy:outline"]', 'targets = ["toy:outline", "toy:unrelated"]')
    Path("small.toml").write_text(text)
    done = ucdver("data", "gap", "one", "--suite", "small.toml", *SMALL, "--json")
    assert done.code == 0, done.err
    read = json.loads(done.out)
    assert read["reads_target_labels"] is True
    assert [gap["target"] for gap in read["gaps"]] == ["toy:outline", "toy:unrelated"]
    first = read["gaps"][0]
    assert sum(first["source_counts"]) == 60
    # The shapes come by turns, so that the priors are the same.
    assert first["priors"]["total_variation"]["value"] == 0
    assert first["a_distance"]["mean"] > 1
    assert first["mmd"]["p_value"] < 0.05


def test_mistakes_are_told_before_anything_is_done(ucdver: Ucdver) -> None:
    wrong = ucdver("data", "gap", "filled_to_outlin", *SMALL)
    assert (wrong.code, "did you mean 'filled_to_outline'?" in wrong.err) == (2, True)
    assert "is not called so" in ucdver("data", "gap", "filled_to_outline", *SMALL, "-o", "gap.jpg").err
    assert (
        "there is no backbone 'convent'" in ucdver("data", "gap", "filled_to_outline", "--backbone", "convent@none").err
    )
