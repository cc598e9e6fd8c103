"""Where SWAD starts and ends averaging (Cha et al., NeurIPS 2021, algorithm 1), and the averages it needs for that."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class LossValley(nn.Module):
    """Means of a network's state over segments of training, and which of them make up the final mean.

    Averaging starts with the first segment whose loss is the least of `converge` segments in a row, itself the first
    of them, and ends before `patience` segments in a row whose losses are all above `tolerance` times the mean loss of
    those first ones. All state is in buffers, since the loss at a segment's end is what a resumed run cannot make
    again; they hold patience + 2 times the network.

    Args:
        network: whose parameters and running statistics are averaged; counters are not.
        converge, patience, tolerance: N_s, N_e and r of the paper.
    """

    running: Tensor
    count: Tensor
    means: Tensor
    losses: Tensor
    waiting: Tensor
    total: Tensor
    segments: Tensor
    threshold: Tensor
    ended: Tensor

    def __init__(self, network: nn.Module, converge: int, patience: int, tolerance: float) -> None:
        super().__init__()
        self.converge, self.patience, self.tolerance = converge, max(patience, converge), tolerance
        flat = _flat(network)
        self.register_buffer("running", torch.zeros_like(flat))
        self.register_buffer("count", torch.zeros(()))
        self.register_buffer("means", torch.zeros(self.patience, len(flat)))
        self.register_buffer("losses", torch.zeros(self.patience))
        self.register_buffer("waiting", torch.zeros((), dtype=torch.int64))
        self.register_buffer("total", torch.zeros_like(flat))
        self.register_buffer("segments", torch.zeros((), dtype=torch.int64))
        # Infinite until averaging has started.
        self.register_buffer("threshold", torch.full((), torch.inf))
        self.register_buffer("ended", torch.zeros((), dtype=torch.bool))

    @property
    def found(self) -> bool:
        """Whether averaging has started."""
        return bool(self.threshold.isfinite())

    @torch.no_grad()
    def add(self, network: nn.Module) -> None:
        """Take the network's present state into the running mean of the segment."""
        self.count += 1
        self.running.lerp_(_flat(network), 1 / self.count)

    @torch.no_grad()
    def close_segment(self, loss: float) -> None:
        """End the segment, with the loss on held-out images at its end."""
        if bool(self.ended):
            return
        waiting = int(self.waiting)
        if waiting == self.patience:
            self._drop_oldest()
            waiting -= 1
        self.means[waiting], self.losses[waiting] = self.running, loss
        self.waiting.fill_(waiting + 1)
        self.running.zero_()
        self.count.zero_()
        self._decide(waiting + 1)

    def _drop_oldest(self) -> None:
        """Make room: the oldest segment joins the final mean, or is forgotten where averaging has not started."""
        if self.found:
            self.total += self.means[0]
            self.segments += 1
        self.means.copy_(self.means.roll(-1, 0))
        self.losses.copy_(self.losses.roll(-1, 0))

    def _decide(self, waiting: int) -> None:
        losses = self.losses[:waiting]
        if not self.found:
            recent = losses[-self.converge :]
            if len(recent) == self.converge and bool(recent[0] <= recent.min()):
                self.threshold.copy_(self.tolerance * recent.mean())
                self.means[: self.converge] = self.means[waiting - self.converge : waiting].clone()
                self.losses[: self.converge] = recent.clone()
                self.waiting.fill_(self.converge)
        elif waiting == self.patience and bool(losses.min() > self.threshold):
            self.ended.fill_(True)
            self.waiting.zero_()

    def mean(self) -> Tensor:
        """Return the mean of the segments in the valley, which must have been found, as one vector."""
        waiting = int(self.waiting)
        return (self.total + self.means[:waiting].sum(0)) / (int(self.segments) + waiting)

    @torch.no_grad()
    def write_mean(self, network: nn.Module) -> None:
        """Give the network the mean as its state, where the valley was found."""
        if not self.found:
            return
        mean, start = self.mean(), 0
        for value in _floating(network):
            value.copy_(mean[start : start + value.numel()].view_as(value))
            start += value.numel()


def _floating(network: nn.Module) -> list[Tensor]:
    return [value for value in network.state_dict().values() if value.is_floating_point()]


def _flat(network: nn.Module) -> Tensor:
    return torch.cat([value.flatten() for value in _floating(network)])
