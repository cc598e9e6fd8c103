"""SSRT's safe training: notice that predictions collapse and go back to where they had not (Sun et al., CVPR 2022)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

#: Levels of sub-intervals that are looked at: an interval whole, and in 2, 4, 8 and 16 parts (L = 4 in the paper).
LEVELS = 4
#: A mean number of predicted classes that falls by more than this from one part to the next is a collapse.
DROP = 1.0
#: Intervals of a run; the paper's is 1,000 of 20,000 steps.
INTERVALS = 20
#: Steps of the shortest part whose mean is one, a sixteenth of the paper's interval: the number of classes in a batch
#: varies by more than 1 from one to the next, and means of fewer would fall by chance in nearly every interval.
MIN_WIDTH = 62
#: While the ramp is this low nothing is taken back: the refinement has done nothing yet (the authors' code).
IDLE = 0.1


def collapsed(diversity: Tensor, before: Tensor, min_width: int = MIN_WIDTH) -> Tensor:
    """Return whether the number of predicted classes [T] falls at any level, as a bool scalar on its device.

    At level l the T steps are cut into 2^l equal parts, what is left over at the front being left out; it falls when
    the mean of one part is more than 1 below the mean of the part before it, the first of all being compared with the
    last part of the interval `before` [T], which is -inf where there is none. Parts are `min_width` steps at least.
    """
    fallen = [torch.zeros((), dtype=torch.bool, device=diversity.device)]
    for level in range(LEVELS + 1):
        parts = 2**level
        width = len(diversity) // parts
        if width < min_width:
            break
        means = torch.cat([before[len(before) - width :], diversity[len(diversity) - parts * width :]])
        means = means.view(parts + 1, width).mean(1)
        fallen.append((means[:-1] - means[1:] > DROP).any())
    return torch.stack(fallen).any()


class SafeTraining(nn.Module):
    """Snapshots of a network's parameters, the ramp, and the way back; all decisions stay on the device.

    As the paper describes it. In the authors' code (https://github.com/tsun/SSRT) a snapshot refers to the weights
    that go on being trained, so that going back to it changes nothing but the ramp.

    Args:
        network: what is watched; its parameters must all exist already.
        total_steps: steps of the run, which fix the interval.
    """

    snapshot: Tensor
    history: Tensor
    before: Tensor
    began: Tensor
    length: Tensor

    def __init__(self, network: nn.Module, total_steps: int) -> None:
        super().__init__()
        self.interval = max(MIN_WIDTH, total_steps // INTERVALS)
        self.register_buffer("snapshot", _flat(network))
        self.register_buffer("history", torch.zeros(self.interval))
        self.register_buffer("before", torch.full((self.interval,), -torch.inf))
        self.register_buffer("began", torch.zeros(()))
        self.register_buffer("length", torch.full((), float(self.interval)))

    @torch.no_grad()
    def begin(self, network: nn.Module, step: int) -> None:
        """At the end of an interval: take a snapshot, or restore the last one where predictions have collapsed.

        A collapse within the ramp that began at the start or at the last one doubles it.
        """
        if step % self.interval or step == 0:
            if step == 0:
                self.snapshot.copy_(_flat(network))
            return
        back = collapsed(self.history, self.before) & (self.ramp(step - 1) > IDLE)
        chosen = torch.where(back, self.snapshot, _flat(network))
        start = 0
        for parameter in network.parameters():
            stop = start + parameter.numel()
            parameter.copy_(chosen[start:stop].view_as(parameter))
            start = stop
        self.snapshot.copy_(chosen)
        again = back & (step - self.began <= self.length)
        self.length.copy_(torch.where(again, 2 * self.length, self.length))
        self.began.copy_(torch.where(back, step, self.began))
        # What was taken back is nothing to measure the next interval by.
        self.before.copy_(torch.where(back, self.before, self.history))

    @torch.no_grad()
    def note(self, logits: Tensor, step: int) -> Tensor:
        """Remember and return the number of classes predicted in the target batch, of logits [B, K]."""
        classes = torch.arange(logits.shape[1], device=logits.device)
        diversity = (logits.argmax(1, keepdim=True) == classes).any(0).sum().float()
        self.history[step % self.interval] = diversity
        return diversity

    def ramp(self, step: int) -> Tensor:
        """Return sin(pi / 2 * min(1, (step - began) / length)), a scalar in [0, 1]."""
        return torch.sin(math.pi / 2 * ((step - self.began) / self.length).clamp(max=1.0))


def _flat(network: nn.Module) -> Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in network.parameters()])
