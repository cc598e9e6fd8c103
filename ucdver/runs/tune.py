"""Equal tuning budgets: the same number of configurations for every method, the best by a rule reported.

All draws are trained with the suite's first seed; the rule chooses one a task and method, and that one is trained
with the other seeds. So N draws cost N - 1 runs more for each task and method, whatever the number of seeds.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ucdver.errors import DataError, SpecError
from ucdver.runs.bench import Bench
from ucdver.runs.plan import Plan, make_plan
from ucdver.runs.search import draw_options, search_ranges
from ucdver.runs.selection import Selector
from ucdver.selection.score import load_rule, unfit
from ucdver.spec.run import RunSpec
from ucdver.spec.suite import PlanEntry, Suite, SuitePlan


@dataclass(frozen=True)
class Chosen:
    """The configuration that the rule chose for a method on a task.

    Attributes:
        task: id of the task.
        method: name of the method.
        draw: its number; 0 is the suite's own configuration.
        options: as they are given to the method.
        failed: how many draws have no score, and were passed over.
    """

    task: str
    method: str
    draw: int
    options: dict[str, Any]
    failed: int


class Tuning:
    """The runs of all draws, the choice among them, and the plan of what was chosen.

    Args:
        bench: a session whose suite has been cut down already.
        count: configurations of each method, the suite's own being the first.
        rule: what chooses; an oracle takes every row out of the ranking.

    Raises:
        SpecError: the rule tells no two configurations apart, or has no meaning under the suite's protocol.
    """

    def __init__(self, bench: Bench, count: int, rule: str) -> None:
        self.bench = bench
        self.suite: Suite = bench.suite
        self.count = count
        self.rule = rule
        self.selector = Selector(bench.store, bench.registry, rule, self.suite.metric)
        reads = load_rule(bench.registry, rule)[2] if rule in bench.registry.validators else ("step",)
        if set(reads) <= {"step"}:
            raise SpecError(f"--by {rule} tells no two configurations apart", "use a rule such as --by infomax")
        reason = unfit(self.suite.protocol, rule, reads)
        if reason:
            raise SpecError(reason, "'ucdver list validators' shows other rules")

    @cached_property
    def options(self) -> dict[str, list[dict[str, Any]]]:
        """The configurations of each method; one where it declares no ranges."""
        return {
            name: draw_options(self.bench.registry, self.suite.name, name, given, self.count)
            for name, given in self.suite.methods.items()
        }

    @property
    def untuned(self) -> list[str]:
        """The methods that declare no range, and run as the suite has them."""
        return [name for name in self.suite.methods if not search_ranges(self.bench.registry, name)]

    @cached_property
    def plans(self) -> list[Plan]:
        """One plan a draw, of the methods that have it, with all seeds."""
        found = []
        for number in range(max(len(sets) for sets in self.options.values())):
            methods = {name: sets[number] for name, sets in self.options.items() if number < len(sets)}
            suite = self.suite.model_copy(update={"methods": methods})
            found.append(make_plan(suite, self.bench.registry, self.bench.catalog, fetch=self.bench.fetch))
        return found

    @property
    def _planned(self) -> Suite:
        """The suite as it was planned: a task whose target is absent has parted in two, one of them without data."""
        return self.suite.model_copy(update={"tasks": self.plans[0].remembered.suite.tasks})

    def search_plan(self) -> Plan:
        """Return the runs of all draws with the first seed; it is not to be remembered."""
        first = self.suite.seeds[0]
        entries = [entry for plan in self.plans for entry in plan.remembered.entries if entry.seed == first]
        runs = {run.key(): run for plan in self.plans for run in plan.runs if run.seed == first}
        suite = self._planned.model_copy(update={"seeds": (first,)})
        absent = self.plans[0].remembered.absent
        remembered = SuitePlan(suite=suite, entries=tuple(entries), absent=absent)
        return Plan(remembered, tuple(runs.values()), self.plans[0].annotators)

    @cached_property
    def chosen(self) -> list[Chosen]:
        """What the rule chooses for every task and method that has runs; call it when the draws have been run."""
        tasks, names = self._planned.tasks, self.suite.methods
        return [self._choose(task.id, name) for task in tasks for name in names if self._entry(task.id, name, 0).key]

    def _choose(self, task: str, method: str) -> Chosen:
        """Return the draw with the highest score; of equally good ones the first, which is nearest to the default."""
        sets = self.options[method]
        if len(sets) == 1:
            return Chosen(task, method, 0, sets[0], 0)
        scores = {number: self._score(self._entry(task, method, number)) for number in range(len(sets))}
        found = {number: score for number, score in scores.items() if score is not None}
        best = max(found, key=lambda number: (found[number], -number)) if found else 0
        return Chosen(task, method, best, sets[best], len(scores) - len(found))

    def _entry(self, task: str, method: str, draw: int) -> PlanEntry:
        first = self.suite.seeds[0]
        entries = self.plans[draw].remembered.entries
        return next(e for e in entries if (e.task, e.method, e.seed) == (task, method, first))

    def _score(self, entry: PlanEntry) -> float | None:
        try:
            record = self.bench.store.record(entry.key) if entry.key else None
            if record is None or record.status != "done" or self.selector.unfit(record):
                return None
            return self.selector.choose(record, scored=True).score
        except DataError:
            # Record or outputs damaged or lacking: the draw is counted among those without a score, and told.
            return None

    def final_plan(self) -> Plan:
        """Return the plan of what was chosen, with all seeds, under a name of its own."""
        wanted = {(c.task, c.method): c.draw for c in self.chosen}
        entries: list[PlanEntry] = []
        runs: dict[str, RunSpec] = {}
        for number, plan in enumerate(self.plans):
            own = [e for e in plan.remembered.entries if wanted.get((e.task, e.method), 0) == number]
            keys = {entry.key for entry in own}
            entries += own
            runs |= {run.key(): run for run in plan.runs if run.key() in keys}
        oracles = tuple(self.suite.methods) if self.selector.oracle else self.plans[0].remembered.oracles
        remembered = self.plans[0].remembered.model_copy(
            update={"suite": self._named(), "entries": tuple(entries), "oracles": oracles}
        )
        return Plan(remembered, tuple(runs.values()), self.plans[0].annotators)

    def _named(self) -> Suite:
        """Return the suite as it is remembered: of options that differ by task the budget is told, of others all."""
        told = {"tuned": f"by {self.rule} among {self.count} configurations, for each task"}
        methods: dict[str, dict[str, Any]] = {}
        for name, given in self.suite.methods.items():
            drawn = search_ranges(self.bench.registry, name) if len(self.options[name]) > 1 else {}
            fixed = {option: value for option, value in given.items() if option not in drawn}
            methods[name] = {**fixed, **told} if drawn else dict(given)
        title = f"{self.suite.title or self.suite.name}, tuned by {self.rule}"
        name = f"{self.suite.name}+tune{self.count}.{self.rule}"
        return self._planned.model_copy(update={"name": name, "title": title, "methods": methods})
