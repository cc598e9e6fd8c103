"""Selection rules side by side on the same runs, and how far each lands from the oracle."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from ucdver.errors import PluginError, SpecError, suggestion
from ucdver.registry import Registry
from ucdver.report.board import Leaderboard
from ucdver.report.leaderboard import CONFIDENCE, build_leaderboard
from ucdver.report.scores import CellKey, Grid, Memo, read_grid
from ucdver.runs.selection import LAST, Selector
from ucdver.runs.store import RunStore
from ucdver.selection.score import load_rule
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
        cells: how many pairs of method and column it is the mean of; the same ones for every rule.
    """

    interval: Interval
    cells: int


@dataclass(frozen=True)
class Comparison:
    """The leaderboards of several rules, oracles last, and the gap of each that is no oracle.

    Attributes:
        boards: one a rule; on the board of an oracle nothing is ranked.
        gaps: by rule, all over the same cells; None for an oracle and for a rule that has no cell.
        single: every run has one checkpoint, so that there was nothing to choose.
    """

    boards: tuple[Leaderboard, ...]
    gaps: dict[str, Gap | None]
    single: bool

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods in the order of the first rule's board."""
        return self.boards[0].methods


def broken_rules(registry: Registry) -> dict[str, str]:
    """Return the installed rules that cannot be loaded, and why."""
    broken = {}
    for name in registry.validators.names:
        try:
            load_rule(registry, name)
        except PluginError as error:
            broken[name] = error.problem
    return broken


def rule_names(given: str, registry: Registry) -> list[str]:
    """Return the rules of "a,b" or "all", oracles last, and `oracle` itself where it is registered.

    In "all" are those alone that can be loaded; see `broken_rules`.

    Raises:
        SpecError: a name is not that of a rule.
    """
    known = list(dict.fromkeys((LAST, *registry.validators.names)))
    if given == ALL:
        broken = broken_rules(registry)
        names = [name for name in known if name not in broken]
    else:
        names = [name.strip() for name in given.split(",")]
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
    return Comparison(boards, _gaps(boards, grids), plan.suite.protocol.checkpoints == 1)


def _gaps(boards: Sequence[Leaderboard], grids: Mapping[str, Grid]) -> dict[str, Gap | None]:
    """Return the gap of every rule over the cells that all rules have which have any: else a failure would flatter."""
    gaps: dict[str, Gap | None] = {board.selection: None for board in boards}
    best = grids.get(ORACLE_RULE)
    if best is None:
        return gaps
    honest = [board for board in boards if not board.oracle_selection]
    cells = {board.selection: _whole_cells(board, grids[board.selection], best) for board in honest}
    common = set[CellKey].intersection(*(found for found in cells.values() if found)) if any(cells.values()) else set()
    for board in honest:
        if common and cells[board.selection]:
            gaps[board.selection] = _gap(board, grids[board.selection], best, common)
    return gaps


def _whole_cells(board: Leaderboard, grid: Grid, best: Grid) -> set[CellKey]:
    """Return the cells of methods that are no oracles which have every seed under the rule and under the oracle."""
    applicable = {(column.task, column.target) for column in board.columns if column.applicable}
    return {
        (method, task, target)
        for (method, task, target), outcomes in grid.items()
        if method not in board.oracles
        and (task, target) in applicable
        and outcomes
        and all(one.value is not None for one in (*outcomes, *best[method, task, target]))
    }


def _gap(board: Leaderboard, grid: Grid, best: Grid, cells: Collection[CellKey]) -> Gap:
    sign = 1.0 if board.metric.higher_is_better else -1.0
    parts: Parts = {}
    for key in grid:
        if key not in cells:
            continue
        pairs = list(zip(grid[key], best[key], strict=True))
        part = parts.setdefault((key[1], tuple(sorted(one.seed for one, _ in pairs))), {})
        for one, other in pairs:
            assert one.value is not None and other.value is not None
            part.setdefault(one.seed, []).append(sign * (other.value - one.value))
    return Gap(sum_interval(_shares(parts, len(cells)), CONFIDENCE), len(cells))


def _shares(parts: Parts, cells: int) -> list[list[float]]:
    """Return by part and seed what is added to the mean over cells: all cells of a seed are one observation.

    Parts count as independent, which those of one task with other seeds are not quite.
    """
    return [[sum(values) / cells for values in seeds.values()] for seeds in parts.values()]
