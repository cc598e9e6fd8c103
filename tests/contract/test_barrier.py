"""The barrier itself: cheats that the contract must catch, one by one."""

from pathlib import Path

import numpy as np
import pytest

from ucdver.plugins import reset
from ucdver.testing.contract import ToyBench, check_label_barrier, check_reproducible

CHEATS = '''\
import random
import torch
from pathlib import Path
from torch.nn.functional import cross_entropy
from ucdver import Method, MethodSpec, hookimpl


class Plain(Method):
    def step(self, batch, progress):
        return {"total": cross_entropy(self(batch.sources.images), batch.sources.labels)}


class ReadsTheFile(Plain):
    """Finds the label file on disk, as a careless loader would, and lets it move a weight."""

    def step(self, batch, progress):
        import os
        text = next(Path(os.environ["UCDVER_TEST_ROOT"]).rglob("labels.csv")).read_text()
        rows = [line.split(",") for line in text.splitlines() if ",outline," in line]
        leaked = sum(i for i, row in enumerate(rows) if row[2] == "disc")
        losses = super().step(batch, progress)
        return {"total": losses["total"] * (1 + 1e-6 * leaked)}


class DrawsFromPython(Plain):
    def step(self, batch, progress):
        losses = super().step(batch, progress)
        return {"total": losses["total"] * (1 + 0.01 * random.random())}


class SkipsTheSeed(Plain):
    def __init__(self, task, backbone, config):
        super().__init__(task, backbone, config)
        generator = torch.Generator()
        generator.seed()
        with torch.no_grad():
            self.head.weight.copy_(torch.randn(self.head.weight.shape, generator=generator))


class ThrowsDice(Method):
    """Is not trained, and yet another at every seed."""

    trains = False


class CountsRows(Plain):
    """The toy's pictures come disc, bar, cross, disc, ...: a row number in the order of ids gives its label away."""

    def step(self, batch, progress):
        images = torch.cat([batch.sources.images, batch.target.images])
        labels = torch.cat([batch.sources.labels, batch.target.ids % 3])
        return {"total": cross_entropy(self(images), labels)}


class CountsPredictions(Plain):
    def predict(self, images, extras):
        prediction = super().predict(images, extras)
        logits = torch.nn.functional.one_hot(torch.arange(len(images)) % 3, 3).float()
        return prediction._replace(logits=logits)


@hookimpl
def ucdver_methods():
    return [
        MethodSpec(name=name, version="1", target=f"ucdver_local:{target}", settings=("uda",), summary="a test")
        for name, target in [
            ("plain", "Plain"), ("reads", "ReadsTheFile"), ("draws", "DrawsFromPython"), ("skips", "SkipsTheSeed"),
            ("rows", "CountsRows"), ("places", "CountsPredictions"),
            ("dice", "ThrowsDice"),
        ]
    ]
'''


@pytest.fixture
def local(tmp_path: Path) -> Path:
    folder = tmp_path / "local"
    folder.mkdir()
    (folder / "ucdver_local.py").write_text(CHEATS)
    reset()
    return folder


def test_an_honest_method_passes(tmp_path: Path, local: Path) -> None:
    check_reproducible(tmp_path / "a", "plain", "uda", local=local)
    check_label_barrier(tmp_path / "b", "plain", "uda", local=local)


def test_target_labels_read_behind_the_barrier_are_noticed(
    tmp_path: Path, local: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ucdver.testing.contract as contract

    class Bench(contract.ToyBench):
        def train(self, *arguments: object, **more: object) -> contract.Trained:  # type: ignore[override]
            monkeypatch.setenv("UCDVER_TEST_ROOT", str(self.folder))
            return super().train(*arguments, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(contract, "ToyBench", Bench)
    with pytest.raises(AssertionError, match="reads sees target labels in setting 'uda'"):
        check_label_barrier(tmp_path / "b", "reads", "uda", local=local)


def test_global_random_numbers_are_noticed(tmp_path: Path, local: Path) -> None:
    with pytest.raises(AssertionError, match="draws from the random numbers of Python"):
        check_reproducible(tmp_path / "a", "draws", "uda", local=local)


def test_a_method_that_does_not_follow_its_seed_is_noticed(tmp_path: Path, local: Path) -> None:
    with pytest.raises(AssertionError, match="gives other results at the same seed"):
        check_reproducible(tmp_path / "a", "skips", "uda", local=local)


def test_a_method_that_is_not_trained_and_depends_on_the_seed_is_noticed(tmp_path: Path, local: Path) -> None:
    with pytest.raises(AssertionError, match="dice is not trained, and depends on the seed"):
        check_reproducible(tmp_path / "a", "dice", "uda", local=local)


@pytest.mark.parametrize("name", ["rows", "places"])
def test_the_order_of_target_rows_gives_no_label_away(tmp_path: Path, local: Path, name: str) -> None:
    """Sixty images, three classes; in the order of ids these two would be right every time."""
    trained = ToyBench(tmp_path / "a", name, "uda", local=local).train(steps=60)
    found = trained.predictions.select("target_test")
    hits = float(np.mean(found.logits.argmax(axis=1) == found.labels))
    if name == "places":
        assert hits < 1 / 3 + 0.25
    else:
        assert hits < 0.9
