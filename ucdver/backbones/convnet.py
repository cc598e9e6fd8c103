"""Small convolutional networks made for 48 to 96 pixels and one CPU thread."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from ucdver.backbones.base import Backbone
from ucdver.backbones.weights import load_weights

#: Widths of the five layers; a training step on 64 pictures of 64 pixels takes 55 and 20 ms on one core.
WIDTHS = {"convnet": (32, 64, 128, 128, 256), "convnet_s": (16, 32, 64, 64, 128)}


class ConvNet(nn.Module):
    """Five 3x3 conv-BN-ReLU layers, the first four with stride 2, and global average pooling.

    Strides instead of pooling: the same depth and widths with pooling cost four to six times as much on a
    CPU.
    """

    def __init__(self, channels: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for number, width in enumerate(widths, start=1):
            stride = 2 if number < len(widths) else 1
            layers += [
                nn.Conv2d(channels, width, 3, stride=stride, padding=1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(inplace=True),
            ]
            channels = width
        self.layers = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())

    def forward(self, images: Tensor) -> Tensor:
        """Return features [B, widths[-1]] of normalised images [B, C, H, W]."""
        # Channels last is the faster layout for these shapes on a CPU; the weights keep the usual one.
        features: Tensor = self.layers(images.contiguous(memory_format=torch.channels_last))
        return features

    def forward_features(self, images: Tensor) -> Tensor:
        """Return the maps [B, widths[-1], H', W'] that `forward` pools, a sixteenth of the sides, rounded up."""
        maps = images.contiguous(memory_format=torch.channels_last)
        for layer in list(self.layers)[:-2]:
            maps = layer(maps)
        return maps


def build(name: str, weights: Path | None, channels: int) -> Backbone:
    """Return `convnet` or `convnet_s`; weights that do not fit are a WeightsError."""
    widths = WIDTHS[name]
    body = ConvNet(channels, widths)
    if weights is not None:
        load_weights(body, weights)
    return Backbone(body, widths[-1], mean=(0.5,) * channels, std=(0.5,) * channels)
