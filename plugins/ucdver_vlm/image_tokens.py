"""Prompt tokens made of what each layer of CLIP's image encoder sees: its style and its content."""

from __future__ import annotations

import torch
from torch import Tensor, nn

#: Under the root of the deviation, as in the published code (https://github.com/mainaksingha01/AD-CLIP).
EPSILON = 2.3e-8


def layer_style(layers: Tensor) -> Tensor:
    """Return what stands for the style of each layer, [B, L, W], of tokens [B, L, T, W]: (mean + deviation) / 2.

    Both run over the tokens. The paper calls the pair of them the style; the published code averages the two before it
    projects them, so that a projector reads W numbers.
    """
    deviation = (layers.var(2, correction=0) + EPSILON / layers.shape[2]).sqrt()
    return (layers.mean(2) + deviation) / 2


def layer_content(layers: Tensor) -> Tensor:
    """Return the mean token of each layer, [B, L, W], of tokens [B, L, T, W]."""
    return layers.mean(2)


class StyleTokens(nn.Module):
    """One prompt token for each layer, by a small network of the layer's own.

    Args:
        depth: layers of the image encoder.
        inputs: width of its tokens.
        hidden: width between.
        outputs: width of the text encoder's tokens.
        relu: whether there is a ReLU between.
    """

    def __init__(self, depth: int, inputs: int, hidden: int, outputs: int, relu: bool) -> None:
        super().__init__()
        middle: list[nn.Module] = [nn.ReLU()] if relu else []
        self.layers = nn.ModuleList(
            nn.Sequential(nn.Linear(inputs, hidden), *middle, nn.Linear(hidden, outputs)) for _ in range(depth)
        )

    def forward(self, style: Tensor) -> Tensor:
        """Return tokens [B, L, outputs] of styles [B, L, inputs]."""
        return torch.stack([layer(style[:, i]) for i, layer in enumerate(self.layers)], dim=1)


class ContentTokens(nn.Module):
    """A few prompt tokens, each a mixture of the projected contents of all layers.

    Args:
        depth: layers of the image encoder.
        inputs: width of its tokens.
        outputs: width of the text encoder's tokens.
        count: how many tokens. In the published code they share one mixture, so that all are the same; here each
            has its own.
    """

    def __init__(self, depth: int, inputs: int, outputs: int, count: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(inputs, outputs) for _ in range(depth))
        self.mixture = nn.Linear(depth, count)

    def forward(self, content: Tensor) -> Tensor:
        """Return tokens [B, count, outputs] of contents [B, L, inputs]."""
        projected = torch.stack([layer(content[:, i]) for i, layer in enumerate(self.layers)], dim=2)
        mixed: Tensor = self.mixture(projected)
        return mixed.transpose(1, 2)
