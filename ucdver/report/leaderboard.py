"""The leaderboard of a suite, computed from the predictions in a runs folder."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from ucdver.errors import SpecError, suggestion
from ucdver.registry import Registry
from ucdver.report.averages import average, differences
from ucdver.report.board import Cell, CellStatus, Column, Leaderboard
from ucdver.report.footnotes import footnotes
from ucdver.report.label_maps import label_maps
from ucdver.report.scores import Grid, ImageSet, Outcome, not_applicable_reason, read_grid
from ucdver.runs.selection import Selector
from ucdver.runs.store import RunStore
from ucdver.spec.plugin import MetricSpec
from ucdver.spec.suite import SuitePlan
from ucdver.stats.intervals import t_interval
from ucdver.stats.ranks import average_ranks, column_ranks

__all__ = ["CONFIDENCE", "Cell", "Column", "Leaderboard", "build_leaderboard"]

CONFIDENCE = 0.95
#: What methods are compared with where nobody chose: what transfers without adapting.
REFERENCE = "source_only"


def build_leaderboard(
    store: RunStore,
    registry: Registry,
    plan: SuitePlan,
    metric: str | None = None,
    selection: str = "last",
    against: str | None = None,
    grid: Grid | None = None,
) -> Leaderboard:
    """Return the leaderboard of a plan, every number recomputed from the predictions on the test images.

    There is one column for each target of each task. A method is ranked when it is no oracle and each of its
    cells, on columns where the metric is defined, has every seed of the suite.

    Args:
        store: the runs folder.
        registry: where the metric, label spaces and oracles are looked up.
        plan: the suite as it was planned on that folder.
        metric: name of a metric; the suite's own when None.
        selection: the rule by which a run's checkpoint is chosen; under an oracle nothing is ranked.
        against: the method that the others are compared with; `source_only`, where it is there, when None.
        grid: the outcomes under this metric and rule, where they have been read already.

    Raises:
        SpecError: there is no such selection rule or method in the plan, or the plan contradicts itself.
        PluginError: there is no such metric, or it cannot be loaded.
    """
    reference = _reference(plan, against)
    spec = registry.metrics.get(plan.suite.metric if metric is None else metric)
    selector = Selector(store, registry, selection, spec.name)
    grid = read_grid(store, registry, spec, plan, selector) if grid is None else grid
    columns = _columns(grid, registry, spec, plan)
    oracles = frozenset(plan.suite.methods) if selector.oracle else oracle_methods(registry, plan)
    methods = tuple(plan.suite.methods)
    cells = {m: [_cell(grid, plan, spec.name, selection, m, c) for c in columns] for m in methods}
    ranks, ranked_cells = _ranked(cells, columns, oracles, spec.higher_is_better)
    order = sorted(methods, key=lambda m: (m in oracles, _last(ranks[m]), methods.index(m)))
    board = Leaderboard(
        suite=plan.suite.name,
        title=plan.suite.title,
        metric=spec,
        selection=selection,
        confidence=CONFIDENCE,
        methods=tuple(order),
        oracles=tuple(m for m in order if m in oracles),
        columns=columns,
        cells=tuple(cell for m in order for cell in ranked_cells[m]),
        averages={m: average(grid, columns, cells[m], CONFIDENCE) for m in order},
        ranks={m: ranks[m] for m in order},
        footnotes=(),
        reference=reference,
        mixed=tuple(m for m in order if _is_mixed(grid, columns, m)),
        differences=differences(grid, columns, {m: cells[m] for m in order}, reference, oracles, CONFIDENCE),
        oracle_selection=selector.oracle,
    )
    return _annotated(board, store, registry, plan)


def _annotated(board: Leaderboard, store: RunStore, registry: Registry, plan: SuitePlan) -> Leaderboard:
    """Return a board of numbers with what is to be said of its methods, data and weights, and its footnotes."""
    methods = plan.suite.methods
    told = replace(
        board,
        options={m: methods[m] for m in board.methods if methods[m]},
        labels=label_maps(store, plan),
        absent=plan.absent,
        shared=plan.shared,
        cautions=_cautions(registry, plan),
        notes=_notes(registry, board.methods),
        single=plan.suite.protocol.checkpoints == 1,
        backbone_note=_backbone_note(registry, plan),
    )
    return replace(told, footnotes=footnotes(told))


def _reference(plan: SuitePlan, against: str | None) -> str:
    methods = plan.suite.methods
    if against is None:
        return REFERENCE if REFERENCE in methods and len(methods) > 1 else ""
    if against not in methods:
        hint = suggestion(against, methods, f"it has {', '.join(methods)}")
        raise SpecError(f"suite '{plan.suite.name}' has no method '{against}' to compare with", hint)
    return against


def _last(rank: float | None) -> float:
    return math.inf if rank is None else rank


def oracle_methods(registry: Registry, plan: SuitePlan) -> frozenset[str]:
    """Return the methods that are given target labels; the plan knows those whose plugins may be absent here."""
    return frozenset(plan.oracles) | {method.name for method in registry.methods if method.oracle}


def _is_mixed(grid: Grid, columns: Sequence[Column], method: str) -> bool:
    return len({o.source for c in columns for o in grid[method, c.task, c.target] if o.source}) > 1


def _cautions(registry: Registry, plan: SuitePlan) -> dict[str, str]:
    names = dict.fromkeys(name for task in plan.suite.tasks for name in task.datasets if name in registry.datasets)
    return {name: caution for name in names if (caution := registry.datasets.get(name).caution)}


def _notes(registry: Registry, methods: Sequence[str]) -> dict[str, str]:
    # A method of somebody else's runs may be registered nowhere here.
    known = [registry.methods.get(name) for name in methods if name in registry.methods]
    return {spec.name: spec.note for spec in known if spec.note}


def _backbone_note(registry: Registry, plan: SuitePlan) -> str:
    """Return what the recipe's backbone wants said of its weights, which every row but a method's own is made with."""
    recipe = plan.suite.recipe
    notes = [spec.note for spec in registry.backbones if spec.name == recipe.backbone_name and not spec.family]
    return f"{recipe.backbone}: {notes[0]}" if notes and notes[0] and recipe.weights != "none" else ""


def _columns(grid: Grid, registry: Registry, metric: MetricSpec, plan: SuitePlan) -> tuple[Column, ...]:
    found: dict[tuple[str, str], ImageSet] = {}
    lacking: set[tuple[str, str]] = set()
    scored: set[tuple[str, str]] = set()
    for (_, task_id, target), outcomes in grid.items():
        for outcome in outcomes:
            if outcome.lacking:
                lacking.add((task_id, target))
            if outcome.value is not None:
                scored.add((task_id, target))
            if outcome.images:
                found.setdefault((task_id, target), outcome.images)
    columns = []
    for task in plan.suite.tasks:
        known = task.label_space in registry.label_spaces
        classes = len(registry.label_spaces.get(task.label_space).classes) if known else None
        applicable = not not_applicable_reason(registry, metric, task)
        for target in map(str, task.targets):
            images = found.get((task.id, target))
            columns.append(
                Column(
                    task=task.id,
                    target=target,
                    classes=images.classes if images else classes,
                    images=images.images if images else None,
                    majority=images.majority if images else None,
                    # One run from before its images had what the metric reads takes no column from the others.
                    applicable=applicable and (task.id, target) not in lacking - scored,
                )
            )
    return tuple(columns)


def _cell(grid: Grid, plan: SuitePlan, metric: str, selection: str, method: str, column: Column) -> Cell:
    outcomes = grid[method, column.task, column.target]
    values = [o.value for o in outcomes if o.value is not None]
    return Cell(
        suite=plan.suite.name,
        task=column.task,
        target=column.target,
        method=method,
        selection=selection,
        metric=metric,
        interval=t_interval(values, CONFIDENCE) if values else None,
        n_seeds=len(values),
        expected_seeds=len(outcomes),
        status=_status(outcomes),
        rank=None,
        reason=_reason(outcomes),
    )


def _status(outcomes: Sequence[Outcome]) -> CellStatus:
    states = {outcome.status for outcome in outcomes}
    if states == {"done"}:
        return "done"
    if "done" in states:
        return "partial"
    if "failed" in states:
        return "failed"
    return "not_applicable" if states == {"not_applicable"} else "missing"


def _reason(outcomes: Sequence[Outcome]) -> str:
    """Return why seeds are not done; seeds are named only where they differ."""
    seeds: dict[tuple[str, str], list[int]] = {}
    for outcome in outcomes:
        if outcome.status != "done":
            seeds.setdefault((outcome.status, outcome.reason), []).append(outcome.seed)
    if len(seeds) == 1 and all(outcome.status != "done" for outcome in outcomes):
        return outcomes[0].reason
    return "; ".join(
        f"{_seeds(which)} {status.replace('_', ' ')}: {reason}" for (status, reason), which in seeds.items()
    )


def _seeds(seeds: Sequence[int]) -> str:
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"


def _ranked(
    cells: dict[str, list[Cell]], columns: Sequence[Column], oracles: frozenset[str], higher_is_better: bool
) -> tuple[dict[str, float | None], dict[str, list[Cell]]]:
    """Return the average rank of each method, None where it is not ranked, and the cells with their ranks."""
    table = _ranking_table(cells, columns, oracles)
    means = average_ranks(table, higher_is_better)
    return {m: means.get(m) for m in cells}, _with_ranks(cells, columns, column_ranks(table, higher_is_better))


def _ranking_table(
    cells: dict[str, list[Cell]], columns: Sequence[Column], oracles: frozenset[str]
) -> dict[str, list[float]]:
    """Return what is ranked: means of complete cells, NaN for every other, oracles left out."""
    return {
        method: [
            cell.interval.mean if cell.interval and cell.status == "done" else math.nan
            for cell, column in zip(row, columns, strict=True)
            if column.applicable
        ]
        for method, row in cells.items()
        if method not in oracles
    }


def _with_ranks(
    cells: dict[str, list[Cell]], columns: Sequence[Column], ranks: dict[str, list[float] | None]
) -> dict[str, list[Cell]]:
    result = {}
    for method, row in cells.items():
        left = iter(ranks.get(method) or ())
        result[method] = [
            replace(cell, rank=next(left, None)) if column.applicable else cell
            for cell, column in zip(row, columns, strict=True)
        ]
    return result
