"""The contract of a backbone: images in [0, 1] to one feature vector an image."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ucdver.backbones.depthwise import replace_depthwise


class Backbone(nn.Module):
    """A feature extractor that normalises its own input, so that no caller can normalise it wrongly.

    Args:
        body: maps normalised images [B, C, H, W] to features [B, num_features].
        num_features: width of the features.
        mean: per-channel mean in units of [0, 1].
        std: per-channel standard deviation in the same units.
        channels_last: whether weights and images are laid out with channels last, which changes rounding and no more,
            and which depthwise convolutions are much faster with; these become `DepthwiseConv2d`.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        body: nn.Module,
        num_features: int,
        mean: Sequence[float],
        std: Sequence[float],
        *,
        channels_last: bool = False,
    ) -> None:
        super().__init__()
        self.layout = torch.channels_last if channels_last else torch.contiguous_format
        self.body = body
        if channels_last:
            _lay_out(body)
            replace_depthwise(body)
        self.num_features = num_features
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Return features [B, num_features] of images [B, C, H, W] in [0, 1]."""
        normalised = (images - self.mean) / self.std
        features: Tensor = self.body(normalised.contiguous(memory_format=self.layout))
        return features


class PrecomputedFeatures(Backbone):
    """Stands where a frozen backbone was: its input already is that backbone's features [B, num_features]."""

    def __init__(self, num_features: int) -> None:
        super().__init__(nn.Identity(), num_features, mean=(0.0,), std=(1.0,))

    def forward(self, images: Tensor) -> Tensor:
        """Return the features as they are."""
        return images


@torch.no_grad()
def _lay_out(body: nn.Module) -> None:
    """Lay the weights of two-dimensional convolutions out with channels last, and leave all others as they are.

    `Module.to` refuses a network that has weights of five axes as well.
    """
    for parameter in body.parameters():
        if parameter.dim() == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
