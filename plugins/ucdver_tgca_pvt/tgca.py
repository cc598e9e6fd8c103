"""TGCA: what the pictures of one topic in a batch have in common."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def group_weights(topics: Tensor) -> Tensor:
    """Return W [B, B] with which W @ x is the mean of x over the pictures of the same topic.

    Args:
        topics: one integer a picture [B], or one row of integers [B, n]; only equality matters.
    """
    rows = topics.view(len(topics), -1)
    same = (rows[:, None] == rows[None, :]).all(-1).float()
    return same / same.sum(1, keepdim=True)


class TopicContext(nn.Module):
    """c_t, the mean of x + conv(x) over the pictures of topic t, conv being a linear map of each token.

    Where every picture is its own topic, it is the picture's x + conv(x), and no picture depends on another.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(width, width, 1)

    def forward(self, x: Tensor, weights: Tensor | None) -> Tensor:
        """Return the context [B, N, C] of tokens [B, N, C].

        Args:
            x: tokens.
            weights: of `group_weights`, or None where every picture is its own topic.
        """
        own: Tensor = x + nn.functional.linear(x, self.conv.weight.squeeze(-1), self.conv.bias)
        if weights is None:
            return own
        mean = weights.to(own.dtype) @ own.flatten(1)
        return mean.view_as(own)


def attend_topics(globals_: Tensor, contexts: Tensor) -> Tensor:
    """Return G + softmax(G T^T) T for global tokens G and topic tokens T [B, n, C]; published without 1 / sqrt(C)."""
    mixed = torch.softmax(globals_ @ contexts.transpose(1, 2), dim=-1) @ contexts
    return globals_ + mixed
