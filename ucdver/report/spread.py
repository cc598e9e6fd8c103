"""How much hangs on the choice of a configuration."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from ucdver.report.leaderboard import build_leaderboard
from ucdver.runs.tune import Tuning
from ucdver.spec.suite import SuitePlan


@dataclass(frozen=True)
class Spread:
    """What tuning could have given with the first seed: the metric, averaged over the columns, by configuration.

    Only whoever knows target labels knows these; they say how much hangs on the choice, and are no result. A
    configuration with a gap on some column is left out; the numbers are None where that leaves none.
    """

    method: str
    draws: int
    default: float | None
    low: float | None
    median: float | None
    high: float | None


def spreads(tuning: Tuning) -> list[Spread]:
    """Return for each tuned method what its draws gave; each draw's checkpoint is chosen by the rule."""
    values: dict[str, list[float | None]] = {name: [] for name, sets in tuning.options.items() if len(sets) > 1}
    first = tuning.suite.seeds[0]
    store, registry = tuning.bench.store, tuning.bench.registry
    for plan in tuning.plans:
        suite = plan.remembered.suite.model_copy(update={"seeds": (first,)})
        entries = tuple(entry for entry in plan.remembered.entries if entry.seed == first)
        remembered = SuitePlan(suite=suite, entries=entries, oracles=plan.remembered.oracles)
        board = build_leaderboard(store, registry, remembered, None, tuning.rule)
        # A method with fewer configurations is not in the later plans.
        for name in (name for name in values if name in board.averages):
            average = board.averages[name]
            values[name].append(None if average is None else average.mean)
    return [_spread(name, found) for name, found in values.items()]


def _spread(method: str, values: list[float | None]) -> Spread:
    known = [value for value in values if value is not None]
    if not known:
        return Spread(method, len(values), None, None, None, None)
    return Spread(method, len(values), values[0], min(known), statistics.median(known), max(known))
