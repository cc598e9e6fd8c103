"""The pyramids as backbones: from scratch, from a checkpoint, or from the hub."""

from __future__ import annotations

from pathlib import Path

from huggingface_hub import hf_hub_download
from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError
from torch import nn

from ucdver import Backbone, WeightsError, load_state, read_weights
from ucdver_tgca_pvt.pvt import PyramidVisionTransformer
from ucdver_tgca_pvt.pvt_v2 import small_pyramid
from ucdver_tgca_pvt.pyramids import PYRAMIDS, Pyramid
from ucdver_tgca_pvt.weights import load_pyramid

#: The weights of the paper's authors, converted by their uploader for transformers.
REPOSITORIES = {"pvt_tiny": "Zetatech/pvt-tiny-224", "pvt_small": "Zetatech/pvt-small-224"}
FILES = ("model.safetensors", "pytorch_model.bin")
#: Of ImageNet, with which the published weights were trained.
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def build(name: str, weights: Path | None, channels: int) -> Backbone:
    """Return `pvt_tiny` or `pvt_small` (512 features), or `pvt_mini` (96); weights that do not fit are a WeightsError.

    Weights may have the names of the authors' checkpoints or those of transformers.
    """
    return assemble(name, PYRAMIDS[name], weights, channels)


def assemble(name: str, pyramid: Pyramid, weights: Path | None, channels: int) -> Backbone:
    """Return a PVT v1 of any numbers, from scratch or from a checkpoint; `name` is what messages call it."""
    body = PyramidVisionTransformer(name, pyramid, channels)
    if weights is not None:
        load_pyramid(body, weights)
    return _normalising(body, pyramid.widths[-1], channels)


def build_v2(name: str, weights: Path | None, channels: int) -> Backbone:
    """Return `pvt_v2_mini` (96 features), timm's PVT v2 with the numbers of `pvt_mini`; weights have timm's names."""
    numbers = PYRAMIDS["pvt_mini"]
    body = small_pyramid(numbers, channels)
    if weights is not None:
        load_state(body, read_weights(weights), weights, drop=("head",))
    return _normalising(body, numbers.widths[-1], channels)


def _normalising(body: nn.Module, width: int, channels: int) -> Backbone:
    mean, std = (MEAN, STD) if channels == len(MEAN) else ((0.5,) * channels, (0.5,) * channels)
    return Backbone(body, width, mean=mean, std=std)


def locate(name: str, source: str) -> Path:
    """Return the file of the published weights in the hub's cache, fetched where it is missing."""
    repository = REPOSITORIES.get(name)
    if repository is None:
        raise WeightsError(f"the hub has no weights for '{name}'", f"write {name}@none, or {name}@/path/file")
    fault: Exception | None = None
    for file in FILES:
        try:
            return Path(hf_hub_download(repository, file))
        except EntryNotFoundError as error:
            fault = error
        except (HfHubHTTPError, OSError) as error:
            fault = error
            break
    raise WeightsError(
        f"the weights of '{name}' cannot be fetched: {type(fault).__name__}",
        f"download {FILES[0]} of '{repository}' and write {name}@/path/{FILES[0]}",
    ) from fault
