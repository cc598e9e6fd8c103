"""Intervals for the mean over seeds."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.special import stdtrit


@dataclass(frozen=True)
class Interval:
    """A mean, its interval and its sample standard deviation; one value has neither interval nor deviation.

    Attributes:
        mean: mean of the values.
        low: lower end, or None for a single value.
        high: upper end, or None for a single value.
        std: standard deviation with ddof=1, or None for a single value.
        n: how many values there were.
    """

    mean: float
    low: float | None
    high: float | None
    std: float | None
    n: int

    @property
    def half_width(self) -> float | None:
        """Half of the interval's width, or None for a single value."""
        return None if self.low is None or self.high is None else (self.high - self.low) / 2


def t_interval(values: Sequence[float], confidence: float = 0.95) -> Interval:
    """Return the mean with Student's t-interval, mean +- t(n - 1) * s / sqrt(n), s with ddof=1.

    Raises:
        ValueError: no values, a value that is not finite, or a confidence outside (0, 1).
    """
    n = len(values)
    if n == 0:
        raise ValueError("an interval needs at least one value")
    if not all(math.isfinite(v) for v in values):
        raise ValueError("an interval needs finite values")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence {confidence} is not between 0 and 1")
    # Exact arithmetic: equal values have the deviation 0, and the order of the seeds does not matter.
    mean = float(statistics.mean(values))
    if n == 1:
        return Interval(mean, None, None, None, 1)
    std = float(statistics.stdev(values))
    half = float(stdtrit(n - 1, (1 + confidence) / 2)) * std / math.sqrt(n)
    return Interval(mean, mean - half, mean + half, std, n)
