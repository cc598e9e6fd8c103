"""Why WSCNet is not defined for a backbone: answered while a suite is planned, so torch is not imported at the top."""

from __future__ import annotations

from ucdver import Recipe, Task


def needs_maps(task: Task, recipe: Recipe) -> str:
    """Return why there are no maps, tried on timm's networks without their numbers.

    Any other backbone is tried when the method is made, before its first step.
    """
    import timm
    import torch

    from ucdver import Backbone
    from ucdver_tgca_pvt.wscnet.maps import width_or_reason

    name, channels = recipe.backbone_name, recipe.image.channels
    if name.partition(".")[0] not in timm.list_models():
        return ""
    with torch.device("meta"):
        body = timm.create_model(name, num_classes=0, in_chans=channels)
        found = width_or_reason(Backbone(body, 1, (0.5,) * channels, (0.5,) * channels), name)
    return found if isinstance(found, str) else ""
