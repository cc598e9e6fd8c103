"""Runs of one method on generated shapes, through the same code as a bench: what the contract is checked with."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from ucdver.data.catalog import Catalog
from ucdver.evaluate.predictions import Predictions
from ucdver.files import atomic_write_text
from ucdver.methods.config import method_class
from ucdver.plugins import load_registry
from ucdver.registry import Registry
from ucdver.runs.attempt import Attempt
from ucdver.runs.options import Observer, WorkerOptions
from ucdver.runs.plan import make_plan
from ucdver.runs.prepare import Preparation
from ucdver.runs.selection import Selector
from ucdver.runs.store import RunStore
from ucdver.runs.worker import execute
from ucdver.seeds import scoped_seed
from ucdver.spec.protocol import Protocol
from ucdver.spec.recipe import ImageRecipe, OptimRecipe, Recipe
from ucdver.spec.run import RunRecord
from ucdver.spec.suite import Suite
from ucdver.spec.task import Domain, Task
from ucdver.testing.toys import DOMAINS, LABELS
from ucdver.train.checkpoint import checkpoint_path, load_checkpoint
from ucdver.train.loop import LoopOptions
from ucdver.train.predict import predict_all

STEPS = 12
CHECKPOINTS = 2
#: Options of annotators by name.
Annotators = Mapping[str, Mapping[str, Any]]

#: What methods are tried with: a small network, and timm's smallest vision transformer for those that need tokens.
SMALL = Recipe(
    backbone="convnet_s@none",
    image=ImageRecipe(size=24, fit="stretch"),
    optim=OptimRecipe(name="sgd", lr=0.01),
    batch_size=8,
    bottleneck=16,
)
TRANSFORMER = SMALL.model_copy(update={"backbone": "test_vit@none", "image": ImageRecipe(size=160, fit="stretch")})


@dataclass(frozen=True)
class Trained:
    """What one run left: its record, its predictions, its final state, and what selection rules read and say of it.

    `outputs` holds every tensor saved at a checkpoint, `scores` that of every rule that is no oracle, by steps.
    """

    record: RunRecord
    predictions: Predictions
    state: dict[str, Tensor]
    outputs: dict[str, Tensor]
    scores: dict[str, dict[int, float]]


class _Stopped(KeyboardInterrupt):
    """What stops a run here."""


def _stopping(at: int | None) -> Observer:
    def observe(done: int, total: int, losses: dict[str, float]) -> None:
        if done == at:
            raise _Stopped

    return observe


class ToyBench:
    """Runs of one method on generated shapes, in a home folder of its own.

    Args:
        folder: an empty folder.
        method: a registered name.
        setting: one of the settings that it supports.
        config: options of the method; by default those that it names for the contract.
        local: the folder of `ucdver_local.py`, for a method that is registered there.
        permute_target: shuffle the labels of the target domain before anything is read.
        target: the target domain.
        annotators: options of annotators that the method needs, by name, as a folder with small weights;
            over those that it names for the contract.
    """

    def __init__(
        self,
        folder: Path,
        method: str,
        setting: str,
        config: Mapping[str, Any] | None = None,
        local: Path | None = None,
        permute_target: bool = False,
        target: str = "outline",
        annotators: Annotators | None = None,
    ) -> None:
        self.folder = folder
        self.local = local
        self.registry = load_registry(local)
        self.catalog = Catalog(self.registry, folder / "home")
        self.catalog.fetch("toy")
        if permute_target:
            permute_labels(self.catalog, target)
        made = method_class(self.registry, method)
        options = made.contract_options if config is None else config
        given = {n: dict(own) for n, own in {**made.contract_annotators, **(annotators or {})}.items()}
        self.suite = self._fitting_suite(method, setting, dict(options), target, given)

    def _fitting_suite(
        self, method: str, setting: str, config: dict[str, Any], target: str, annotators: dict[str, dict[str, Any]]
    ) -> Suite:
        """Return the first toy suite that the method is defined for: one source, two sources, a vision transformer."""
        others = tuple(name for name in DOMAINS if name not in ("filled", target))
        own = next(iter(self.registry.methods.get(method).backbones), "convnet_s")
        small = SMALL.model_copy(update={"backbone": f"{own}@none"})
        reasons = []
        for sources, recipe in ((("filled",), small), (("filled", *others), small), (("filled",), TRANSFORMER)):
            suite = _suite(self.registry, method, setting, config, sources, target, recipe)
            suite = suite.model_copy(update={"annotators": annotators})
            plan = make_plan(suite, self.registry, self.catalog)
            if plan.runs:
                return suite
            reasons.append(plan.remembered.entries[0].reason)
        raise AssertionError(f"{method} is defined for no toy task: {'; '.join(dict.fromkeys(reasons))}")

    def train(
        self,
        runs: str = "runs",
        seed: int = 0,
        steps: int = STEPS,
        stops: tuple[int, ...] = (),
        checkpoint_seconds: float = 1e9,
    ) -> Trained:
        """Carry out one run and return what it left; a failed run is an AssertionError with its traceback.

        With `stops` it is stopped before each of these steps and goes on from its checkpoint, as after a kill;
        `checkpoint_seconds` is how long the loop waits between two checkpoints.
        """
        protocol = Protocol.model_validate(
            {**self.suite.protocol.model_dump(), "steps": steps, "checkpoints": CHECKPOINTS}
        )
        suite = self.suite.model_copy(update={"protocol": protocol, "seeds": (seed,)})
        plan = make_plan(suite, self.registry, self.catalog)
        spec = plan.runs[0]
        faults = Preparation([spec], self.catalog, plan.annotators, "cpu", lambda what, done, total: None).carry_out()
        assert not faults, f"{spec.method.name}: {faults[0]}"
        options = WorkerOptions(
            runs=self.folder / runs,
            home=self.catalog.home,
            local=self.local,
            loop=LoopOptions(checkpoint_seconds=checkpoint_seconds),
        )
        for stop in stops:
            with suppress(_Stopped):
                execute(spec, options, _stopping(stop))
        record = execute(spec, options, _stopping(None))
        assert record.status == "done", f"{spec.method.name} failed: {record.reason}\n{record.traceback}"
        store = RunStore(options.runs)
        saved = load_checkpoint(checkpoint_path(store.folder(spec.key())), spec.key())
        assert saved is not None
        scores = self._scores(store, record)
        outputs = {
            f"{path.stem}.{name}": tensor
            for path in sorted(store.outputs_path(spec, steps).parent.glob("*.safetensors"))
            for name, tensor in load_file(path).items()
        }
        return Trained(record, store.predictions(spec.key()), saved.method, outputs, scores)

    def logits(self, trained: Trained, runs: str, *batch_sizes: int) -> list[Tensor]:
        """Return by batch size the logits [N, K] of a run's final weights on its first test domain."""
        options = WorkerOptions(runs=self.folder / runs, home=self.catalog.home, local=self.local)
        spec, device = trained.record.spec, torch.device("cpu")
        with scoped_seed("run", spec.seed):
            attempt = Attempt(spec, options, RunStore(options.runs), self.registry, device)
            method, data = attempt.trained(_stopping(None))
            view = next(iter(data.target_test.values()))
            return [
                predict_all(method, view.images, device, torch.float32, view.extras, size).logits
                for size in batch_sizes
            ]

    def _scores(self, store: RunStore, record: RunRecord) -> dict[str, dict[int, float]]:
        """Return the scores of every registered rule that is no oracle and has a meaning for the run."""
        rules = [rule.name for rule in self.registry.validators if not rule.oracle]
        selectors = [Selector(store, self.registry, rule, self.suite.metric) for rule in rules]
        return {s.rule: s.scores(record) for s in selectors if not s.unfit(record)}


def permute_labels(catalog: Catalog, domain: str) -> None:
    """Shuffle the labels of one toy domain in a catalog's own copy, so that no image keeps its label by design."""
    root = catalog.root("toy")
    lines = list(csv.DictReader(io.StringIO((root / LABELS).read_text())))
    rows = [line for line in lines if line["domain"] == domain]
    order = np.random.Generator(np.random.Philox(7)).permutation(len(rows))
    for line, label in zip(rows, [rows[i]["label"] for i in order], strict=True):
        line["label"] = label
    text = io.StringIO()
    writer = csv.DictWriter(text, ["id", "domain", "label"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    atomic_write_text(root / LABELS, text.getvalue())
    catalog.add("toy", root)


def _suite(
    registry: Registry,
    method: str,
    setting: str,
    config: dict[str, Any],
    sources: tuple[str, ...],
    target: str,
    recipe: Recipe,
) -> Suite:
    return Suite(
        name="contract",
        protocol=registry.protocols.get(setting),
        tasks=(
            Task(
                id="toy",
                sources=tuple(Domain(dataset="toy", name=name) for name in sources),
                targets=(Domain(dataset="toy", name=target),),
                label_space="toy3",
            ),
        ),
        methods={method: config},
        recipe=recipe,
    )
