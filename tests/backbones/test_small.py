"""The networks that need no weights: shapes, normalisation, gradients, sizes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from ucdver.backbones import convnet, lenet
from ucdver.backbones.base import Backbone
from ucdver.errors import SpecError, WeightsError

WIDTHS = {"convnet": 256, "convnet_s": 128, "lenet": 500, "digits_cnn": 128}


def made(name: str, weights: Path | None = None, channels: int = 3) -> Backbone:
    torch.manual_seed(0)
    build = convnet.build if name.startswith("convnet") else lenet.build
    return build(name, weights, channels)


@pytest.mark.parametrize("name", WIDTHS)
@pytest.mark.parametrize("channels", [1, 3])
def test_features_and_gradients(name: str, channels: int) -> None:
    backbone = made(name, channels=channels).train()
    features = backbone(torch.rand(4, channels, 28, 28))
    assert features.shape == (4, backbone.num_features) == (4, WIDTHS[name])
    features.square().sum().backward()
    for parameter_name, parameter in backbone.named_parameters():
        assert parameter.grad is not None and torch.isfinite(parameter.grad).all(), parameter_name


@pytest.mark.parametrize("name", WIDTHS)
def test_a_picture_is_read_the_same_in_any_batch(name: str) -> None:
    backbone = made(name).eval()
    images = torch.rand(5, 3, 28, 28)
    with torch.no_grad():
        torch.testing.assert_close(backbone(images)[2:3], backbone(images[2:3]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("size", [48, 64, 96])
def test_convnet_takes_any_size(size: int) -> None:
    with torch.no_grad():
        assert made("convnet_s").eval()(torch.rand(2, 3, size, size)).shape == (2, 128)


@pytest.mark.parametrize("name", ["lenet", "digits_cnn"])
def test_digit_networks_refuse_other_sizes(name: str) -> None:
    with pytest.raises(SpecError, match=r"takes 28x28 pictures, not 32x28.*set size = 28"):
        made(name)(torch.rand(2, 3, 32, 28))


def test_lenet_is_the_published_network() -> None:
    layers = made("lenet", channels=1).get_submodule("body.layers")
    kinds = [type(layer) for layer in layers.children()]
    assert kinds == [
        nn.Conv2d,
        nn.MaxPool2d,
        nn.ReLU,
        nn.Conv2d,
        nn.Dropout2d,
        nn.MaxPool2d,
        nn.ReLU,
        nn.Flatten,
        nn.Linear,
        nn.ReLU,
        nn.Dropout,
    ]
    shapes = [tuple(p.shape) for p in layers.parameters() if p.ndim > 1]
    assert shapes == [(20, 1, 5, 5), (50, 20, 5, 5), (500, 800)]


def test_convnet_is_five_layers_and_leaves_weights_as_files_want_them(tmp_path: Path) -> None:
    backbone = made("convnet")
    convs = [m for m in backbone.modules() if isinstance(m, nn.Conv2d)]
    assert [m.out_channels for m in convs] == [32, 64, 128, 128, 256]
    backbone(torch.rand(2, 3, 48, 48)).sum().backward()
    save_file(backbone.state_dict(), tmp_path / "whole.safetensors")


@pytest.mark.parametrize("name", WIDTHS)
def test_weights_from_a_file(name: str, tmp_path: Path) -> None:
    first = made(name)
    path = tmp_path / "body.safetensors"
    save_file(first.body.state_dict(), path)
    torch.manual_seed(1)
    build = convnet.build if name.startswith("convnet") else lenet.build
    second = build(name, path, 3)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    with pytest.raises(WeightsError, match="does not fit the network"):
        build(name, path, 1)
