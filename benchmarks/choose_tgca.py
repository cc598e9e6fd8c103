"""How the options of `tgca_pvt_small` were chosen: as the recipe of the suite `emoji`, by source validation alone.

The folds are those of choose_recipe.py, the recipe is the suite's; no target of the suite is looked at. Prints a line
for each candidate.

    python benchmarks/choose_tgca.py --runs runs/choose_tgca [--seeds 1] [--folds 4] [NAME ...]
"""

from __future__ import annotations

import argparse
import os
import resource
from pathlib import Path
from typing import Any

from choose_recipe import COLOUR, measure, recipe, suite

from ucdver.data.catalog import Catalog
from ucdver.data.home import data_home
from ucdver.plugins import load_registry
from ucdver.runs.plan import make_plan
from ucdver.runs.store import RunStore

STEPS = 500
SMALL = "tgca_pvt_small"
#: The first version of the small network: PVT's patches, and no bottleneck.
FIRST: dict[str, Any] = {
    "embedding": "patch",
    "patches": [4, 2, 1, 1],
    "widths": [32, 48, 64, 96],
    "stage_heads": [1, 2, 2, 3],
    "hidden": 0,
    "lr_multiplier": 0.5,
    "bottleneck": False,
}
CANDIDATES: dict[str, tuple[str, dict[str, Any]]] = {
    "source_only": ("source_only", {}),
    "first version": (SMALL, FIRST),
    "lr .0005": (SMALL, {"lr_multiplier": 0.25}),
    "chosen": (SMALL, {}),
    "lr .002": (SMALL, {"lr_multiplier": 1.0}),
    "chosen, patches": (SMALL, {"embedding": "patch", "patches": [4, 2, 1, 1]}),
    "chosen, no bottleneck": (SMALL, {"bottleneck": False}),
    "chosen, narrower": (SMALL, {"widths": [16, 32, 64, 128]}),
    "chosen, stride 8": (SMALL, {"patches": [8, 1, 2, 1], "widths": [48, 48, 64, 128]}),
    "chosen, drop path .1": (SMALL, {"drop_path": 0.1}),
    "chosen, fixed": (SMALL, {"preset": "fixed"}),
}


def main() -> None:
    """Run the candidates and print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=Path, default=Path("runs/choose_tgca"))
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--folds", type=int, default=4)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    registry = load_registry()
    catalog = Catalog(registry, data_home())
    store = RunStore(arguments.runs.resolve())
    print(f"{'candidate':<36}{'accuracy':>9}{'balanced':>9}{'s a run':>9}{'CPU s':>9}")
    for name in arguments.names or CANDIDATES:
        method, options = CANDIDATES[name]
        folds = suite(name, recipe(48, COLOUR, "convnet_s"), STEPS, registry.protocols.get("uda"), arguments.seeds)
        chosen = folds.model_copy(update={"methods": {method: options}, "tasks": folds.tasks[: arguments.folds]})
        planned = make_plan(chosen, registry, catalog)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        accuracy, balanced, seconds = measure(planned, registry, store, catalog.home, arguments.jobs)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / len(planned.runs)
        print(f"{name:<36}{accuracy:>9.3f}{balanced:>9.3f}{seconds:>9.1f}{cpu:>9.1f}", flush=True)


if __name__ == "__main__":
    main()
