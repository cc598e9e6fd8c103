"""The last maps of a backbone, before it pools them."""

from __future__ import annotations

import torch
from torch import Tensor

from ucdver import Backbone, SpecError

#: Side in pixels of the blank picture with which a backbone is tried; timm's are tried at the side they were made for.
PROBE = 64


def spatial_maps(backbone: Backbone, images: Tensor) -> Tensor:
    """Return the maps [B, C, H, W] of images [B, 3, h, w] in [0, 1], from the body's `forward_features`.

    Channels come first, also where the body says with `output_fmt`, as timm's do, that they come last.
    """
    maps: Tensor = backbone.body.forward_features((images - backbone.mean) / backbone.std)  # type: ignore[operator]
    return maps.permute(0, 3, 1, 2) if getattr(backbone.body, "output_fmt", "NCHW") == "NHWC" else maps


def map_width(backbone: Backbone) -> int:
    """Return how many maps there are, C; where there are none, it is a SpecError."""
    found = width_or_reason(backbone, type(backbone.body).__name__)
    if isinstance(found, str):
        raise SpecError(f"wscnet {found}", "use a convolutional network of timm, as in resnet101@hub, or convnet")
    return found


def width_or_reason(backbone: Backbone, name: str) -> int | str:
    """Return C, found with a blank picture, or why the backbone, which the reason calls `name`, has no maps."""
    lacks = f"works on the maps of a network before they are pooled, and {name} hands over none"
    if not hasattr(backbone.body, "forward_features"):
        return lacks
    published = dict(getattr(backbone.body, "pretrained_cfg", None) or {})
    side = published["input_size"][-1] if published else PROBE
    training = backbone.training
    backbone.eval()
    with torch.no_grad():
        maps = spatial_maps(backbone, backbone.mean.expand(1, -1, side, side))
    backbone.train(training)
    return maps.shape[1] if isinstance(maps, Tensor) and maps.dim() == 4 else lacks
