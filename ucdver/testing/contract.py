"""The contract that every method must keep, as one call: `check_method("name")`.

It trains the method for a few steps on generated shapes, in every setting that it supports, through the same code as a
bench, and raises AssertionError with what is wrong. Plugin authors call it from their own tests.
"""

from __future__ import annotations

import csv
import io
import random
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

# On its first import rich draws from Python's random numbers; were that within a run, the method would be blamed.
import rich.style  # noqa: F401
import torch
from safetensors.torch import load_file
from torch import Tensor

from ucdver.data.catalog import Catalog
from ucdver.evaluate.predictions import Predictions
from ucdver.files import atomic_write_text
from ucdver.methods.config import method_class
from ucdver.plugins import load_registry
from ucdver.registry import Registry
from ucdver.runs.options import WorkerOptions
from ucdver.runs.plan import make_plan
from ucdver.runs.prepare import Preparation
from ucdver.runs.selection import Selector
from ucdver.runs.store import RunStore
from ucdver.runs.worker import execute
from ucdver.spec.protocol import Protocol
from ucdver.spec.recipe import ImageRecipe, OptimRecipe, Recipe
from ucdver.spec.run import RunRecord
from ucdver.spec.suite import Suite
from ucdver.spec.task import Domain, Task
from ucdver.testing.toys import DOMAINS, LABELS
from ucdver.train.checkpoint import checkpoint_path, load_checkpoint
from ucdver.train.loop import LoopOptions

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

    def train(self, runs: str = "runs", seed: int = 0, steps: int = STEPS, **loop: float) -> Trained:
        """Carry out one run and return what it left; a failed run is an AssertionError with its traceback."""
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
            loop=LoopOptions(checkpoint_seconds=loop.get("checkpoint_seconds", 1e9)),
        )
        record = execute(spec, options, lambda done, total, losses: None)
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


def same(a: Trained, b: Trained) -> list[str]:
    """Return what differs between two runs, bit by bit: weights, logits, outputs, scores; empty when nothing does."""
    different = [name for name in a.state if not torch.equal(a.state[name], b.state[name])]
    if a.predictions.ids != b.predictions.ids:
        return [*different, "the images predicted"]
    if not np.array_equal(a.predictions.logits, b.predictions.logits):
        different.append("the logits")
    if set(a.outputs) != set(b.outputs):
        return [*different, "what is saved at checkpoints"]
    different += [name for name in a.outputs if not torch.equal(a.outputs[name], b.outputs[name])]
    return [*different, *(f"the score of {rule}" for rule in a.scores if a.scores[rule] != b.scores.get(rule))]


def check_method(
    name: str,
    config: Mapping[str, Any] | None = None,
    local: Path | None = None,
    annotators: Annotators | None = None,
) -> None:
    """Check the contract for a registered method in every setting that it supports.

    Raises:
        AssertionError: it fails to train, is not reproducible, disturbs global random numbers, or sees target labels.
    """
    for setting in load_registry(local).methods.get(name).settings:
        with tempfile.TemporaryDirectory(prefix="ucdver-contract-") as folder:
            check_reproducible(Path(folder) / "a", name, setting, config, local, annotators)
            check_label_barrier(Path(folder) / "b", name, setting, config, local, annotators)


def check_reproducible(
    folder: Path,
    name: str,
    setting: str,
    config: Mapping[str, Any] | None = None,
    local: Path | None = None,
    annotators: Annotators | None = None,
) -> None:
    """Check that a run depends on its seed alone, and leaves the global random numbers as they were."""
    bench = ToyBench(folder, name, setting, config, local, annotators=annotators)
    before = _global_random_state()
    first = bench.train("first")
    after = _global_random_state()
    assert before[:2] == after[:2], f"{name} draws from the random numbers of Python or numpy"
    assert torch.equal(before[2], after[2]), f"{name} moves torch's random numbers outside the run"
    torch.manual_seed(int(before[2][:8].sum()) + 1)
    again = bench.train("again")
    torch.set_rng_state(before[2])
    assert not same(first, again), f"{name} gives other results at the same seed: {same(first, again)[:3]}"
    other = bench.train("other", seed=1)
    if method_class(bench.registry, name).trains:
        assert same(first, other), f"{name} gives the same result at every seed"
    else:
        assert not same(first, other), f"{name} is not trained, and depends on the seed: {same(first, other)[:3]}"
    assert np.isfinite(first.predictions.logits).all(), f"{name} predicts logits that are not finite"


def _global_random_state() -> tuple[object, str, Tensor]:
    """Return the state of Python's, numpy's and torch's global random numbers."""
    numpy_state = np.random.get_state(legacy=False)  # noqa: NPY002 - read, to prove that nobody draws from it
    return random.getstate(), repr(numpy_state["state"]["key"].tolist()), torch.get_rng_state()


def check_label_barrier(
    folder: Path,
    name: str,
    setting: str,
    config: Mapping[str, Any] | None = None,
    local: Path | None = None,
    annotators: Annotators | None = None,
) -> None:
    """Check that shuffling the target's labels moves no weight, prediction or rule's score, unless for an oracle.

    An oracle must be moved: else the check would prove nothing.
    """
    plain = ToyBench(folder / "plain", name, setting, config, local, annotators=annotators).train()
    shuffled = ToyBench(
        folder / "shuffled", name, setting, config, local, permute_target=True, annotators=annotators
    ).train()
    moved = not np.array_equal(plain.predictions.labels, shuffled.predictions.labels)
    assert moved, "the shuffle changed no label, so this check proves nothing"
    different = same(plain, shuffled)
    if load_registry(local).methods.get(name).oracle:
        assert different, f"{name} is registered as an oracle and does not use target labels"
    else:
        assert not different, f"{name} sees target labels in setting '{setting}': {different[:3]} differ"
