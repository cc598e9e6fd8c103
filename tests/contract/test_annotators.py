"""Annotators and the label barrier: every registered one, and planted ones that the contract must catch."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch

from ucdver import Item, WeightsError
from ucdver.plugins import load_registry, reset
from ucdver.runs.plan import make_plan
from ucdver.testing.annotators import annotate, annotated_toys, check_annotator
from ucdver.testing.contract import ToyBench, check_label_barrier, check_reproducible

LOCAL = '''\
import itertools
import os
from pathlib import Path
import torch
from torch.nn.functional import cross_entropy
from ucdver import Annotator, AnnotatorSpec, Method, MethodSpec, Prediction, hookimpl

COUNT = itertools.count()


class Brightness(Annotator):
    dtype = "float16"
    batch_size = 7

    def annotate(self, items):
        return torch.stack([item.image.float().mean((1, 2)) for item in items]) / 255


class Peeks(Annotator):
    def annotate(self, items):
        return torch.tensor([float(items[0].labels["toy3"] == "disc")] * len(items))


class ReadsTheFile(Annotator):
    def annotate(self, items):
        text = next(Path(os.environ["UCDVER_TEST_ROOT"]).rglob("labels.csv")).read_text()
        rows = [line.split(",") for line in text.splitlines() if ",outline," in line]
        return torch.full((len(items),), float(sum(i for i, row in enumerate(rows) if row[2] == "disc")))


class LooksAround(Annotator):
    def annotate(self, items):
        bright = torch.stack([item.image.float().mean() for item in items])
        return bright - bright.mean()


class Counts(Annotator):
    def annotate(self, items):
        return torch.full((len(items),), float(next(COUNT)))


class Uses(Method):
    """Adds what is annotated to its features, in training, in the views and in predictions."""

    wants_views = True

    @classmethod
    def needed_extras(cls, config):
        return ("brightness", "topic")

    def __init__(self, task, backbone, config):
        super().__init__(task, backbone, config)
        (width,) = task.extras["brightness"]
        assert task.extras["topic"] == ()
        self.read = torch.nn.Linear(width, self.feature_dim)

    def predict(self, images, extras):
        assert extras["topic"].dtype == torch.int64 and len(extras["topic"]) == len(images)
        features = self.forward_features(images) + self.read(extras["brightness"])
        return Prediction(features, self.classify(features))

    def on_epoch(self, views, epoch):
        assert views.target is None or len(views.target.logits) == 60

    def step(self, batch, progress):
        loss = torch.zeros(())
        if batch.has_source:
            logits = self.predict(batch.sources.images, batch.sources.extras).logits
            loss = loss + cross_entropy(logits, batch.sources.labels)
        if batch.has_target:
            loss = loss + self.predict(batch.target.images, batch.target.extras).logits.square().mean()
        return {"total": loss}


@hookimpl
def ucdver_annotators():
    def spec(name, target, reads=("image",)):
        return AnnotatorSpec(
            name=name, version="1", target=f"ucdver_local:{target}", kind="tensor", reads=reads, summary="a test"
        )

    return [
        spec("brightness", "Brightness"), spec("peeks", "Peeks"), spec("reads", "ReadsTheFile", ("digest",)),
        spec("counts", "Counts", ("digest",)),
        spec("around", "LooksAround", ("image",)),
    ]


@hookimpl
def ucdver_methods():
    return [
        MethodSpec(
            name="uses", version="1", target="ucdver_local:Uses", settings=("uda", "sfda", "uc"), summary="a test"
        )
    ]
'''


@pytest.fixture
def local(tmp_path: Path) -> Path:
    folder = tmp_path / "local"
    folder.mkdir()
    (folder / "ucdver_local.py").write_text(LOCAL)
    reset()
    return folder


@pytest.mark.parametrize("name", [spec.name for spec in load_registry().annotators if not spec.extra])
def test_every_annotator_is_reproducible_and_blind_to_labels(name: str) -> None:
    try:
        check_annotator(name)
    except WeightsError as error:
        pytest.skip(f"it lacks weights that only a hub has: {error}")


def test_an_item_has_no_label_id_split_or_domain() -> None:
    names = {name for name in dir(Item) if not name.startswith("_")}
    assert names == {"image", "digest", "text", "topic", "annotation"}
    with pytest.raises(AttributeError):
        Item("x").labels  # type: ignore[attr-defined]  # noqa: B018


def test_an_annotator_that_tries_to_read_labels_finds_no_field(tmp_path: Path, local: Path) -> None:
    with pytest.raises(Exception, match="'peeks' could not annotate: AttributeError: 'Item' object has no attribute"):
        annotated_toys(tmp_path / "home", "peeks", local=local)


def test_labels_read_behind_the_barrier_are_noticed(
    tmp_path: Path, local: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UCDVER_TEST_ROOT", str(tmp_path / "a"))
    plain = annotated_toys(tmp_path / "a", "reads", local=local)
    monkeypatch.setenv("UCDVER_TEST_ROOT", str(tmp_path / "b"))
    shuffled = annotated_toys(tmp_path / "b", "reads", local=local, permute=True)
    assert not np.array_equal(plain["outline"], shuffled["outline"])


def test_an_annotator_that_is_not_reproducible_is_noticed(local: Path) -> None:
    with pytest.raises(AssertionError, match="counts gives other results the second time"):
        check_annotator("counts", local=local)


def test_an_annotator_that_looks_at_the_images_beside_one_is_noticed(local: Path) -> None:
    with pytest.raises(AssertionError, match="around gives other results the second time, in batches of 5"):
        check_annotator("around", local=local)


@pytest.mark.parametrize("setting", ["uda", "sfda", "uc"])
def test_a_method_with_extras_keeps_the_contract(tmp_path: Path, local: Path, setting: str) -> None:
    if setting == "uda":
        check_reproducible(tmp_path / "a", "uses", setting, local=local)
    check_label_barrier(tmp_path / "b", "uses", setting, local=local)


def test_extras_go_with_frozen_features_and_move_the_key(tmp_path: Path, local: Path) -> None:
    bench = ToyBench(tmp_path, "uses", "uda", local=local)
    recipe = bench.suite.recipe.model_copy(update={"frozen": True})
    images = bench.suite
    bench.suite = images.model_copy(update={"recipe": recipe})
    assert np.isfinite(bench.train().predictions.logits).all()
    spec = make_plan(bench.suite, bench.registry, bench.catalog).runs[0]
    assert set(spec.annotations) == {"brightness", "topic"}
    keys = {spec.key()}
    for name, value in itertools.product(spec.annotations, ("0" * 64, "1" * 64)):
        keys.add(spec.model_copy(update={"annotations": {**spec.annotations, name: value}}).key())
    assert len(keys) == 5


def test_one_annotator_alone_on_rows_of_a_test(local: Path) -> None:
    grey = [{"image": torch.full((3, 4, 4), value, dtype=torch.uint8)} for value in (0, 51, 255)]
    found = annotate("brightness", grey * 5, local=local)
    assert isinstance(found, torch.Tensor) and found.dtype == torch.float16
    assert torch.allclose(found[:3].float(), torch.tensor([[0.0] * 3, [0.2] * 3, [1.0] * 3]), atol=1e-3)
    assert annotate("text", [{"text": "a"}, {"text": ""}]) == ["a", ""]
