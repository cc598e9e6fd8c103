"""The formulas of LORA and TGCA-PVT once more, as plain as they are written, and as large."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor


def full_chain(maps: Sequence[Tensor], last_stage: bool) -> Tensor:
    """Return the whole product [B, heads, 1 + N, 1 + N] of a stage's attention maps."""
    if last_stage:
        product = maps[0]
        for one in maps[1:]:
            product = one @ product
        return product
    product = maps[1] @ maps[0].transpose(-1, -2)
    for number, one in enumerate(maps[2:], start=2):
        product = one.transpose(-1, -2) @ product if number % 2 == 0 else one @ product
    return product


def softmax_enhancement(chosen: Tensor, pool: Tensor) -> Tensor:
    """Return P + softmax(P m^T) m with the maximum repeated to as many rows as P has."""
    maximum = pool.amax(1, keepdim=True).expand_as(chosen)
    return chosen + torch.softmax(chosen @ maximum.transpose(1, 2), dim=-1) @ maximum


def topic_means(x: Tensor, topics: Sequence[int]) -> Tensor:
    """Return for each picture the mean of x over those of its topic, one after the other."""
    rows = []
    for topic in topics:
        members = [x[i] for i, other in enumerate(topics) if other == topic]
        rows.append(sum(members[1:], members[0]) / len(members))
    return torch.stack(rows)


def topic_attention(query: Tensor, agent: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Return softmax(Q A^T / sqrt d) softmax(A K^T / sqrt d) V, for one head [N, d]."""
    scale = 1 / math.sqrt(query.shape[-1])
    inner = torch.softmax(agent @ key.T * scale, dim=-1) @ value
    return torch.softmax(query @ agent.T * scale, dim=-1) @ inner


def spectrum_gate(x: Tensor, r: Tensor, s: Tensor, rb: Tensor, ib: Tensor) -> Tensor:
    """Return the frequency gate of one map [C, H, W] whose squeeze-and-excitation weights are one half.

    r and s are full C x C matrices, multiplied as complex numbers at one frequency after the other.
    """
    spectrum = torch.fft.fft2(x.to(torch.complex128), norm="ortho")
    changed = spectrum.clone()
    height, width = x.shape[-2:]
    for row in range(height):
        for column in range(width // 2 + 1):
            mapped = (torch.complex(r, s) @ spectrum[:, row, column]) + torch.complex(rb, ib)
            gated = 0.5 * torch.complex(mapped.real.relu(), mapped.imag.relu())
            changed[:, row, column] = spectrum[:, row, column] + gated
    return torch.fft.irfft2(changed[..., : width // 2 + 1], s=(height, width), norm="ortho")
