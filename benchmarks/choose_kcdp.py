"""How the options of `kcdp_small` were chosen: as the recipe of the suite `emoji`, by source validation alone.

The folds are those of choose_recipe.py, the recipe is the suite's; no target of the suite is looked at. Prints a line
for each candidate.

    python benchmarks/choose_kcdp.py --runs runs/choose_kcdp [--seeds 1] [--folds 4] [NAME ...]
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from choose_recipe import COLOUR, measure, recipe, suite

from ucdver.data.catalog import Catalog
from ucdver.data.home import data_home
from ucdver.plugins import load_registry
from ucdver.runs.plan import make_plan
from ucdver.runs.prepare import Preparation
from ucdver.runs.store import RunStore

STEPS = 500
CANDIDATES: dict[str, tuple[str, dict[str, Any]]] = {
    "source_only": ("source_only", {}),
    "kcdp_small": ("kcdp_small", {}),
    "no alignment": ("kcdp_small", {"alignment": "none"}),
    "no alignment, no text": ("kcdp_small", {"alignment": "none", "moe_text": "none"}),
    "no alignment, linear": ("kcdp_small", {"alignment": "none", "head": "linear"}),
    "no knowledge": ("kcdp_small", {"knowledge": "none"}),
    "no text": ("kcdp_small", {"moe_text": "none"}),
    "no target loss": ("kcdp_small", {"warmup": 1.0}),
}


def main() -> None:
    """Run the candidates and print them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, default=Path("runs/choose_kcdp"))
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--folds", type=int, default=4)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    registry = load_registry()
    catalog = Catalog(registry, data_home())
    store = RunStore(arguments.runs.resolve())
    print(f"{'candidate':<36}{'accuracy':>9}{'balanced':>9}{'s a run':>9}")
    for name in arguments.names or CANDIDATES:
        method, options = CANDIDATES[name]
        folds = suite(name, recipe(48, COLOUR, "convnet_s"), STEPS, registry.protocols.get("uda"), arguments.seeds)
        chosen = folds.model_copy(update={"methods": {method: options}, "tasks": folds.tasks[: arguments.folds]})
        planned = make_plan(chosen, registry, catalog)
        prepared = Preparation(planned.runs, catalog, planned.annotators, "cpu", lambda what, done, total: None)
        for fault in prepared.carry_out():
            raise fault
        accuracy, balanced, seconds = measure(planned, registry, store, catalog.home, arguments.jobs)
        print(f"{name:<36}{accuracy:>9.3f}{balanced:>9.3f}{seconds:>9.1f}", flush=True)


if __name__ == "__main__":
    main()
