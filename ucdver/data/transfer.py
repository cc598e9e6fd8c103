"""Bringing small tensors that are drawn on the CPU to the device of a step."""

from __future__ import annotations

import torch
from torch import Tensor


def to_device(values: Tensor, device: torch.device, dtype: torch.dtype | None = None) -> Tensor:
    """Return CPU `values` on a device without waiting for it: a copy from pinned memory that may still run.

    `dtype`: another type than theirs.
    """
    if device.type == "cuda":
        values = values.pin_memory()
    return values.to(device, dtype or values.dtype, non_blocking=True)
