"""CLIP's image encoder: pictures in [0, 1] to embeddings, with CLIP's own size, mean and deviation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

#: Channels of a picture that CLIP reads.
CHANNELS = 3


class ImageTower(nn.Module):
    """Prepares pictures as CLIP does and embeds them.

    Pictures of another size are resized bicubically with antialiasing, which is how CLIP's own preprocessing brings
    them to its size; how they were made square is the recipe's `fit`. Grey pictures are repeated in three channels.

    Args:
        body: transformers' vision model.
        projection: from its width to that of the shared embedding.
        mean: per-channel mean in units of [0, 1], as the model's image processor has it.
        std: per-channel standard deviation in the same units.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, body: Any, projection: nn.Module, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.body = body
        self.projection = projection
        self.size = int(body.config.image_size)
        self.depth = int(body.config.num_hidden_layers)
        self.hidden = int(body.config.hidden_size)
        self.width = int(projection.out_features)  # type: ignore[arg-type]
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1), persistent=False)

    def prepare(self, images: Tensor) -> Tensor:
        """Return normalised [B, 3, size, size] of pictures [B, 1 or 3, H, W] in [0, 1]."""
        if images.shape[-2:] != (self.size, self.size):
            # Bicubic weights overshoot; a picture has no value outside [0, 1].
            images = F.interpolate(images, (self.size, self.size), mode="bicubic", antialias=True).clamp(0, 1)
        return (images.expand(-1, CHANNELS, -1, -1) - self.mean) / self.std

    def forward(self, images: Tensor) -> Tensor:
        """Return embeddings of length one, [B, width], of pictures [B, 1 or 3, H, W] in [0, 1]."""
        found = self.body(pixel_values=self.prepare(images))
        return F.normalize(self.projection(found.pooler_output).float(), dim=1)

    def layers(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the embeddings, and the tokens after each layer, [B, depth, tokens, hidden]."""
        found = self.body(pixel_values=self.prepare(images), output_hidden_states=True)
        embeddings = F.normalize(self.projection(found.pooler_output).float(), dim=1)
        return embeddings, torch.stack(tuple(found.hidden_states)[1:], dim=1).float()
