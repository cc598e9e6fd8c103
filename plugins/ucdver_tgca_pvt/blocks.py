"""The blocks of a pyramid vision transformer, v1 or v2, with room for a class token before the tokens of the map."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from timm.layers.drop import DropPath
from torch import Tensor, nn
from torch.nn import functional as F

from ucdver_tgca_pvt.recompute import in_pieces

#: Of the norms before attention and MLP and of the last one; the others have torch's 1e-5 (whai362/PVT).
EPS = 1e-6
#: Of new parameters, cut off at two deviations' distance as timm's (whai362/PVT).
STD = 0.02


class Attention(nn.Module):
    """Spatial-reduction attention: keys and values come from a map whose side is `reduction` times smaller.

    Tokens beyond the map's, which stand before it, are class tokens: they have their own key and value.
    """

    def __init__(self, width: int, heads: int, reduction: int) -> None:
        super().__init__()
        self.heads = heads
        self.reduction = reduction
        self.q = nn.Linear(width, width)
        self.kv = nn.Linear(width, 2 * width)
        self.proj = nn.Linear(width, width)
        if reduction > 1:
            self.sr = nn.Conv2d(width, width, reduction, stride=reduction)
            self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor, grid: tuple[int, int], want_map: bool = False) -> tuple[Tensor, Tensor | None]:
        """Return tokens [B, N, C] and, where wanted, the attention probabilities [B, heads, N, K], cut off.

        The probabilities carry no gradient: what they are wanted for is to choose tokens.
        """
        batch, count, width = x.shape
        q = self.q(x).view(batch, count, self.heads, -1).transpose(1, 2)
        k, v = self.kv(self._reduce(x, grid)).view(batch, -1, 2, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        if not want_map:
            mixed = F.scaled_dot_product_attention(q, k, v)
            return self.proj(mixed.transpose(1, 2).flatten(2)), None
        probabilities = (q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5).softmax(-1)
        mixed = probabilities @ v
        return self.proj(mixed.transpose(1, 2).flatten(2)), probabilities.detach()

    def _reduce(self, x: Tensor, grid: tuple[int, int]) -> Tensor:
        if self.reduction == 1:
            return x
        extra = x.shape[1] - grid[0] * grid[1]
        reduced = self.sr(as_map(x[:, extra:], grid)).flatten(2).transpose(1, 2)
        normed: Tensor = self.norm(torch.cat([x[:, :extra], reduced], dim=1))
        return normed


class Mlp(nn.Module):
    """Two linear layers with an exact GELU between them."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor, grid: tuple[int, int]) -> Tensor:
        """Return tokens of the same shape; where they lie on the map is of no account."""
        mapped: Tensor = self.fc2(F.gelu(self.fc1(x)))
        return mapped


class Block(nn.Module):
    """Norm, attention, norm, MLP, both on residual paths that training drops at random."""

    def __init__(self, norm1: nn.Module, attention: Attention, norm2: nn.Module, mlp: nn.Module) -> None:
        super().__init__()
        self.norm1 = norm1
        self.attn = attention
        self.norm2 = norm2
        self.mlp = mlp
        self.drop_path = DropPath(0.0)

    def forward(
        self, x: Tensor, grid: tuple[int, int], want_map: bool = False, recompute: bool = False
    ) -> tuple[Tensor, Tensor | None]:
        """Return tokens [B, N, C] and, where wanted, the attention probabilities, as `Attention` does.

        With `recompute`, what attention and MLP need for the backward pass is not kept; see `in_pieces`.
        """
        call = in_pieces if recompute else _at_once
        mixed, probabilities = call(self._mix, x, grid, want_map)
        x = x + self.drop_path(mixed)
        (mapped,) = call(self._feed, x, grid)
        return x + self.drop_path(mapped), probabilities

    def _mix(self, x: Tensor, grid: tuple[int, int], want_map: bool) -> tuple[Tensor, Tensor | None]:
        found: tuple[Tensor, Tensor | None] = self.attn(self.norm1(x), grid, want_map)
        return found

    def _feed(self, x: Tensor, grid: tuple[int, int]) -> tuple[Tensor]:
        return (self.mlp(self.norm2(x), grid),)


def _at_once(function: Callable[..., tuple[Any, ...]], x: Tensor, *arguments: object) -> tuple[Any, ...]:
    return function(x, *arguments)


def plain_block(width: int, heads: int, reduction: int, mlp_ratio: int) -> Block:
    """Return a block of PVT v1."""
    first, second = nn.LayerNorm(width, eps=EPS), nn.LayerNorm(width, eps=EPS)
    return Block(first, Attention(width, heads, reduction), second, Mlp(width, mlp_ratio * width))


def as_map(tokens: Tensor, grid: tuple[int, int]) -> Tensor:
    """Return the map [B, C, H, W] of tokens [B, H * W, C]."""
    return tokens.transpose(1, 2).reshape(len(tokens), tokens.shape[2], *grid)


def initialise(module: nn.Module) -> None:
    """Draw the weights of linear layers from a normal distribution of deviation 0.02 and set their biases to 0.

    Convolutions keep torch's initialisation, as in the published code.
    """
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=STD)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
