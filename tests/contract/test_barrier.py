"""The barrier itself: cheats that the contract must catch, one by one."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from torch import Tensor

from ucdver import Batch, Prediction
from ucdver.methods.source_only import SourceOnly
from ucdver.plugins import reset
from ucdver.testing.contract import ToyBench, check_label_barrier, check_reproducible

CHEATS = '''\
import random

import numpy as np
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


class DrawsFromNumpy(Plain):
    def step(self, batch, progress):
        losses = super().step(batch, progress)
        return {"total": losses["total"] * (1 + 0.01 * np.random.rand())}


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


class KeepsAside(Plain):
    """What a step leaves for the next one is no part of its state, and gone when a run goes on."""

    def step(self, batch, progress):
        self.seen = getattr(self, "seen", 0) + 1
        return {"total": super().step(batch, progress)["total"] * (1 + 0.01 * self.seen)}


class Hoards(Plain):
    """Keeps source images for the phase that has none."""

    def step(self, batch, progress):
        if batch.has_source:
            self.kept = batch.sources
        return {"total": cross_entropy(self(self.kept.images), self.kept.labels)}


class LooksAround(Plain):
    def predict(self, images, extras):
        prediction = super().predict(images, extras)
        return prediction._replace(logits=prediction.logits - prediction.logits.mean(0))


@hookimpl
def ucdver_methods():
    hoards = MethodSpec(name="hoards", version="1", target="ucdver_local:Hoards", settings=("sfda",), summary="a test")
    return [
        hoards,
        *_adapting(),
    ]


def _adapting():
    return [
        MethodSpec(name=name, version="1", target=f"ucdver_local:{target}", settings=("uda",), summary="a test")
        for name, target in [
            ("plain", "Plain"), ("reads", "ReadsTheFile"), ("draws", "DrawsFromPython"), ("skips", "SkipsTheSeed"),
            ("numpy", "DrawsFromNumpy"),
            ("rows", "CountsRows"), ("places", "CountsPredictions"),
            ("dice", "ThrowsDice"), ("aside", "KeepsAside"), ("around", "LooksAround"),
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


@pytest.mark.parametrize("name", ["draws", "numpy"])
def test_global_random_numbers_are_noticed(tmp_path: Path, local: Path, name: str) -> None:
    # Numpy's state is drawn in blocks of 624: in the middle of one, a few draws move the place in it alone.
    state = np.random.get_state(legacy=False)  # noqa: NPY002
    np.random.set_state({**state, "state": {**state["state"], "pos": 10}})  # noqa: NPY002
    with pytest.raises(AssertionError, match="draws from the random numbers of Python or numpy"):
        check_reproducible(tmp_path / "a", name, "uda", local=local)


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


@pytest.mark.parametrize(("name", "setting"), [("aside", "uda"), ("hoards", "sfda")])
def test_what_a_method_keeps_outside_its_state_is_noticed(tmp_path: Path, local: Path, name: str, setting: str) -> None:
    ToyBench(tmp_path / "whole", name, setting, local=local).train()
    # The one goes on with other weights, the other cannot go on at all.
    with pytest.raises(AssertionError, match=f"{name} (gives other results when it was stopped and goes on|failed)"):
        check_reproducible(tmp_path / "a", name, setting, local=local)


def test_a_prediction_that_depends_on_the_images_beside_it_is_noticed(tmp_path: Path, local: Path) -> None:
    with pytest.raises(AssertionError, match="around predicts 100 % of the images otherwise in another batch"):
        check_reproducible(tmp_path / "a", "around", "uda", local=local)


def test_no_unseen_image_is_shown_before_the_last_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bytes] = []
    trained_on: list[int] = []
    predict, step = SourceOnly.predict, SourceOnly.step

    def watched_predict(self: SourceOnly, images: Tensor, extras: Mapping[str, Tensor]) -> Prediction:
        seen.extend(image.numpy().tobytes() for image in images)
        return predict(self, images, extras)

    def watched_step(self: SourceOnly, batch: Batch, progress: float) -> dict[str, Tensor]:
        trained_on.append(len(seen))
        return step(self, batch, progress)

    monkeypatch.setattr(SourceOnly, "predict", watched_predict)
    monkeypatch.setattr(SourceOnly, "step", watched_step)
    trained = ToyBench(tmp_path, "source_only", "uc").train()
    early, late = set(seen[: trained_on[-1]]), set(seen[trained_on[-1] :])
    # At the checkpoint in the middle rules are given outputs on what training shows, and nothing else.
    tested = len(trained.predictions.select("target_test"))
    assert early and len(late - early) == tested
