"""Intervals for the mean over seeds, of one task and of several."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.special import stdtr, stdtrit


@dataclass(frozen=True)
class Interval:
    """A mean, its interval and its sample standard deviation; one value has neither interval nor deviation.

    Attributes:
        mean: mean of the values.
        low: lower end, or None for a single value.
        high: upper end, or None for a single value.
        std: standard deviation with ddof=1, or None for a single value.
        n: how many values there were.
        df: degrees of freedom of the t distribution behind the interval; None where there is none or nothing varies.
    """

    mean: float
    low: float | None
    high: float | None
    std: float | None
    n: int
    df: float | None = None

    @property
    def half_width(self) -> float | None:
        """Half of the interval's width, or None for a single value."""
        return None if self.low is None or self.high is None else (self.high - self.low) / 2

    def p_value(self, confidence: float = 0.95) -> float | None:
        """Return the two-sided p-value of a mean of 0, `confidence` being the interval's.

        None for a single value, and where nothing varies: no test can say anything about chance then.
        """
        half = self.half_width
        if half is None or self.df is None or half == 0:
            return None
        error = half / float(stdtrit(self.df, (1 + confidence) / 2))
        return 2 * float(stdtr(self.df, -abs(self.mean) / error))


def t_interval(values: Sequence[float], confidence: float = 0.95) -> Interval:
    """Return the mean with Student's t-interval, mean +- t(n - 1) * s / sqrt(n), s with ddof=1.

    Raises:
        ValueError: no values, a value that is not finite, or a confidence outside (0, 1).
    """
    return sum_interval([values], confidence)


def sum_interval(parts: Sequence[Sequence[float]], confidence: float = 0.95) -> Interval:
    """Return the sum of the means of independent parts, with the t-interval of Welch and Satterthwaite.

    The variance of the sum is the sum of s_i^2 / n_i, and its degrees of freedom are estimated from the parts (Welch,
    Biometrika 34, 1947). For one part that is Student's interval. Averages over tasks take this form: tasks are fixed,
    and the seeds of one task say nothing about those of another, so 7 tasks of 3 seeds have up to 14 degrees of freedom
    where the 3 averages alone would have 2.

    Args:
        parts: values by part; `n` of the result is the smallest number of them.
        confidence: of the interval.

    Raises:
        ValueError: no part, a part without values, a value that is not finite, or a confidence outside (0, 1).
    """
    if not parts or not all(len(part) for part in parts):
        raise ValueError("an interval needs at least one value")
    if not all(math.isfinite(v) for part in parts for v in part):
        raise ValueError("an interval needs finite values")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence {confidence} is not between 0 and 1")
    # Exact arithmetic: equal values have the deviation 0, and the order of the seeds does not matter.
    mean = math.fsum(float(statistics.mean(part)) for part in parts)
    n = min(len(part) for part in parts)
    if n == 1:
        return Interval(mean, None, None, None, 1)
    variances = [float(statistics.variance(part)) for part in parts]
    std = math.sqrt(math.fsum(variances))
    shares = [variance / len(part) for variance, part in zip(variances, parts, strict=True)]
    error = math.sqrt(math.fsum(shares))
    if error == 0:
        return Interval(mean, mean, mean, 0.0, n)
    # Relative to the largest, so that small variances do not vanish when squared.
    scaled = [share / max(shares) for share in shares]
    df = math.fsum(scaled) ** 2 / math.fsum(s**2 / (len(part) - 1) for s, part in zip(scaled, parts, strict=True))
    half = float(stdtrit(df, (1 + confidence) / 2)) * error
    return Interval(mean, mean - half, mean + half, std, n, df)
