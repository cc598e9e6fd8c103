"""Less memory for more time: activations that are computed again in the backward pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

#: Pictures whose activations inside a block are there at one time.
PIECE = 4


def in_pieces(function: Callable[..., tuple[Any, ...]], x: Tensor, *arguments: object) -> tuple[Any, ...]:
    """Return function(x, *arguments), made of a few pictures at a time whose activations are not kept.

    In the backward pass they are computed again, piece by piece, so that of what is inside `function` only one piece
    is ever in memory.

    Args:
        function: treats each picture of its batch alone; it returns tensors [B, ...], or None, in a tuple.
        x: [B, ...].
        arguments: passed on.
    """
    pieces = [x[start : start + PIECE] for start in range(0, len(x), PIECE)]
    parts = [checkpoint(function, piece, *arguments, use_reentrant=False) for piece in pieces]
    return tuple(None if column[0] is None else torch.cat(column) for column in zip(*parts, strict=True))
