"""Selection rules side by side on the same runs, and how far each lands from the oracle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ucdver.errors import SpecError, suggestion
from ucdver.registry import Registry
from ucdver.report.board import Leaderboard
from ucdver.report.leaderboard import CONFIDENCE, build_leaderboard
from ucdver.report.scores import Grid, Memo, read_grid
from ucdver.runs.selection import LAST, Selector
from ucdver.runs.store import RunStore
from ucdver.spec.suite import SuitePlan
from ucdver.stats.intervals import Interval, sum_interval

ALL = "all"
ORACLE_RULE = "oracle"

#: Values by seed, of cells that have the same task and the same seeds.
Parts = dict[tuple[str, tuple[int, ...]], dict[int, list[float]]]


@dataclass(frozen=True)
class Gap:
    """How much of the metric a rule leaves to the oracle, per method and test set; 0 is all that can be had.

    Attributes:
        interval: mean over methods and columns, with its interval over the seeds of every task.
        cells: how many pairs of method and column it is the mean of.
    """

    interval: Interval
    cells: int


@dataclass(frozen=True)
class Comparison:
    """The leaderboards of several rules, oracles last, and the gap of each that is no oracle.

    Attributes:
        boards: one a rule; on the board of an oracle nothing is ranked.
        gaps: by rule; None for an oracle, and where no method has all its cells under both.
        single: every run has one checkpoint, so that there was nothing to choose.
    """

    boards: tuple[Leaderboard, ...]
    gaps: dict[str, Gap | None]
    single: bool

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods in the order of the first rule's board."""
        return self.boards[0].methods


def rule_names(given: str, registry: Registry) -> list[str]:
    """Return the rules of "a,b" or "all", oracles last, and `oracle` itself where it is registered.

    Raises:
        SpecError: a name is not that of a rule.
    """
    known = list(dict.fromkeys((LAST, *registry.validators.names)))
    names = known if given == ALL else [name.strip() for name in given.split(",")]
    for name in names:
        if name not in known:
            raise SpecError(
                f"there is no selection rule '{name}'", suggestion(name, known, f"write all, or {', '.join(known)}")
            )
    if ORACLE_RULE in known:
        names = [*names, ORACLE_RULE]
    return sorted(dict.fromkeys(names), key=lambda name: _is_oracle(registry, name))


def _is_oracle(registry: Registry, name: str) -> bool:
    return name in registry.validators and registry.validators.get(name).oracle


def compare_rules(
    store: RunStore,
    registry: Registry,
    plan: SuitePlan,
    rules: Sequence[str],
    metric: str | None = None,
    against: str | None = None,
) -> Comparison:
    """Return the leaderboards of all rules, every checkpoint read once, and their gaps to the rule `oracle`."""
    spec = registry.metrics.get(plan.suite.metric if metric is None else metric)
    memo: Memo = {}
    grids = {
        rule: read_grid(store, registry, spec, plan, Selector(store, registry, rule, spec.name), memo) for rule in rules
    }
    boards = tuple(build_leaderboard(store, registry, plan, spec.name, rule, against, grids[rule]) for rule in rules)
    best = grids.get(ORACLE_RULE)
    gaps = {
        board.selection: None if best is None or board.oracle_selection else _gap(board, grids[board.selection], best)
        for board in boards
    }
    return Comparison(boards, gaps, plan.suite.protocol.checkpoints == 1)


def _gap(board: Leaderboard, grid: Grid, best: Grid) -> Gap | None:
    """Return the gap over the cells of methods that are no oracles and have every seed under both rules."""
    sign = 1.0 if board.metric.higher_is_better else -1.0
    applicable = {(column.task, column.target) for column in board.columns if column.applicable}
    parts: Parts = {}
    cells = 0
    for key, outcomes in grid.items():
        method, task, target = key
        if method in board.oracles or (task, target) not in applicable:
            continue
        pairs = list(zip(outcomes, best[key], strict=True))
        if not pairs or any(one.value is None or other.value is None for one, other in pairs):
            continue
        cells += 1
        part = parts.setdefault((task, tuple(sorted(one.seed for one, _ in pairs))), {})
        for one, other in pairs:
            assert one.value is not None and other.value is not None
            part.setdefault(one.seed, []).append(sign * (other.value - one.value))
    if not parts:
        return None
    return Gap(sum_interval(_shares(parts, cells), CONFIDENCE), cells)


def _shares(parts: Parts, cells: int) -> list[list[float]]:
    """Return by part and seed what is added to the mean over cells: all cells of a seed are one observation.

    Parts count as independent, which those of one task with other seeds are not quite.
    """
    return [[sum(values) / cells for values in seeds.values()] for seeds in parts.values()]
