"""A method that is undefined for a task says so in the plan, with the reason."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.small_suite import SUITE

from ucdver.data.catalog import Catalog
from ucdver.plugins import load_registry
from ucdver.runs.plan import make_plan
from ucdver.spec.suite_file import load_suite
from ucdver.testing.contract import ToyBench
from ucdver_uda.applicable import needs_transformer


def planned(tmp_path: Path, method: str, text: str) -> tuple[str, str]:
    """Return the status and the reason of the first cell."""
    (tmp_path / "small.toml").write_text(text.replace('"source_only", "target_only"', f'"{method}"'))
    registry = load_registry()
    suite = load_suite(str(tmp_path / "small.toml"), registry)
    entry = make_plan(suite, registry, Catalog(registry, tmp_path / "home")).remembered.entries[0]
    return entry.status, entry.reason


UC = SUITE.replace('name = "small"', 'name = "small"\nprotocol = "uc"')
TWO = UC.replace('["toy:filled"]', '["toy:filled", "toy:unrelated"]')
FROZEN = 'backbone = "convnet_s@none"\nfrozen = true'


@pytest.mark.parametrize("method", ["coral_dg", "group_dro"])
def test_a_comparison_of_sources_needs_two(tmp_path: Path, method: str) -> None:
    assert planned(tmp_path, method, UC) == (
        "not_applicable",
        f"{method} compares source domains, and this task has one",
    )
    assert planned(tmp_path, method, TWO) == ("planned", "")


@pytest.mark.parametrize("method", ["fixmatch", "adamatch", "mean_teacher", "ssrt"])
def test_a_frozen_backbone_hands_over_no_pictures(tmp_path: Path, method: str) -> None:
    status, reason = planned(tmp_path, method, SUITE.replace('backbone = "convnet_s@none"', FROZEN))
    assert status == "not_applicable" and "a frozen backbone hands over features" in reason


@pytest.mark.parametrize(("bottleneck", "fits"), [(0, False), (8, True)])
def test_tent_needs_a_normalisation_layer_beside_a_frozen_backbone(tmp_path: Path, bottleneck: int, fits: bool) -> None:
    text = SUITE.replace('name = "small"', 'name = "small"\nprotocol = "sfda"')
    text = re.sub(r"bottleneck = \d+", f"bottleneck = {bottleneck}", text)
    assert f"bottleneck = {bottleneck}" in text
    status, reason = planned(tmp_path, "tent", text.replace('backbone = "convnet_s@none"', FROZEN))
    assert (status == "planned") is fits and ("a linear head on frozen features has none" in reason) is not fits


@pytest.mark.parametrize(
    ("method", "protocol"), [("mcd", "uda"), ("adda", "uda"), ("shot", "sfda"), ("shot_im", "sfda")]
)
@pytest.mark.parametrize(("bottleneck", "fits"), [(0, False), (8, True)])
def test_what_moves_features_needs_some_that_move(
    tmp_path: Path, method: str, protocol: str, bottleneck: int, fits: bool
) -> None:
    text = SUITE.replace('name = "small"', f'name = "small"\nprotocol = "{protocol}"')
    text = re.sub(r"bottleneck = \d+", f"bottleneck = {bottleneck}", text)
    status, reason = planned(tmp_path, method, text.replace('backbone = "convnet_s@none"', FROZEN))
    assert (status == "planned") is fits and ("has none of its own" in reason) is not fits


@pytest.mark.parametrize(
    ("backbone", "fits"),
    [("convnet_s", False), ("resnet18", False), ("vit_tiny_patch16_224", True), ("deit_tiny_patch16_224", True),
     ("vit_tiny_patch16_224.augreg_in21k", True), ("swin_tiny_patch4_window7_224", False)],
)  # fmt: skip
def test_patch_tokens_are_those_of_timms_vision_transformers(tmp_path: Path, backbone: str, fits: bool) -> None:
    (tmp_path / "small.toml").write_text(SUITE.replace("convnet_s@none", f"{backbone}@none"))
    suite = load_suite(str(tmp_path / "small.toml"), load_registry())
    reason = needs_transformer(suite.tasks[0], suite.recipe)
    assert (reason == "") == fits
    assert fits or reason == f"works on the patch tokens of timm's vision transformers, and '{backbone}' is none"


def test_the_contract_finds_a_task_that_a_method_is_defined_for(tmp_path: Path) -> None:
    plain = ToyBench(tmp_path / "a", "dan", "uda").suite
    assert len(plain.tasks[0].sources) == 1 and plain.recipe.backbone == "convnet_s@none"
    assert len(ToyBench(tmp_path / "b", "coral_dg", "uc").suite.tasks[0].sources) == 2
    assert ToyBench(tmp_path / "c", "ssrt", "uda").suite.recipe.backbone == "test_vit@none"
    with pytest.raises(AssertionError, match="target_only is not defined for the setting 'sfda'"):
        ToyBench(tmp_path / "d", "target_only", "sfda")
