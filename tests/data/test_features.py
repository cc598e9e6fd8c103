from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from support import tiny_images
from torch import Tensor, nn

from ucdver.backbones.base import Backbone
from ucdver.data import features as cached
from ucdver.data.features import open_features, recipe_key
from ucdver.data.images import ImageStore, open_images
from ucdver.errors import DataError
from ucdver.spec.recipe import ImageRecipe, Recipe
from ucdver.spec.task import Domain


class Body(nn.Module):
    """Channel means, and a dropout and a norm that would show if the mode were wrong; counts the images it saw."""

    def __init__(self, factor: float = 1.0) -> None:
        super().__init__()
        self.factor = factor
        self.drop = nn.Dropout(0.5)
        self.norm = nn.BatchNorm1d(3, affine=False)
        self.seen = 0

    def forward(self, images: Tensor) -> Tensor:
        assert not torch.is_grad_enabled()
        self.seen += len(images)
        out: Tensor = self.norm(self.drop(images.mean((2, 3)))) * self.factor
        return out


@pytest.fixture
def store(tmp_path: Path) -> ImageStore:
    held = tiny_images.catalog(tmp_path)
    return open_images(held, held.registry, Domain(dataset="tiny", name="plain"), ImageRecipe(size=8))


def backbone(body: Body) -> Backbone:
    return Backbone(body, 3, mean=(0.5,) * 3, std=(0.25,) * 3)


def test_features_are_the_backbones_in_eval_mode(store: ImageStore) -> None:
    body = Body()
    net = backbone(body)
    net.train()
    body.drop.eval()
    features = open_features(store, net, "k", "cpu", batch_size=4)
    expected = (store.array.astype(np.float64) / 255).mean((2, 3)) * 4 - 2
    assert features.dtype == np.float32
    np.testing.assert_allclose(features, expected / np.sqrt(1 + 1e-5), atol=1e-5)
    assert net.training and body.norm.training and not body.drop.training
    assert body.norm.num_batches_tracked == 0


def test_they_are_computed_once_for_each_key_and_store(store: ImageStore) -> None:
    body = Body()
    first = np.array(open_features(store, backbone(body), "name@/a/path", "cpu", batch_size=4))
    np.testing.assert_array_equal(open_features(store, backbone(body), "name@/a/path", "cpu", batch_size=9), first)
    assert body.seen == 9
    open_features(store, backbone(body), "other", "cpu")
    assert body.seen == 18


def test_a_cut_cache_is_computed_again(store: ImageStore) -> None:
    first = np.array(open_features(store, backbone(Body()), "k", "cpu"))
    (path,) = (store.home / "features").glob("[!.]*.npy")
    path.write_bytes(path.read_bytes()[:-4])
    np.testing.assert_array_equal(open_features(store, backbone(Body()), "k", "cpu"), first)


def test_a_feature_that_is_no_number_is_refused_and_not_kept(store: ImageStore) -> None:
    with pytest.raises(DataError, match=r"image 'plain/\d{3}' is not finite"):
        open_features(store, backbone(Body(float("nan"))), "k", "cpu")
    assert list((store.home / "features").glob("*.npy")) == []


def test_what_a_killed_process_left_is_cleared_away(store: ImageStore) -> None:
    open_features(store, backbone(Body()), "k", "cpu")
    (path,) = (store.home / "features").glob("[!.]*.npy")
    left = path.with_name(f".tmp-0123-{path.name}")
    path.rename(left)
    open_features(store, backbone(Body()), "k", "cpu")
    assert path.is_file() and not left.exists()


@pytest.mark.parametrize("weights", ["", "a" * 64])
def test_another_engine_computes_features_of_its_own(weights: str, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = Recipe(backbone="convnet_s@none", frozen=True)
    key = recipe_key(recipe, weights, "", 1)
    assert recipe_key(recipe, weights, "", 1) == key
    monkeypatch.setattr(cached, "ENGINE", cached.ENGINE + 1)
    assert recipe_key(recipe, weights, "", 1) != key
