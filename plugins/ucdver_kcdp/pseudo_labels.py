"""Pseudo-labels for the target: from the alignment's logits to labels, and how far each is believed.

The release believes every one from the first step on. Threshold, class balance and teacher are ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from ucdver import PseudoLabels

#: Ours: how much of the running class frequencies survives a batch.
DECAY = 0.99


class PseudoLabeller(nn.Module):
    """Takes the best class of each image, weighed by confidence and by how rare its class has been.

    Args:
        classes: K.
        confidence: the probability below which an image has weight 0; 0 believes all.
        balance: the most that a rare class is weighed up, and its inverse the most that a frequent one is weighed down;
        1 for no balance. The weight is 1 / (K * running frequency of the class among the pseudo-labels).
    """

    frequency: Tensor

    def __init__(self, classes: int, confidence: float = 0.0, balance: float = 1.0) -> None:
        super().__init__()
        self.confidence = confidence
        self.balance = balance
        self.register_buffer("frequency", torch.full((classes,), 1 / classes))

    @torch.no_grad()
    def forward(self, logits: Tensor) -> PseudoLabels:
        """Return the pseudo-labels of alignment logits [B, K]; in training the frequencies run on."""
        confidence, labels = logits.float().softmax(1).max(1)
        weights = (confidence >= self.confidence).float()
        if self.balance > 1:
            if self.training:
                seen = F.one_hot(labels, logits.shape[1]).float().mean(0)
                self.frequency.lerp_(seen, 1 - DECAY)
            rarity = 1 / (logits.shape[1] * self.frequency.clamp(min=1e-6))
            weights = weights * rarity.clamp(1 / self.balance, self.balance)[labels]
        return PseudoLabels(labels, weights, confidence)


class MeanTeacher(nn.Module):
    """A student's weights averaged over the steps (Tarvainen & Valpola, NeurIPS 2017); only those that are trained.

    What is frozen is not held twice: the student's own module runs with the averages in the place of its parameters.

    Args:
        student: the module; it must be built, with what is frozen frozen.
        decay: how much of the average survives a step; less in the first ones, whose average is plain. So has it the
        code of Tarvainen & Valpola, min(1 - 1 / (step + 1), decay). Weights that were drawn at random would otherwise
        be half of a teacher after 69 steps at .99.
    """

    def __init__(self, student: nn.Module, decay: float) -> None:
        super().__init__()
        self.decay = decay
        self._names = [name for name, p in student.named_parameters() if p.requires_grad]
        for name, parameter in student.named_parameters():
            if parameter.requires_grad:
                self.register_buffer(_buffer(name), parameter.detach().clone())

    @torch.no_grad()
    def update(self, student: nn.Module, step: int) -> None:
        """Move the averages towards the student; to be called once a step, before it, steps being counted from 0."""
        own = dict(student.named_parameters())
        averages = [self.get_buffer(_buffer(name)) for name in self._names]
        decay = min(self.decay, step / (step + 1))
        torch._foreach_lerp_(averages, [own[name].detach() for name in self._names], 1 - decay)

    @torch.no_grad()
    def run(self, student: nn.Module, inputs: Sequence[object]) -> object:
        """Return what the student would give with the averaged weights, in evaluation mode."""
        weights = {name: self.get_buffer(_buffer(name)) for name in self._names}
        was_training = student.training
        student.eval()
        try:
            return cast(object, functional_call(student, weights, tuple(inputs)))
        finally:
            student.train(was_training)


def _buffer(name: str) -> str:
    """Return a parameter's name as one that a buffer may have."""
    return name.replace(".", "/")
