"""The network that every method on a task starts from, and the name of its features."""

from __future__ import annotations

import torch

from ucdver.backbones.base import Backbone
from ucdver.backbones.build import build_backbone
from ucdver.data.features import recipe_key
from ucdver.registry import Registry
from ucdver.seeds import derive_seed, run_seed
from ucdver.spec.run import RunSpec


def seeded_backbone(registry: Registry, spec: RunSpec, device: torch.device) -> Backbone:
    """Return the run's backbone on the device; it seeds torch's default generator, so call it in `scoped_seed`.

    Raises:
        WeightsError: its weights are not those that the run declares.
    """
    # Seeded without the method's name: every method on a task starts from the same network.
    torch.manual_seed(derive_seed("backbone", run_seed(spec.task.id, spec.seed)))
    return build_backbone(registry, spec.recipe, spec.weights_sha256).to(device)


def feature_key(spec: RunSpec) -> str:
    """Return what names the features of the run's frozen backbone: its weights, or the seed of random ones."""
    return recipe_key(spec.recipe, spec.weights_sha256, spec.backbone_sha256, run_seed(spec.task.id, spec.seed))
