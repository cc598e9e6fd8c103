"""What tests of losses share: random tensors in double precision, their strategies, and gradients by differences."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import strategies as st
from torch import Tensor

seeds = st.integers(0, 2**31)


def normal(seed: int, *shape: int, scale: float = 1.0) -> Tensor:
    """Return float64 [shape] of normal numbers."""
    generator = np.random.Generator(np.random.Philox(seed))
    return torch.from_numpy(scale * generator.standard_normal(shape))


def check_gradient(function: object, *inputs: Tensor) -> None:
    """Compare the gradient of a scalar function of tensors with finite differences."""
    leaves = [x.clone().requires_grad_() for x in inputs]
    assert torch.autograd.gradcheck(function, leaves, atol=1e-6)  # type: ignore[arg-type]
