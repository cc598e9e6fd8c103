"""How the recipes of the suites `emoji` and `emoji_finetune` were chosen: by source validation, a domain left out each.

The flat icon sets, which are only ever sources in the suite, are the folds: source_only is trained on all but one of
them and validated on that one. No target of the suite is looked at. Prints a line for each candidate.

    python benchmarks/choose_recipe.py --runs runs/choose [--seeds 2] [NAME ...]
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np

from ucdver.data.catalog import Catalog
from ucdver.data.home import data_home
from ucdver.evaluate.metrics import compute
from ucdver.plugins import load_registry
from ucdver.registry import Registry
from ucdver.runs.executors.processes import ProcessExecutor
from ucdver.runs.options import WorkerOptions
from ucdver.runs.plan import Plan, make_plan
from ucdver.runs.schedule import schedule
from ucdver.runs.store import RunStore
from ucdver.spec.protocol import Protocol
from ucdver.spec.recipe import AugmentRecipe, ImageRecipe, OptimRecipe, Recipe
from ucdver.spec.suite import Suite
from ucdver.spec.suite_file import load_suite
from ucdver.spec.task import Domain, Task

FOLDS = ("noto", "twemoji", "emojione", "fluent_flat")
LIGHT = AugmentRecipe(flip=0.5, rotate=10, translate=0.08, scale=0.15, brightness=0.2, contrast=0.2)
FINE_TUNED = load_suite("emoji_finetune", load_registry()).recipe
COLOUR = LIGHT.model_copy(update={"brightness": 0.3, "contrast": 0.4, "saturation": 0.6, "grey": 0.3})


def recipe(size: int, augment: AugmentRecipe, backbone: str, lr: float = 2e-3) -> Recipe:
    """Return a candidate."""
    return Recipe(
        backbone=f"{backbone}@none",
        image=ImageRecipe(size=size),
        augment=augment,
        optim=OptimRecipe(name="adamw", lr=lr, weight_decay=0.01, schedule="cosine", warmup=0.05),
        batch_size=32,
        bottleneck=128,
    )


def fine_tuned(size: int, multiplier: float) -> Recipe:
    """Return that of `emoji_finetune` for pictures of another size and another rate of the pretrained layers."""
    optim = FINE_TUNED.optim.model_copy(update={"backbone_multiplier": multiplier})
    return FINE_TUNED.model_copy(update={"image": ImageRecipe(size=size), "optim": optim})


CANDIDATES: dict[str, tuple[Recipe, int]] = {
    "light, 300 steps": (recipe(48, LIGHT, "convnet_s"), 300),
    "light, 500 steps": (recipe(48, LIGHT, "convnet_s"), 500),
    "colour, 300 steps": (recipe(48, COLOUR, "convnet_s"), 300),
    "colour, 400 steps": (recipe(48, COLOUR, "convnet_s"), 400),
    "colour, 500 steps": (recipe(48, COLOUR, "convnet_s"), 500),
    "colour, 500 steps, lr .005": (recipe(48, COLOUR, "convnet_s", lr=5e-3), 500),
    "colour, 500 steps, 64 px": (recipe(64, COLOUR, "convnet_s"), 500),
    "colour, 500 steps, 40 px": (recipe(40, COLOUR, "convnet_s"), 500),
    "colour, 500 steps, 32 px": (recipe(32, COLOUR, "convnet_s"), 500),
    "colour, 400 steps, 32 px": (recipe(32, COLOUR, "convnet_s"), 400),
    "colour, 320 steps, 32 px": (recipe(32, COLOUR, "convnet_s"), 320),
    "colour, 320 steps, 32 px, lr .003": (recipe(32, COLOUR, "convnet_s", lr=3e-3), 320),
    "colour, 320 steps, 32 px, lr .005": (recipe(32, COLOUR, "convnet_s", lr=5e-3), 320),
    "fine-tuned, 96 px": (fine_tuned(96, 0.1), 200),
    "fine-tuned, 64 px": (fine_tuned(64, 0.1), 200),
    "fine-tuned, 64 px, multiplier .5": (fine_tuned(64, 0.5), 200),
    "fine-tuned, 64 px, multiplier 1": (fine_tuned(64, 1.0), 200),
    "fine-tuned, 96 px, multiplier .5": (fine_tuned(96, 0.5), 200),
    "fine-tuned, 96 px, multiplier 1": (fine_tuned(96, 1.0), 200),
}


def suite(name: str, chosen: Recipe, steps: int, protocol: Protocol, seeds: int) -> Suite:
    """Return the folds under one candidate."""
    domains = {fold: Domain(dataset="emoji", name=fold) for fold in FOLDS}
    tasks = tuple(
        Task(
            id=f"without_{fold}",
            sources=tuple(d for n, d in domains.items() if n != fold),
            targets=(domains[fold],),
            label_space="ekman6",
        )
        for fold in FOLDS
    )
    return Suite(
        name="choose",
        protocol=protocol.model_copy(update={"steps": steps}),
        tasks=tasks,
        methods={"source_only": {}},
        recipe=chosen,
        seeds=tuple(range(seeds)),
    )


def measure(planned: Plan, registry: Registry, store: RunStore, home: Path, jobs: int) -> tuple[float, float, float]:
    """Carry out the folds, `jobs` at a time; return mean accuracy, mean balanced accuracy and seconds a run."""
    todo = [item.spec for item in schedule(planned.runs, store) if item.state == "to run"]
    ProcessExecutor(WorkerOptions(runs=store.root, home=home), jobs).run(todo, lambda event: None)
    values, seconds = [], []
    for spec in planned.runs:
        record, predictions = store.record(spec.key()), store.predictions(spec.key()).select("target_test")
        space = registry.label_spaces.get("ekman6")
        labels, probabilities = predictions.labels.astype(np.int64), predictions.probabilities()
        values.append([compute(registry, m, labels, probabilities, space) for m in ("accuracy", "balanced_accuracy")])
        seconds.append(record.cost.train_seconds if record and record.cost else float("nan"))
    accuracy, balanced = np.mean(np.array(values, dtype=float), axis=0)
    return float(accuracy), float(balanced), float(np.mean(seconds))


def main() -> None:
    """Run the candidates and print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=Path, default=Path("runs/choose"))
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    registry = load_registry()
    catalog = Catalog(registry, data_home())
    store = RunStore(arguments.runs.resolve())
    print(f"{'candidate':<36}{'accuracy':>9}{'balanced':>9}{'s a run':>9}")
    for name in arguments.names or CANDIDATES:
        folds = suite(name, *CANDIDATES[name], registry.protocols.get("uda"), arguments.seeds)
        planned = make_plan(folds, registry, catalog)
        accuracy, balanced, seconds = measure(planned, registry, store, catalog.home, arguments.jobs)
        print(f"{name:<36}{accuracy:>9.3f}{balanced:>9.3f}{seconds:>9.1f}", flush=True)


if __name__ == "__main__":
    main()
