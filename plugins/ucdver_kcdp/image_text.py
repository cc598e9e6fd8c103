"""A small image-text model, which is the vision-language model of `kcdp_small`; its image encoder is a backbone too."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ucdver import Backbone, WeightsError, efficientnet_lite0
from ucdver_kcdp.projections import LENGTH, WIDTH, load_projections, weights_file
from ucdver_kcdp.text_embedding import MiniLMText, minilm_folder


class ImageText:
    """Embeds pictures and texts into one space, where the cosine tells how well they fit.

    Args:
        device: where it computes.

    Raises:
        WeightsError: a package with the encoders' weights is absent, or holds others than the projections go with.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._encoder = efficientnet_lite0().to(device).eval()
        self._projections = load_projections(weights_file()).to(device)
        self._text = MiniLMText(minilm_folder(""), device, LENGTH)

    @torch.no_grad()
    def pictures(self, images: Tensor) -> Tensor:
        """Return unit vectors [B, 128] of images [B, 3, H, W] in [0, 1]."""
        features: Tensor = self._encoder(images.to(self._device))
        return self._projections.embed_pictures(features)

    @torch.no_grad()
    def texts(self, texts: Sequence[str]) -> Tensor:
        """Return unit vectors [n, 128] of texts, label prompts for instance."""
        tokens, mask = self._text.encode(texts)
        return self._projections.embed_texts(tokens.sum(1) / mask.sum(1, keepdim=True))


class _Encoder(nn.Module):
    """EfficientNet-Lite0 and the projection, as the body of a backbone."""

    def __init__(self, body: nn.Module, projection: nn.Module) -> None:
        super().__init__()
        self.body = body
        self.projection = projection

    def forward(self, images: Tensor) -> Tensor:
        """Return [B, 128], of unit variance rather than unit norm, as what follows expects of features."""
        projected: Tensor = self.projection(self.body(images))
        features: Tensor = F.normalize(projected, dim=1) * WIDTH**0.5
        return features


def build(name: str, weights: Path | None, channels: int) -> Backbone:
    """Return the image encoder as a backbone of 128 features, for three channels."""
    if weights is None or channels != 3:
        raise WeightsError(f"backbone '{name}' reads three channels, with its own weights", f"write {name}@package")
    encoder = efficientnet_lite0()
    # Frozen where it serves as a model; a backbone learns.
    body = _Encoder(encoder.body, load_projections(weights).image.requires_grad_(True))
    return Backbone(body, WIDTH, encoder.mean.flatten().tolist(), encoder.std.flatten().tolist())


def locate(name: str, source: str) -> Path:
    """Return the file of the projections, which ships with this package."""
    return weights_file()
