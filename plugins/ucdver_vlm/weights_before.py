"""A network's parameters as they were, kept in checkpoints, to interpolate from."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class WeightsBefore(nn.Module):
    """Remembers the parameters of a module as buffers.

    Args:
        module: whose parameters are copied now.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        for name, parameter in module.named_parameters():
            self.register_buffer(_buffer(name), parameter.detach().clone())

    def towards(self, module: nn.Module, share: float) -> dict[str, Tensor]:
        """Return (1 - share) * before + share * now, by the names of the module's parameters."""
        return {
            name: torch.lerp(self.get_buffer(_buffer(name)), parameter, share)
            for name, parameter in module.named_parameters()
        }


def _buffer(name: str) -> str:
    """Return a parameter's name without dots, which a buffer may not have."""
    return name.replace(".", "/")
