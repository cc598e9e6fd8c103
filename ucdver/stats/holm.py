"""Several comparisons at once."""

from __future__ import annotations

from collections.abc import Mapping


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Return p-values adjusted so that the chance of one false finding among all stays below the level.

    The i-th smallest of m is multiplied by m - i + 1, and none is smaller than one before it (Holm, Scandinavian
    Journal of Statistics 6, 1979).

    Raises:
        ValueError: a value outside [0, 1].
    """
    if not all(0 <= p <= 1 for p in p_values.values()):
        raise ValueError("p-values lie in [0, 1]")
    adjusted: dict[str, float] = {}
    largest = 0.0
    for place, name in enumerate(sorted(p_values, key=lambda n: (p_values[n], n))):
        largest = max(largest, min(1.0, (len(p_values) - place) * p_values[name]))
        adjusted[name] = largest
    return {name: adjusted[name] for name in p_values}
