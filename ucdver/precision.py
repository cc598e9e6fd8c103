"""Full precision inside mixed-precision training, for losses that sum products over a batch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


def at_least_float32(values: Tensor) -> Tensor:
    """Return `values` in float32; float64 stays as it is."""
    return values if values.dtype == torch.float64 else values.float()


@contextmanager
def no_autocast(values: Tensor) -> Iterator[None]:
    """Switch mixed precision off on the device of `values`, where it has any, for matrix products above all."""
    if not torch.amp.is_autocast_available(values.device.type):
        yield
        return
    with torch.autocast(device_type=values.device.type, enabled=False):
        yield
