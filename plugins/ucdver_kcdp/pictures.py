"""Pictures as the processors of transformers take them."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray
from torch import Tensor


def to_rgb(image: Tensor) -> NDArray[Any]:
    """Return uint8 [H, W, 3] of a picture uint8 [3, H, W], or of a grey one [1, H, W] with its channel three times."""
    found: NDArray[Any] = image.expand(3, -1, -1).permute(1, 2, 0).numpy()
    return found
