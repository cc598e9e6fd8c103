"""A second set of a method's networks that no optimiser touches: a teacher, an average, a frozen encoder."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from ucdver import Method, ParameterGroup


class NetworkCopy(nn.Module):
    """Copies of a method's backbone, bottleneck and head, with weights of their own that survive a resume.

    Args:
        method: whose networks are copied, as they are now.
    """

    def __init__(self, method: Method) -> None:
        super().__init__()
        self.backbone = copy.deepcopy(method.backbone)
        self.bottleneck = copy.deepcopy(method.bottleneck)
        self.head = copy.deepcopy(method.head)
        self.requires_grad_(False)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return features [B, D] and logits [B, K] of images, without dropout before the head."""
        features = self.bottleneck(self.backbone(images))
        return features, self.head(features)

    @torch.no_grad()
    def pull(self, method: Method, weight: float | Tensor) -> None:
        """Move every weight and running statistic by `weight` of the way towards the method's: 1 copies them.

        A tensor as weight keeps a decision on the device. Counters are copied.
        """
        for name in ("backbone", "bottleneck", "head"):
            mine, theirs = getattr(self, name).state_dict(), getattr(method, name).state_dict()
            for key, value in mine.items():
                if value.is_floating_point():
                    value.lerp_(theirs[key], weight)
                else:
                    value.copy_(theirs[key])


def trained_groups(method: Method, *untrained: nn.Module) -> list[ParameterGroup]:
    """Return the method's usual parameter groups without the parameters of `untrained`."""
    left_out = {id(p) for module in untrained for p in module.parameters()}
    kept = []
    for group in Method.parameter_groups(method):
        parameters = [p for p in group.parameters if id(p) not in left_out]
        if parameters:
            kept.append(ParameterGroup(parameters, group.lr_multiplier, group.weight_decay, group.name))
    return kept
