"""Drawing a method's options from the ranges it declares, so that every method is tuned with the same budget."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ucdver.errors import PluginError
from ucdver.methods.config import method_class, resolve_config
from ucdver.registry import Registry
from ucdver.seeds import generator


def search_ranges(registry: Registry, method: str) -> dict[str, tuple[float, float, bool, bool]]:
    """Return by option its range: low, high, whether it is drawn by its logarithm, whether it is a whole number.

    Raises:
        PluginError: the method cannot be loaded, or a range is not two numbers in order, above 0 for a logarithm.
    """
    found = {}
    for name, field in method_class(registry, method).Config.model_fields.items():
        extra = field.json_schema_extra
        if not isinstance(extra, Mapping) or "search" not in extra:
            continue
        search, log = extra["search"], bool(extra.get("log", False))
        bounds = [x for x in search if isinstance(x, int | float)] if isinstance(search, list | tuple) else []
        if len(bounds) != 2:
            raise PluginError(f"method '{method}', option '{name}': the search range {search!r} is not [low, high]")
        low, high = float(bounds[0]), float(bounds[1])
        if not low < high or (log and low <= 0):
            raise PluginError(f"method '{method}', option '{name}': {search!r} is no range to draw from")
        found[name] = (low, high, log, field.annotation is int)
    return found


def draw_options(
    registry: Registry, suite: str, method: str, given: Mapping[str, Any], count: int
) -> list[dict[str, Any]]:
    """Return `count` sets of options: the given ones first, then draws over them; one set where there is no range.

    A draw is a function of suite, method, option and its number, so that a larger count keeps the first ones.

    Raises:
        ConfigError: a draw breaks a limit of the method's own.
    """
    ranges = search_ranges(registry, method)
    sets = [dict(given)]
    for number in range(1, count if ranges else 1):
        drawn: dict[str, Any] = dict(given)
        for name, (low, high, log, whole) in ranges.items():
            share = float(generator("tune", suite, method, name, number).random())
            drawn[name] = _value(low, high, log, whole, share)
        resolve_config(registry, method, drawn)
        sets.append(drawn)
    return sets


def _value(low: float, high: float, log: bool, whole: bool, share: float) -> float | int:
    value = low * (high / low) ** share if log else low + share * (high - low)
    # Rounded, so that a key does not hang on the last bit of a machine's logarithm.
    return min(max(round(value), math.ceil(low)), math.floor(high)) if whole else float(f"{value:.6g}")
