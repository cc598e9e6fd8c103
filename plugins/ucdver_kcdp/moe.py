"""The predictor: a mixture of experts, each image being read by the few that its gate chooses."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Balance = Literal["importance", "switch", "released", "none"]

#: Sizes of the release.
EXPERTS = 4
TOP_K = 2
HIDDEN = 128


class Routed(NamedTuple):
    """What the experts say, and how the images were shared among them.

    Attributes:
        logits: [B, K].
        gates: [B, E], all gate probabilities.
        kept: [B, E], the same with zeros but for the chosen experts.
        best: [B, top_k], the chosen probabilities, largest first.
    """

    logits: Tensor
    gates: Tensor
    kept: Tensor
    best: Tensor


class MixtureOfExperts(nn.Module):
    """logits = sum of g_e f_e(x) over the `top_k` best experts e; g = softmax(W x + b), and f_e has one hidden layer.

    The probabilities that are kept are not scaled up to sum to one: so has it the release. The experts are small, so
    all of them are computed as one batched product; a loop over images and experts gives the same.

    Args:
        width: of the input.
        classes: K.
        experts: E.
        top_k: how many each image is read by.
        hidden: width of each expert's hidden layer.
    """

    def __init__(
        self, width: int, classes: int, experts: int = EXPERTS, top_k: int = TOP_K, hidden: int = HIDDEN
    ) -> None:
        super().__init__()
        self.top_k = min(top_k, experts)
        self.gate = nn.Linear(width, experts)
        self.hidden_weight = nn.Parameter(_uniform(experts, hidden, width))
        self.hidden_bias = nn.Parameter(_uniform(experts, hidden, fan_in=width))
        self.out_weight = nn.Parameter(_uniform(experts, classes, hidden))
        self.out_bias = nn.Parameter(_uniform(experts, classes, fan_in=hidden))

    def forward(self, inputs: Tensor) -> Routed:
        """Return the logits [B, K] of inputs [B, width] and the routing."""
        gates = self.gate(inputs).float().softmax(1)
        best, chosen = gates.topk(self.top_k, dim=1)
        kept = torch.zeros_like(gates).scatter(1, chosen, best)
        weight, bias = self.hidden_weight.flatten(0, 1), self.hidden_bias.flatten()
        hidden = F.relu(F.linear(inputs, weight, bias)).reshape(-1, *self.hidden_bias.shape)
        # What an expert says is linear in its hidden layer, so the gates can come first, and one product sums them all.
        gated = (kept.to(hidden.dtype).unsqueeze(2) * hidden).flatten(1)
        said = F.linear(gated, self.out_weight.transpose(0, 1).flatten(1)) + kept @ self.out_bias
        return Routed(said, gates, kept, best)


def _uniform(*shape: int, fan_in: int = 0) -> Tensor:
    """Return the draw that `nn.Linear` starts from: uniform within 1 / sqrt(fan in), the last axis by default."""
    bound = 1 / math.sqrt(fan_in or shape[-1])
    return torch.empty(shape).uniform_(-bound, bound)


def balance_loss(routed: Routed, form: Balance) -> Tensor:
    """Return how unevenly a batch's images are shared among the experts, a scalar.

    `importance`: the squared coefficient of variation of the weight that each expert got over the batch, 0 where all
    got the same (Shazeer et al., ICLR 2017). `switch`: E * sum_e f_e P_e, f_e being the share of the choices that fell
    on expert e and P_e its mean probability, 1 where even (Fedus et al., JMLR 2022). `released`: the standard deviation
    of the two sums, over the batch, of the largest and of the second probability, as the release computes it. That
    knows nothing of experts: it is the same for a router that sends every image to one pair and for one that shares
    evenly.
    """
    if form == "importance":
        usage = routed.kept.mean(0)
        return usage.var(correction=0) / usage.mean().square()
    if form == "switch":
        share = (routed.kept > 0).to(routed.gates.dtype).mean(0) / routed.best.shape[1]
        return routed.gates.shape[1] * (share * routed.gates.mean(0)).sum()
    if form == "released":
        # Expanded to one column a class before the deviation is taken, which changes its correction for the mean.
        return routed.best.sum(0).unsqueeze(1).expand(-1, routed.logits.shape[1]).std()
    return routed.gates.new_zeros(())
