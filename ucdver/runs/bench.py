"""A bench: one suite on one runs folder, from its plan to its last record."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from ucdver.data.annotations import resolve_annotator_config
from ucdver.data.catalog import Catalog
from ucdver.data.home import data_home
from ucdver.errors import DataError, SpecError, UcdverError
from ucdver.methods.config import method_class, resolve_config
from ucdver.plugins import load_registry
from ucdver.registry import load_callable
from ucdver.runs.events import Executor, Listener
from ucdver.runs.merge import merged
from ucdver.runs.options import WorkerOptions
from ucdver.runs.plan import Plan, make_plan
from ucdver.runs.prepare import Preparation, Preparing
from ucdver.runs.restrict import restrict
from ucdver.runs.schedule import Rerun, Scheduled, State, drop_unreadable, recorded, schedule
from ucdver.runs.selection import Selector
from ucdver.runs.store import RunStore
from ucdver.source import source_sha256
from ucdver.spec.run import RunSpec
from ucdver.spec.suite import Suite
from ucdver.spec.suite_file import load_suite
from ucdver.spec.suite_place import suite_folder
from ucdver.train.loop import LoopOptions


class Bench:
    """Plans a suite, knows what is left to do, and has it done.

    `ucdver_local.py` is looked for beside the suite's file, else in the current folder.
    """

    def __init__(self, runs: Path, suite: str, rerun: Rerun = "missing", *, fetch: bool = True) -> None:
        self.fetch = fetch
        self.restricted = False
        #: Methods that lost cells of the table because these do not compare with what is planned now.
        self.lost: list[str] = []
        #: Tasks and methods of another plan of the suite's name, which has made room for this one.
        self.replaced: list[str] = []
        beside = suite_folder(suite)
        self.local = beside.resolve() if (beside / "ucdver_local.py").is_file() else None
        self.registry = load_registry(self.local)
        self.catalog = Catalog(self.registry, data_home())
        self.store = RunStore(runs)
        self.rerun = rerun
        self.scored_by: Selector | None = None
        self._made: set[str] = set()
        self.suite: Suite = load_suite(suite, self.registry, self._check, self._check_annotator)

    def _check(self, method: str, options: Mapping[str, Any]) -> None:
        resolve_config(self.registry, method, options)

    def _check_annotator(self, name: str, options: Mapping[str, Any]) -> None:
        resolve_annotator_config(self.registry, name, options)

    def restrict(
        self,
        methods: tuple[str, ...],
        tasks: tuple[str, ...],
        seeds: int | None,
        settings: Mapping[str, Mapping[str, Any]],
        protocol: str = "",
    ) -> None:
        """Cut the suite down before it is planned; its table then keeps the rows that other benches made."""
        self.restricted = bool(methods or tasks or seeds or settings)
        self.suite = restrict(self.suite, self.registry, methods, tasks, seeds, settings, protocol)

    def check_machine(self, executor: str, device: str) -> None:
        """Refuse an executor or a device that is not there, before anything is fetched or written."""
        if executor != "auto":
            self.registry.executors.get(executor)
        _device(device)

    def plan(self) -> Plan:
        """Return the plan, made once."""
        return self._plan

    @cached_property
    def _plan(self) -> Plan:
        return make_plan(self.suite, self.registry, self.catalog, fetch=self.fetch)

    @property
    def lacks_all_data(self) -> bool:
        """Whether there is nothing to do because no task has its data."""
        return not self._plan.runs and bool(self._plan.remembered.absent)

    def no_data(self) -> DataError:
        """Return the error of a suite that `lacks_all_data`."""
        problem = f"suite '{self.suite.name}' has no task whose data are here"
        return DataError(problem, next(iter(self._plan.remembered.absent.values())))

    @cached_property
    def scheduled(self) -> list[Scheduled]:
        """Every run with what will be done about it."""
        if self.scored_by is None:
            return schedule(self._plan.runs, self.store, self.rerun, made=self._made)
        return schedule(self._plan.runs, self.store, self.rerun, self.scored_by.lacks, self._made)

    def changed_methods(self, state: State = "cached") -> list[str]:
        """Return the methods whose cached runs were made from another state of their source, at the same version.

        Of runs that are `to run`: those that were stopped and were begun from another, which begin anew.
        """
        made_from: dict[str, set[str]] = {}
        for item in self.scheduled:
            if item.source and item.state == state:
                made_from.setdefault(item.spec.method.name, set()).add(item.source)
        return [m for m, seen in made_from.items() if seen != {source_sha256(method_class(self.registry, m))}]

    def adopt(self, plan: Plan, scored_by: Selector | None = None) -> None:
        """Take a plan, and the suite it remembers, in the place of one made of the suite.

        With `scored_by` its runs leave what that rule reads, and those that are done and lack it are given it.
        """
        self.scored_by = scored_by
        self.suite = plan.remembered.suite
        self.__dict__["_plan"] = plan
        self.__dict__.pop("scheduled", None)

    def prepare(
        self, tell: Preparing, device: str = "auto", threads: int = 1, *, remember: bool = True
    ) -> list[UcdverError]:
        """Remember the plan, beside what an earlier one has, and compute what the runs that are to be done will open.

        Returns what could not be annotated: the runs that need it fail, and the others go on.
        """
        if remember:
            self._remember()
        return self.compute([item.spec for item in self.scheduled if item.state == "to run"], tell, device, threads)

    def _remember(self) -> None:
        plan = self._plan.remembered
        with self.store.planning():
            if self.restricted and self.suite.name in self.store.suites():
                old = self.store.plan(self.suite.name)
                plan = merged(old, plan, self._plan.runs, self.store.spec, self._plan.annotators.order)
                kept = {(entry.task, entry.method, entry.seed) for entry in plan.entries}
                gone = [e.method for e in old.entries if (e.task, e.method, e.seed) not in kept]
                self.lost = list(dict.fromkeys(gone))
            elif self.suite.name in self.store.suites():
                self.replaced = self._only_in_old(plan.suite)
            self.store.write_plan(plan)

    def _only_in_old(self, suite: Suite) -> list[str]:
        try:
            old = self.store.plan(suite.name).suite
        except DataError:
            # What cannot be read is no table that anybody could miss.
            return []
        tasks = {task.id for task in suite.tasks}
        gone = [task.id for task in old.tasks if task.id not in tasks]
        return gone + [method for method in old.methods if method not in suite.methods]

    def compute(
        self, specs: Sequence[RunSpec], tell: Preparing, device: str = "auto", threads: int = 1
    ) -> list[UcdverError]:
        """Compute images, features and annotations for the given runs; see `Preparation.carry_out`."""
        # As many as a worker has: sums of floats depend on it.
        torch.set_num_threads(threads)
        return Preparation(specs, self.catalog, self._plan.annotators, _device(device), tell).carry_out()

    def carry_out(
        self,
        listen: Listener,
        executor: str = "auto",
        jobs: int | None = None,
        threads: int = 1,
        device: str = "auto",
        checkpoint_seconds: float = 30.0,
    ) -> None:
        """Carry out what is to be run; every event goes to `listen`."""
        specs = [item.spec for item in self.scheduled if item.state == "to run"]
        self.store.root.mkdir(parents=True, exist_ok=True)
        chosen = _device(device)
        workers = min(jobs or (1 if chosen == "cuda" else _cores()), max(1, len(specs)))
        name = executor if executor != "auto" else "processes" if workers > 1 else "local"
        spec = self.registry.executors.get(name)
        options = WorkerOptions(
            runs=self.store.root.resolve(),
            home=self.catalog.home,
            device=chosen,
            threads=threads,
            local=self.local,
            fresh=self.rerun == "always",
            outputs=self.scored_by is not None and self.scored_by.reads_outputs,
            loop=LoopOptions(checkpoint_seconds=checkpoint_seconds),
        )
        chosen_executor: Executor = load_callable(spec.target, f"executor '{name}'")(options, workers)
        for run in specs:
            drop_unreadable(self.store, run)
        chosen_executor.run(specs, listen)
        # Draws that were chosen are planned again with the other seeds: what chose them is kept.
        self._made |= {spec.key() for spec in specs}

    def outcome(self, item: Scheduled) -> str:
        """Return how a run stands now, in one word."""
        if item.state == "cached":
            return "cached"
        record = recorded(self.store, item.spec)
        return record.status if record is not None else "not run"


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _device(wanted: str) -> str:
    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if wanted not in ("cpu", "cuda"):
        raise SpecError(f"--device {wanted} is not known", "use auto, cpu or cuda")
    if wanted == "cuda" and not torch.cuda.is_available():
        raise SpecError("--device cuda: torch sees no GPU", "use --device cpu, or 'ucdver doctor' to see why")
    return wanted
