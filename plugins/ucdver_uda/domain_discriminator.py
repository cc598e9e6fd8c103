"""The domain discriminator that DANN and CDAN share, and its loss."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class DomainDiscriminator(nn.Module):
    """Linear-BN-ReLU twice, then one logit; it leaves the sigmoid to the loss.

    One unit with a sigmoid, never one unit with a softmax: the softmax of a single logit is 1 whatever the
    logit is, so nothing would be learnt and nothing reversed.

    Args:
        width: width of what it reads.
        hidden: width of both hidden layers; 1,024 in the papers, fewer do for small networks.
    """

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(width, hidden),
            nn.BatchNorm1d(hidden),
            nn.ReLU(inplace=True),
            nn.Linear(hidden, hidden),
            nn.BatchNorm1d(hidden),
            nn.ReLU(inplace=True),
            nn.Linear(hidden, 1),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Return logits [B] of features [B, width]; above 0 means source."""
        logits: Tensor = self.layers(features)
        return logits.squeeze(1)


def domain_loss(logits: Tensor, num_source: int, weights: Tensor | None = None) -> Tensor:
    """Return half the source's plus half the target's mean binary cross entropy; the source's label is 1.

    Each domain counts half whatever its batch size.

    Args:
        logits: [B_s + B_t], source first.
        num_source: B_s.
        weights: [B_s + B_t], multiplied onto each image's loss before the means.
    """
    labels = torch.zeros_like(logits)
    labels[:num_source] = 1.0
    losses = F.binary_cross_entropy_with_logits(logits, labels, reduction="none")
    if weights is not None:
        losses = losses * weights
    return 0.5 * (losses[:num_source].mean() + losses[num_source:].mean())
