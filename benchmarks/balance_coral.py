"""How the default weight of Deep CORAL was set: by the paper's rule, from the two losses and no label of a target.

Sun & Saenko (2016) choose the weight so that at the end of training classification loss and CORAL loss are about the
same. This script trains deep_coral between the flat icon sets, which are only ever sources in the suite `emoji`, with
several weights and prints both losses, as they enter the total, at the end of training. No accuracy is computed.

    python benchmarks/balance_coral.py --runs runs/balance [--seeds 2]
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np

from ucdver.data.catalog import Catalog
from ucdver.data.home import data_home
from ucdver.plugins import load_registry
from ucdver.runs.executors.processes import ProcessExecutor
from ucdver.runs.options import WorkerOptions
from ucdver.runs.plan import make_plan
from ucdver.runs.schedule import schedule
from ucdver.runs.store import RunStore
from ucdver.spec.suite_file import load_suite
from ucdver.spec.task import Domain, Task
from ucdver.train.log import RunLog

FLAT = ("noto", "twemoji", "emojione", "fluent_flat")
WEIGHTS = (1.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
#: Lines of the log at its end, of fifty, over which the losses are averaged.
LAST = 5


def tasks() -> tuple[Task, ...]:
    """Return the tasks: from three flat sets to the fourth, which is unlabelled."""
    domains = {name: Domain(dataset="emoji", name=name) for name in FLAT}
    return tuple(
        Task(
            id=f"to_{name}",
            sources=tuple(d for n, d in domains.items() if n != name),
            targets=(domains[name],),
            label_space="ekman6",
        )
        for name in FLAT
    )


def main() -> None:
    """Train and print a line for each weight."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=Path, default=Path("runs/balance"))
    parser.add_argument("--seeds", type=int, default=2)
    arguments = parser.parse_args()
    registry = load_registry()
    catalog = Catalog(registry, data_home())
    store = RunStore(arguments.runs.resolve())
    options = WorkerOptions(runs=store.root, home=catalog.home)
    emoji = load_suite("emoji", registry)
    print(f"{'weight':>8}{'source loss':>14}{'weight x coral':>16}")
    for weight in WEIGHTS:
        suite = emoji.model_copy(
            update={
                "name": "balance",
                "tasks": tasks(),
                "methods": {"deep_coral": {"trade_off": weight}},
                "seeds": tuple(range(arguments.seeds)),
            }
        )
        planned = make_plan(suite, registry, catalog)
        todo = [item.spec for item in schedule(planned.runs, store) if item.state == "to run"]
        ProcessExecutor(options, os.cpu_count() or 1).run(todo, lambda event: None)
        logs = [RunLog(store.folder(spec.key()) / "log.jsonl").read() for spec in planned.runs]
        lines = [line for log in logs for line in log[-LAST:]]
        source, coral = np.mean([[line["source"], weight * line["coral"]] for line in lines], axis=0)
        print(f"{weight:>8g}{source:>14.4f}{coral:>16.4f}", flush=True)


if __name__ == "__main__":
    main()
