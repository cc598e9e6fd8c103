"""The last step: no selection at all."""

from __future__ import annotations


def score(step: int) -> float:
    """Return the number of steps done."""
    return float(step)
