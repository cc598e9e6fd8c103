"""Every network of timm, from scratch, from a local file or from the hub."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import timm
from huggingface_hub import hf_hub_download
from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError
from torch import Tensor, nn

from ucdver.backbones.base import Backbone
from ucdver.backbones.weights import load_state, read_weights
from ucdver.errors import SpecError, WeightsError

#: Before timm's own names where transformers saved the network.
WRAPPER = "timm_model."


class TimmBackbone(Backbone):
    """A timm network without its classifier; one made for a single picture size refuses others in words."""

    def __init__(self, name: str, body: nn.Module, mean: Sequence[float], std: Sequence[float]) -> None:
        # `num_features` is the width before any layer that some networks have between pooling and classifier.
        width: Any = getattr(body, "head_hidden_size", None) or body.num_features
        super().__init__(body, int(width), mean, std, channels_last=True)
        self.name = name
        config = _config(body)
        self.side: int | None = config["input_size"][-1] if config.get("fixed_input_size") else None

    def forward(self, images: Tensor) -> Tensor:
        """Return features [B, num_features] of images [B, C, H, W] in [0, 1]."""
        if self.side is not None and images.shape[-2:] != (self.side, self.side):
            height, width = images.shape[-2:]
            raise SpecError(
                f"backbone '{self.name}' takes {self.side}x{self.side} pictures, not {height}x{width}",
                f"set size = {self.side} in [recipe.image]",
            )
        return super().forward(images)


def names() -> list[str]:
    """Return every network of timm, as `resnet18` and, for a set of weights, as `resnet18.a1_in1k`."""
    return [*timm.list_models(), *timm.list_pretrained()]


def build(name: str, weights: Path | None, channels: int) -> Backbone:
    """Return timm's network `name`, with the mean and deviation its published weights were trained with.

    A checkpoint may have been saved by timm or by transformers. Its classifier is left out, and nothing else: any other
    key that is missing or left over is a WeightsError.
    """
    body = timm.create_model(name, pretrained=False, num_classes=0, in_chans=channels)
    config = _config(body)
    if weights is not None:
        classifier = config.get("classifier") or ()
        state = {key.removeprefix(WRAPPER): value for key, value in read_weights(weights).items()}
        drop = (classifier,) if isinstance(classifier, str) else tuple(classifier)
        load_state(body, state, weights, drop=drop)
    return TimmBackbone(name, body, _per_channel(config["mean"], channels), _per_channel(config["std"], channels))


def locate(name: str, source: str) -> Path:
    """Return the file of `name`'s published weights in the hub's cache, fetched where it is missing."""
    config = timm.get_pretrained_cfg(name)
    repository = config.hf_hub_id if config is not None else None
    if not repository:
        raise WeightsError(
            f"the hub has no weights for '{name}'", f"write {name}@none, or {name}@/path/file.safetensors"
        )
    try:
        return Path(hf_hub_download(repository, "model.safetensors"))
    except (HfHubHTTPError, EntryNotFoundError, OSError) as error:
        raise WeightsError(
            f"the weights of '{name}' cannot be fetched: {type(error).__name__}",
            f"download model.safetensors of '{repository}' and write {name}@/path/model.safetensors",
        ) from error


def _config(body: nn.Module) -> dict[str, Any]:
    config: Any = body.pretrained_cfg
    return dict(config)


def _per_channel(values: Sequence[float], channels: int) -> tuple[float, ...]:
    """Return `values` as published, or for another number of channels their mean, repeated."""
    if len(values) == channels:
        return tuple(values)
    return (sum(values) / len(values),) * channels
