"""The page on methods names every method, under the setting that it is for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ucdver.plugins import load_registry

PAGE = (Path(__file__).parents[2] / "docs" / "methods.md").read_text(encoding="utf-8")
METHODS = load_registry().methods
SPECIALISTS = [spec for spec in METHODS if spec.target.startswith("ucdver_tgca_pvt.")]
OURS = [*(spec for spec in METHODS if spec.target.startswith(("ucdver.", "ucdver_uda."))), *SPECIALISTS]


@pytest.mark.parametrize("spec", OURS, ids=lambda spec: spec.name)
def test_every_method_is_told_under_its_setting(spec) -> None:  # type: ignore[no-untyped-def]
    title = "Emotion specialists (`uda` and `uc`)" if spec in SPECIALISTS else f"(`{spec.settings[0]}`)"
    section = next(part for part in PAGE.split("\n## ") if title in part.splitlines()[0])
    (row,) = [line for line in section.splitlines() if line.startswith(f"| `{spec.name}` |")]
    surname = re.split(r"[ ,]", spec.paper)[0]
    assert surname in row


def test_specialists_work_in_both_settings_that_their_section_names() -> None:
    assert {spec.settings for spec in SPECIALISTS} == {("uda", "uc")}


def test_no_method_is_told_that_does_not_exist() -> None:
    told = set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE))
    assert told == {spec.name for spec in OURS}
