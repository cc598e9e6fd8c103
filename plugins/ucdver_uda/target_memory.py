"""Something remembered for every target image: pseudo-labels, a bank of features."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class TargetMemory(nn.Module):
    """Rows by target id. Their number is known only when the target is first seen, and they survive a resume all the
    same.

    A buffer would need its shape before that; torch's extra state of a module does not.
    """

    def __init__(self) -> None:
        super().__init__()
        self._rows = torch.empty(0)

    @property
    def filled(self) -> bool:
        """Whether anything has been remembered."""
        return self._rows.numel() > 0

    def fill(self, rows: Tensor) -> None:
        """Remember `rows` [N, ...] for ids 0 to N - 1 in the place of what there was."""
        self._rows = rows.detach().clone()

    def all(self, like: Tensor) -> Tensor:
        """Return all rows [N, ...] on the device of `like`, for reading and for writing in place."""
        if self._rows.device != like.device:
            self._rows = self._rows.to(like.device)
        return self._rows

    def get_extra_state(self) -> Tensor:
        """Return what a checkpoint keeps."""
        return self._rows

    def set_extra_state(self, state: Tensor) -> None:
        """Take back what a checkpoint kept."""
        self._rows = state.clone()
