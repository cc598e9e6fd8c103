"""The contract that every method must keep, as one call: `check_method("name")`.

It trains the method for a few steps on generated shapes, in every setting that it supports, through the same code as a
bench, and raises AssertionError with what is wrong. Plugin authors call it from their own tests.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

# On its first import rich draws from Python's random numbers; were that within a run, the method would be blamed.
import rich.style  # noqa: F401
import torch
from torch import Tensor

from ucdver.methods.config import method_class
from ucdver.plugins import load_registry
from ucdver.testing.toy_bench import STEPS, Annotators, ToyBench, Trained, permute_labels

__all__ = [
    "STEPS",
    "Annotators",
    "ToyBench",
    "Trained",
    "check_label_barrier",
    "check_method",
    "check_reproducible",
    "permute_labels",
    "same",
]

#: In the middle of the only phase, and where a second one begins: what is kept is the step before.
STOPS = (7,)
#: Batches of predictions: an image's must not depend on those beside it.
FEW, MANY = 7, 256
#: How many of the images may differ: a method that takes the best of equal tokens may take another by rounding.
MOST_ROUNDED = 0.05


def same(a: Trained, b: Trained) -> list[str]:
    """Return what differs between two runs, bit by bit: weights, logits, outputs, scores; empty when nothing does."""
    different = _apart(a.state, b.state)
    if a.predictions.ids != b.predictions.ids:
        return [*different, "the images predicted"]
    if not np.array_equal(a.predictions.logits, b.predictions.logits):
        different.append("the logits")
    if set(a.outputs) != set(b.outputs):
        return [*different, "what is saved at checkpoints"]
    different += _apart(a.outputs, b.outputs)
    return [*different, *(f"the score of {rule}" for rule in a.scores if a.scores[rule] != b.scores.get(rule))]


def _apart(some: Mapping[str, Tensor], others: Mapping[str, Tensor]) -> list[str]:
    """Return the names of the tensors that one side lacks or that differ; NaN, as of what was never seen, is NaN."""

    def alike(a: Tensor, b: Tensor) -> bool:
        return a.dtype == b.dtype and a.shape == b.shape and bool(((a == b) | (a != a) & (b != b)).all())

    names = dict.fromkeys((*some, *others))
    return [name for name in names if name not in some or name not in others or not alike(some[name], others[name])]


def check_method(
    name: str,
    config: Mapping[str, Any] | None = None,
    local: Path | None = None,
    annotators: Annotators | None = None,
) -> None:
    """Check the contract for a registered method in every setting that it supports.

    Raises:
        AssertionError: it fails to train, is not reproducible, goes on otherwise after a stop, predicts an image
            otherwise in another batch, disturbs global random numbers, or sees target labels.
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
    """Check that a run depends on its seed alone, stopped or not, and leaves the global random numbers as they were."""
    bench = ToyBench(folder, name, setting, config, local, annotators=annotators)
    before = _global_random_state()
    first = bench.train("first")
    after = _global_random_state()
    assert before[:2] == after[:2], f"{name} draws from the random numbers of Python or numpy"
    assert torch.equal(before[2], after[2]), f"{name} moves torch's random numbers outside the run"
    torch.manual_seed(int(before[2][:8].sum()) + 1)
    again = bench.train("again", stops=STOPS, checkpoint_seconds=0)
    torch.set_rng_state(before[2])
    different = same(first, again)
    if different:
        whole = same(first, bench.train("whole"))
        assert not whole, f"{name} gives other results at the same seed: {whole[:3]}"
        where = f"{name} gives other results when it was stopped and goes on: {different[:3]}"
        raise AssertionError(f"{where}; what a step leaves for later ones must be in its state_dict")
    few, many = bench.logits(first, "first", FEW, MANY)
    far = ((few - many).abs().amax(1) > 1e-4).float().mean().item()
    assert far <= MOST_ROUNDED, f"{name} predicts {100 * far:.0f} % of the images otherwise in another batch"
    other = bench.train("other", seed=1)
    if method_class(bench.registry, name).trains:
        assert same(first, other), f"{name} gives the same result at every seed"
    else:
        assert not same(first, other), f"{name} is not trained, and depends on the seed: {same(first, other)[:3]}"
    assert np.isfinite(first.predictions.logits).all(), f"{name} predicts logits that are not finite"


def _global_random_state() -> tuple[object, str, Tensor]:
    """Return the state of Python's, numpy's and torch's global random numbers."""
    numpy_state = np.random.get_state(legacy=False)  # noqa: NPY002 - read, to prove that nobody draws from it
    # The key changes once in 624 draws; what moves with each is the place in it.
    key, place = numpy_state["state"]["key"].tolist(), numpy_state["state"]["pos"]
    state = repr((key, place, numpy_state["has_gauss"], numpy_state["gauss"]))
    return random.getstate(), state, torch.get_rng_state()


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
