"""timm's networks: features, local files, the hub when it cannot be reached."""

from __future__ import annotations

from pathlib import Path

import huggingface_hub.constants
import pytest
import timm
import torch
from safetensors.torch import save_file
from transformers import TimmWrapperConfig, TimmWrapperForImageClassification

from ucdver.backbones import timm_family
from ucdver.errors import SpecError, WeightsError


@pytest.mark.parametrize("name", ["resnet10t", "mobilenetv3_small_050"])
@pytest.mark.parametrize("channels", [1, 3])
def test_declared_width_is_the_features_width(name: str, channels: int) -> None:
    backbone = timm_family.build(name, None, channels).eval()
    with torch.no_grad():
        assert backbone(torch.rand(2, channels, 64, 64)).shape == (2, backbone.num_features)


def test_names_hold_networks_with_and_without_a_tag() -> None:
    names = timm_family.names()
    assert {"resnet18", "resnet18.a1_in1k", "vit_base_patch16_224"} <= set(names)


def test_local_weights_give_timms_own_features(tmp_path: Path) -> None:
    """The checkpoint has its classifier, as published ones do; timm's own pre-logits are the reference."""
    torch.manual_seed(0)
    whole = timm.create_model("resnet10t", num_classes=7).eval()
    save_file(whole.state_dict(), tmp_path / "w.safetensors")
    torch.save(whole.state_dict(), tmp_path / "w.pth")
    images = torch.rand(2, 3, 64, 64)
    mean = torch.tensor(whole.pretrained_cfg["mean"]).view(1, 3, 1, 1)
    std = torch.tensor(whole.pretrained_cfg["std"]).view(1, 3, 1, 1)
    with torch.no_grad():
        expected = whole.forward_head(whole.forward_features((images - mean) / std), pre_logits=True)
        for name in ("w.safetensors", "w.pth"):
            backbone = timm_family.build("resnet10t", tmp_path / name, 3).eval()
            torch.testing.assert_close(backbone(images), expected, rtol=1e-5, atol=1e-6)


def test_weights_that_transformers_saved_are_timms(tmp_path: Path) -> None:
    theirs = TimmWrapperForImageClassification(TimmWrapperConfig(architecture="test_resnet", num_labels=5))
    theirs.save_pretrained(tmp_path)
    found = timm_family.build("test_resnet", tmp_path / "model.safetensors", 3).body.state_dict()
    expected = theirs.timm_model.state_dict()
    assert len(found) > 20
    assert all(torch.equal(value, expected[name]) for name, value in found.items())


def test_only_the_classifier_is_left_out(tmp_path: Path) -> None:
    state = timm.create_model("resnet10t", num_classes=7).state_dict()
    save_file(state | {"extra.weight": torch.zeros(1)}, tmp_path / "w.safetensors")
    with pytest.raises(WeightsError, match=r"unexpected 'extra\.weight'$"):
        timm_family.build("resnet10t", tmp_path / "w.safetensors", 3)
    with pytest.raises(WeightsError, match="does not fit the network"):
        timm_family.build("resnet18", tmp_path / "w.safetensors", 3)


def test_a_network_of_one_size_refuses_others() -> None:
    backbone = timm_family.build("vit_tiny_patch16_224", None, 3)
    with pytest.raises(SpecError, match=r"takes 224x224 pictures, not 64x64.*set size = 224"):
        backbone(torch.rand(1, 3, 64, 64))


def test_without_a_network_the_hub_error_says_what_to_type(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(WeightsError) as caught:
        timm_family.locate("resnet18", "hub")
    assert "resnet18@/path/model.safetensors" in caught.value.hint
    assert "timm/resnet18" in caught.value.hint and "\n" not in str(caught.value)


def test_a_network_without_published_weights_has_none_on_the_hub() -> None:
    name = next(
        n for n in timm.list_models() if timm.get_pretrained_cfg(n) is None or not timm.get_pretrained_cfg(n).hf_hub_id
    )
    with pytest.raises(WeightsError, match="the hub has no weights"):
        timm_family.locate(name, "hub")


def test_a_network_with_weights_of_five_axes_is_built_too() -> None:
    body = timm_family.build("lambda_resnet26t", None, 3).body
    axes = {weight.dim(): weight for weight in body.parameters()}
    assert 5 in axes and axes[4].is_contiguous(memory_format=torch.channels_last)
