"""Compares candidates of a method by source validation: the folds of choose_recipe.py, with the suite's recipe."""

from __future__ import annotations

import argparse
import os
import resource
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from choose_recipe import COLOUR, measure, recipe, suite

from ucdver.data.catalog import Catalog
from ucdver.data.home import data_home
from ucdver.plugins import load_registry
from ucdver.runs.plan import make_plan
from ucdver.runs.prepare import Preparation
from ucdver.runs.store import RunStore
from ucdver.spec.suite_file import load_suite


def compare(description: str | None, runs: str, candidates: Mapping[str, tuple[str, dict[str, Any]]]) -> None:
    """Run the candidates, each a method with its options, and print a line for each; no target of the suite is read."""
    registry = load_registry()
    emoji = load_suite("emoji", registry)
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, default=Path(runs))
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--folds", type=int, default=4)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--size", type=int, default=emoji.recipe.image.size, help="pixels")
    parser.add_argument("--steps", type=int, default=emoji.protocol.steps)
    parser.add_argument("--lr", type=float, default=emoji.recipe.optim.lr)
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    catalog = Catalog(registry, data_home())
    store = RunStore(arguments.runs.resolve())
    print(f"{'candidate':<36}{'accuracy':>9}{'balanced':>9}{'s a run':>9}{'CPU s':>9}")
    for name in arguments.names or candidates:
        method, options = candidates[name]
        given = recipe(arguments.size, COLOUR, "convnet_s", arguments.lr)
        folds = suite(name, given, arguments.steps, registry.protocols.get("uda"), arguments.seeds)
        chosen = folds.model_copy(update={"methods": {method: options}, "tasks": folds.tasks[: arguments.folds]})
        planned = make_plan(chosen, registry, catalog)
        for fault in Preparation(planned.runs, catalog, planned.annotators, "cpu", lambda *told: None).carry_out():
            raise fault
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        accuracy, balanced, seconds = measure(planned, registry, store, catalog.home, arguments.jobs)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / len(planned.runs)
        print(f"{name:<36}{accuracy:>9.3f}{balanced:>9.3f}{seconds:>9.1f}{cpu:>9.1f}", flush=True)
