"""The two digit networks that published adaptation numbers were made with; both take 28x28 pictures."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

from ucdver.backbones.base import Backbone
from ucdver.backbones.weights import load_weights
from ucdver.errors import SpecError

SIDE = 28


class DigitBody(nn.Module):
    """A network for 28x28 pictures; another size is a SpecError and not an error of shapes deep inside."""

    def __init__(self, name: str, layers: nn.Sequential) -> None:
        super().__init__()
        self.name = name
        self.layers = layers

    def forward(self, images: Tensor) -> Tensor:
        """Return features [B, D] of normalised images [B, C, 28, 28]."""
        if images.shape[-2:] != (SIDE, SIDE):
            height, width = images.shape[-2:]
            raise SpecError(
                f"backbone '{self.name}' takes {SIDE}x{SIDE} pictures, not {height}x{width}",
                f"set size = {SIDE} in [recipe.image]",
            )
        features: Tensor = self.layers(images)
        return features


def _lenet(channels: int) -> nn.Sequential:
    """TLlib's LeNet; the last dropout stands where that code has it, before the head."""
    return nn.Sequential(
        nn.Conv2d(channels, 20, 5),
        nn.MaxPool2d(2),
        nn.ReLU(inplace=True),
        nn.Conv2d(20, 50, 5),
        nn.Dropout2d(0.5),
        nn.MaxPool2d(2),
        nn.ReLU(inplace=True),
        nn.Flatten(),
        nn.Linear(800, 500),
        nn.ReLU(inplace=True),
        nn.Dropout(0.5),
    )


def _digits_cnn(channels: int) -> nn.Sequential:
    """skada-bench's network: two 3x3 convolutions, 32 and 64 wide, one pooling, a layer of 128."""
    return nn.Sequential(
        nn.Conv2d(channels, 32, 3),
        nn.ReLU(inplace=True),
        nn.Conv2d(32, 64, 3),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(9216, 128),
        nn.ReLU(inplace=True),
    )


def build(name: str, weights: Path | None, channels: int) -> Backbone:
    """Return `lenet` (500 features) or `digits_cnn` (128); weights that do not fit are a WeightsError.

    `lenet` has dropout where its publication has it, so the head needs none of its own.
    """
    layers, width = (_lenet(channels), 500) if name == "lenet" else (_digits_cnn(channels), 128)
    body = DigitBody(name, layers)
    if weights is not None:
        load_weights(body, weights)
    return Backbone(body, width, mean=(0.5,) * channels, std=(0.5,) * channels)
