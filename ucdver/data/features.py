"""The features of a frozen backbone, computed once per image."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from filelock import FileLock

from ucdver.backbones.base import Backbone
from ucdver.data.images import ImageStore, Progress, open_npy
from ucdver.errors import DataError
from ucdver.files import atomic_path, sweep
from ucdver.spec.base import sha256_of
from ucdver.spec.recipe import Recipe
from ucdver.spec.run import ENGINE


def open_features(
    store: ImageStore,
    backbone: Backbone,
    key: str,
    device: torch.device | str,
    batch_size: int = 64,
    progress: Progress | None = None,
) -> npt.NDArray[np.float32]:
    """Return the features [N, D] float32 of a store's images, computing them first where the cache lacks
    them.

    Args:
        store: the decoded images, which are not augmented.
        backbone: is moved to `device`; put into eval mode for the computation, and back afterwards.
        key: names the network and its weights (name and hash); the images are named by the store's own key.
        device: where to compute.
        batch_size: images in a forward pass; no part of the cache's name.
        progress: called with (done, total) as they are computed; not called where the cache holds them.

    Raises:
        DataError: a feature is not finite.
    """
    name = f"{store.key}-{sha256_of(key)[:16]}"
    path = store.home / "features" / f"{name}.npy"
    shape = (len(store.ids), backbone.num_features)
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(f".{name}.lock")):
        features = open_npy(path, shape, np.float32)
        if features is None:
            sweep(path)
            computed = _compute(store, backbone, torch.device(device), batch_size, progress)
            with atomic_path(path) as temporary:
                np.save(temporary, computed, allow_pickle=False)
            features = open_npy(path, shape, np.float32)
    if features is None:
        raise DataError(f"{path} cannot be read back", "is the disk full or the folder removed?")
    return features


def recipe_key(recipe: Recipe, weights_sha256: str, backbone_sha256: str, seed: int) -> str:
    """Return the `key` under which a recipe's network is cached; one without weights is another for every seed."""
    # With the engine, since a network of ucdver's own may give other features of the same weights under another one.
    named = [ENGINE, recipe.backbone_name, *([weights_sha256] if weights_sha256 else ["random", seed])]
    named += [backbone_sha256] if backbone_sha256 else []
    return sha256_of(named)[:16]


def _compute(
    store: ImageStore, backbone: Backbone, device: torch.device, batch_size: int, progress: Progress | None
) -> npt.NDArray[np.float32]:
    modes = [(module, module.training) for module in backbone.modules()]
    backbone.to(device).eval()
    features = np.empty((len(store.ids), backbone.num_features), np.float32)
    try:
        with torch.no_grad():
            for start in range(0, len(store.ids), batch_size):
                images = torch.from_numpy(store.array[start : start + batch_size]).to(device)
                batch: torch.Tensor = backbone(images.float().div_(255))
                features[start : start + batch_size] = batch.float().cpu().numpy()
                if progress is not None:
                    progress(min(start + batch_size, len(store.ids)), len(store.ids))
    finally:
        for module, training in modes:
            module.training = training
    bad = np.flatnonzero(~np.isfinite(features).all(axis=1))
    if bad.size:
        raise DataError(f"the backbone's feature of image '{store.ids[bad[0]]}' is not finite", "check its weights")
    return features
