"""A leaderboard as a value: what every exporter writes, and nothing it would have to compute."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from ucdver.spec.plugin import MetricSpec
from ucdver.stats.intervals import Interval

CellStatus = Literal["done", "partial", "failed", "missing", "not_applicable"]


@dataclass(frozen=True)
class Column:
    """One target of one task, and what its test images are like.

    Attributes:
        task: id of the task.
        target: `dataset:domain`.
        classes: number of classes.
        images: number of test images; None while no run has finished.
        majority: share of the most frequent class among them; None likewise.
        applicable: whether the metric is defined on the label space; if not, the column is not ranked.
    """

    task: str
    target: str
    classes: int | None
    images: int | None
    majority: float | None
    applicable: bool = True

    @property
    def chance(self) -> float | None:
        """Accuracy of guessing every class equally often."""
        return None if self.classes is None else 1 / self.classes


@dataclass(frozen=True)
class Cell:
    """What one method reached on one target.

    Attributes:
        suite: name of the suite.
        task: id of the task.
        target: `dataset:domain`.
        method: name of the method.
        selection: rule by which the checkpoint was chosen.
        metric: name of the metric.
        interval: mean and interval over the seeds that are done; None unless `status` is done or partial.
        n_seeds: seeds that are done.
        expected_seeds: seeds of the suite, whether planned for the method or not.
        status: `partial` when some of them are not done.
        rank: rank in the column, 1 for the best; None for an oracle and for a method that is not ranked.
        reason: why seeds are not done; empty when all are.
    """

    suite: str
    task: str
    target: str
    method: str
    selection: str
    metric: str
    interval: Interval | None
    n_seeds: int
    expected_seeds: int
    status: CellStatus
    rank: float | None
    reason: str


@dataclass(frozen=True)
class Difference:
    """How far a method's average lies from the reference's: positive is more, whatever is better.

    Attributes:
        interval: of the difference, paired by seed.
        p: two-sided p-value of no difference, adjusted for the number of methods (Holm); None for one seed
            and for oracles.
    """

    interval: Interval
    p: float | None


@dataclass(frozen=True)
class Leaderboard:
    """A table of methods by columns for one suite, metric and selection rule.

    Attributes:
        suite: name of the suite.
        title: its title; may be empty.
        metric: the metric's spec.
        selection: rule by which the checkpoint was chosen.
        confidence: of all intervals.
        methods: ranked methods best first, then unranked ones, then oracles.
        oracles: methods that are given target labels; shown last, never ranked.
        columns: one for each target of each task.
        cells: one for each method and column, row by row.
        averages: by method, mean over columns with an interval over seeds; None when a cell lacks a seed.
        ranks: by method, mean rank over columns; None when the method is not ranked.
        footnotes: plain sentences that belong under the table.
        reference: the method that the others are compared with; empty where there is none.
        differences: by method, its distance from the reference; None for the reference itself and for gaps.
        mixed: methods whose runs were made with more than one state of their source under one version.
        options: by method, what the suite or the command line set apart from the method's defaults.
        oracle_selection: the rule looks at target labels, so that every method is shown as an oracle.
        labels: by task and data set, the label map of its runs; empty where none was used.
        absent: by data set that some column lacks, what to type.
        shared: by task, how many pictures of its targets are in a source too.
        cautions: by data set, what must stand under a table of it.
        notes: by method, what its spec says under every table.
        single: every run has one checkpoint, so that a selection rule has nothing to choose.
        backbone_note: what is to be said of the backbone's weights; may be empty.
    """

    suite: str
    title: str
    metric: MetricSpec
    selection: str
    confidence: float
    methods: tuple[str, ...]
    oracles: tuple[str, ...]
    columns: tuple[Column, ...]
    cells: tuple[Cell, ...]
    averages: dict[str, Interval | None]
    ranks: dict[str, float | None]
    footnotes: tuple[str, ...]
    options: dict[str, dict[str, Any]] = field(default_factory=dict)
    labels: dict[str, dict[str, str]] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    shared: dict[str, int] = field(default_factory=dict)
    reference: str = ""
    mixed: tuple[str, ...] = ()
    differences: dict[str, Difference | None] = field(default_factory=dict)
    oracle_selection: bool = False
    cautions: dict[str, str] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    single: bool = False
    backbone_note: str = ""

    def row(self, method: str) -> tuple[Cell, ...]:
        """Return the cells of a method in the order of the columns."""
        return tuple(cell for cell in self.cells if cell.method == method)
