"""From `name@weights` to a network, and every way in which that can be wrong."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from ucdver.backbones import convnet
from ucdver.backbones.build import build_backbone, check_backbone, weights_path, weights_sha256
from ucdver.backbones.specs import BACKBONES
from ucdver.errors import PluginError, WeightsError
from ucdver.registry import Registry
from ucdver.spec.plugin import BackboneSpec
from ucdver.spec.recipe import ImageRecipe, Recipe


def registry_of(*specs: BackboneSpec) -> Registry:
    registry = Registry()
    for spec in specs:
        registry.backbones.add(spec.name, spec, "tests")
    return registry


@pytest.fixture(scope="module")
def registry() -> Registry:
    return registry_of(*BACKBONES)


def test_specs_import_no_torch() -> None:
    script = "import sys, ucdver.backbones.specs; print('torch' in sys.modules or 'timm' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("name", [spec.name for spec in BACKBONES if not spec.family] + ["resnet10t"])
def test_every_backbone_builds_from_scratch(registry: Registry, name: str) -> None:
    recipe = Recipe(backbone=f"{name}@none", image=ImageRecipe(size=28))
    check_backbone(registry, recipe.backbone)
    backbone = build_backbone(registry, recipe).eval()
    with torch.no_grad():
        assert backbone(torch.rand(1, 3, 28, 28)).shape == (1, backbone.num_features)
    assert weights_path(registry, recipe) is None and weights_sha256(registry, recipe) == ""


def test_weights_of_a_path_are_loaded_and_hashed(registry: Registry, tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    first = convnet.build("convnet_s", None, 1)
    save_file(first.body.state_dict(), path)
    recipe = Recipe(backbone=f"convnet_s@{path}", image=ImageRecipe(channels=1))
    second = build_backbone(registry, recipe)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    assert weights_path(registry, recipe) == path
    assert weights_sha256(registry, recipe) == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_folder_stands_for_the_safetensors_in_it(registry: Registry, tmp_path: Path) -> None:
    recipe = Recipe(backbone=f"convnet_s@{tmp_path}")
    with pytest.raises(WeightsError, match=rf"no weights at '{tmp_path}/model\.safetensors'"):
        check_backbone(registry, recipe.backbone)
    saved = build_backbone(registry, Recipe(backbone="convnet_s@none"))
    save_file(saved.body.state_dict(), tmp_path / "model.safetensors")
    found = build_backbone(registry, recipe)
    assert all(torch.equal(value, found.body.state_dict()[name]) for name, value in saved.body.state_dict().items())
    digest = hashlib.sha256((tmp_path / "model.safetensors").read_bytes()).hexdigest()
    assert weights_sha256(registry, recipe) == digest


@pytest.mark.parametrize(("name", "near"), [("convnte", "convnet"), ("resnet118", "resnet18")])
def test_an_unknown_name_brings_the_nearest(registry: Registry, name: str, near: str) -> None:
    with pytest.raises(PluginError, match=f"no backbone '{name}'; did you mean '{near}'") as caught:
        check_backbone(registry, f"{name}@none")
    assert "ucdver list backbones" in caught.value.hint


@pytest.mark.parametrize("call", [build_backbone, weights_path, weights_sha256])
def test_a_path_that_is_not_there_is_refused(registry: Registry, call: object) -> None:
    with pytest.raises(WeightsError, match=r"there are no weights at '/nowhere/w\.pth'"):
        check_backbone(registry, "convnet@/nowhere/w.pth")
    with pytest.raises(WeightsError, match="there are no weights at"):
        call(registry, Recipe(backbone="convnet@/nowhere/w.pth"))  # type: ignore[operator]


@pytest.mark.parametrize("text", ["convnet@hub", "convnet@package", "resnet18@package"])
def test_a_source_that_a_backbone_does_not_offer_is_refused(registry: Registry, text: str) -> None:
    name = text.partition("@")[0]
    with pytest.raises(WeightsError, match=f"write one of: {name}@none, {name}@/path/file"):
        check_backbone(registry, text)


def test_an_exact_name_goes_before_a_family() -> None:
    mine = BackboneSpec(name="resnet18", target="ucdver.backbones.convnet:missing", weights=("none",), summary="mine")
    with pytest.raises(PluginError, match="has no 'missing'"):
        build_backbone(registry_of(*BACKBONES, mine), Recipe(backbone="resnet18@none"))


def test_a_factory_must_return_a_backbone() -> None:
    wrong = BackboneSpec(
        name="wrong", target="ucdver.backbones.convnet:ConvNet", weights=("none",), summary="no backbone"
    )
    odd = wrong.model_copy(update={"target": "builtins:slice"})
    with pytest.raises(PluginError, match="built a slice, which is not a Backbone"):
        build_backbone(registry_of(odd), Recipe(backbone="wrong@none"))


def test_checking_the_hub_fetches_nothing(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    from ucdver.backbones import timm_family

    monkeypatch.setattr(timm_family, "hf_hub_download", None)
    check_backbone(registry, "resnet18@hub")


@pytest.mark.parametrize(
    ("names", "says"),
    [
        ("operator:truth", "backbone family 'faulty' raised TypeError"),
        ("nowhere_at_all:names", "backbone family 'faulty' cannot be loaded from 'nowhere_at_all:names'"),
        ("math:pi", "'math:pi' is a float, not something to call"),
    ],
)
def test_a_family_that_fails_hides_no_other(names: str, says: str) -> None:
    words = {"target": "ucdver.backbones.timm_family:build", "weights": ("none",), "summary": "x", "family": True}
    faulty = BackboneSpec.model_validate({"name": "faulty", "names": names, **words})
    both = registry_of(faulty, *BACKBONES)
    check_backbone(both, "resnet10t@none")
    with pytest.raises(PluginError, match="there is no backbone 'resnet118'; did you mean 'resnet18'") as caught:
        check_backbone(both, "resnet118@none")
    assert says in caught.value.hint
