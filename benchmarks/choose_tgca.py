"""How the options of `tgca_pvt_small` were chosen: as the recipe of the suite `emoji`, by source validation alone.

The folds are those of choose_recipe.py, the recipe is the suite's; no target of the suite is looked at. Prints a line
for each candidate.

    python benchmarks/choose_tgca.py --runs runs/choose_tgca [--seeds 1] [--folds 4] [NAME ...]
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from choose_recipe import COLOUR, measure, recipe, suite

from ucdver.data.catalog import Catalog
from ucdver.data.home import data_home
from ucdver.plugins import load_registry
from ucdver.runs.plan import make_plan
from ucdver.runs.store import RunStore

STEPS = 500
CANDIDATES: dict[str, tuple[str, dict[str, Any]]] = {
    "source_only": ("source_only", {}),
    "lr .0005": ("tgca_pvt_small", {"lr_multiplier": 0.25}),
    "lr .001": ("tgca_pvt_small", {"lr_multiplier": 0.5}),
    "lr .002": ("tgca_pvt_small", {"lr_multiplier": 1.0}),
    "lr .001, drop path .1": ("tgca_pvt_small", {"lr_multiplier": 0.5, "drop_path": 0.1}),
    "lr .001, fixed": ("tgca_pvt_small", {"lr_multiplier": 0.5, "preset": "fixed"}),
}


def main() -> None:
    """Run the candidates and print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=Path, default=Path("runs/choose_tgca"))
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--folds", type=int, default=4)
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
        accuracy, balanced, seconds = measure(planned, registry, store, catalog.home)
        print(f"{name:<36}{accuracy:>9.3f}{balanced:>9.3f}{seconds:>9.1f}", flush=True)


if __name__ == "__main__":
    main()
