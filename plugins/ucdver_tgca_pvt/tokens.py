"""Which patches matter: the chain of a stage's attention maps, the patches it picks, and what is added to them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def class_row(maps: Sequence[Tensor], last_stage: bool) -> Tensor:
    """Return row 0 of a stage's chained attention maps, without the class token's column: scores [B, heads, N].

    In the last stage, whose maps are square, the chain is A_{L-1} ... A_1 A_0. In the others, whose keys are
    reduced, it is A_1 A_0^T, then A_l^T M for even l and A_l M for odd l. Its full product has N x N entries, but row
    0 of a product is row 0 of its leftmost factor times the rest, so that no matrix is ever made. Where L is odd, that
    row belongs to the class token as a key and not as a query, as in the published code.

    Args:
        maps: A_0 to A_{L-1} [B, heads, 1 + N, 1 + K], two at least outside the last stage.
        last_stage: which chain.
    """
    row: Tensor | None = None
    for number in range(len(maps) - 1, -1, -1):
        transposed = not last_stage and number % 2 == 0
        factor = maps[number].transpose(-1, -2) if transposed else maps[number]
        row = factor[..., :1, :] if row is None else row @ factor
    assert row is not None
    return row[..., 0, 1:]


def select(scores: Tensor, count: int) -> Tensor:
    """Return the indices [B, heads, count] of the highest scores [B, heads, N] of each head, highest first."""
    return scores.topk(count, dim=-1).indices


def gather(patches: Tensor, indices: Tensor) -> Tensor:
    """Return the patches [B, heads * k, C] that indices [B, heads, k] name in patches [B, N, C], head after head.

    A patch that several heads chose occurs as often.
    """
    flat = indices.flatten(1).unsqueeze(-1).expand(-1, -1, patches.shape[-1])
    return torch.gather(patches, 1, flat)


def enhance(chosen: Tensor, pool: Tensor) -> Tensor:
    """Return LERA's tokens: chosen [B, k, C] plus the maximum of each channel over the pool [B, n, C].

    As published, LERA is P + softmax(P m^T) m with m the maximum, repeated to k rows: rows that are all alike make
    every weighted mean of them the same row, so that it is P + m.
    """
    return chosen + pool.amax(dim=1, keepdim=True)
