"""A block of PVT v2 with a class token, once more: one picture, one head and one place after the other."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor


def linear(x: Tensor, state: Mapping[str, Tensor], name: str) -> Tensor:
    return x @ state[f"{name}.weight"].T + state[f"{name}.bias"]


def normed(x: Tensor, state: Mapping[str, Tensor], name: str, eps: float) -> Tensor:
    centred = x - x.mean(-1, keepdim=True)
    scale = (centred.square().mean(-1, keepdim=True) + eps).sqrt()
    return centred / scale * state[f"{name}.weight"] + state[f"{name}.bias"]


def gelu(x: Tensor) -> Tensor:
    return 0.5 * x * (1 + torch.erf(x / math.sqrt(2)))


def block(state: Mapping[str, Tensor], cls: Tensor, patches: Tensor, heads: int, reduction: int) -> tuple[Tensor, ...]:
    """Return class token [C], patches [H, W, C] and attention [heads, 1 + H W, 1 + K] after a block.

    Args:
        state: of timm's block.
        cls: [C].
        patches: [H, W, C].
        heads: of attention.
        reduction: side of the patches that share a key; the class token has its own.
    """
    height, width, channels = patches.shape
    tokens = torch.cat([cls[None], patches.reshape(-1, channels)])
    h = normed(tokens, state, "norm1", 1e-6)
    keyed = h
    if reduction > 1:
        kernel = state["attn.sr.weight"]
        grid = h[1:].reshape(height, width, channels)
        reduced = []
        for y in range(0, height, reduction):
            for x in range(0, width, reduction):
                window = grid[y : y + reduction, x : x + reduction]
                reduced.append(torch.einsum("yxc,ocyx->o", window, kernel) + state["attn.sr.bias"])
        keyed = normed(torch.stack([h[0], *reduced]), state, "attn.norm", 1e-5)
    query, both = linear(h, state, "attn.q"), linear(keyed, state, "attn.kv")
    size = channels // heads
    maps, mixed = [], []
    for head in range(heads):
        part = slice(head * size, (head + 1) * size)
        key, value = both[:, :channels][:, part], both[:, channels:][:, part]
        attention = torch.softmax(query[:, part] @ key.T / math.sqrt(size), dim=-1)
        maps.append(attention)
        mixed.append(attention @ value)
    tokens = tokens + linear(torch.cat(mixed, dim=1), state, "attn.proj")
    hidden = linear(normed(tokens, state, "norm2", 1e-6), state, "mlp.fc1")
    kernel, bias = state["mlp.dwconv.weight"], state["mlp.dwconv.bias"]
    inner = hidden[1:].reshape(height, width, -1)
    rows = [hidden[0]]
    for y in range(height):
        for x in range(width):
            total = bias.clone()
            for dy in (-1, 0, 1):
                for dx in (-1, 0, 1):
                    if 0 <= y + dy < height and 0 <= x + dx < width:
                        total = total + kernel[:, 0, dy + 1, dx + 1] * inner[y + dy, x + dx]
            rows.append(total)
    tokens = tokens + linear(gelu(torch.stack(rows)), state, "mlp.fc2")
    return tokens[0], tokens[1:].reshape(height, width, channels), torch.stack(maps)
