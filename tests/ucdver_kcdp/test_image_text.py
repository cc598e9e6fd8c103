"""The image encoder of the small image-text model as a backbone, and what is told of its weights."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from ucdver import WeightsError
from ucdver.backbones.build import build_backbone
from ucdver.plugins import load_registry
from ucdver.spec.recipe import Recipe
from ucdver_kcdp.image_text import ImageText
from ucdver_kcdp.projections import WIDTH

CPU = torch.device("cpu")
PICTURES = torch.randint(0, 256, (4, 3, 64, 64), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


def test_the_backbone_gives_the_image_text_models_embedding() -> None:
    registry = load_registry()
    backbone = build_backbone(registry, Recipe(backbone="emoji_image_text@package")).eval()
    images = PICTURES.float() / 255
    with torch.no_grad():
        features = backbone(images)
    assert features.shape == (4, WIDTH) == (4, backbone.num_features)
    assert torch.allclose(F.normalize(features, dim=1), ImageText(CPU).pictures(images), atol=1e-4)
    assert torch.allclose(features.square().mean(1), torch.ones(4), atol=1e-3)
    assert all(p.requires_grad for p in backbone.parameters())
    with pytest.raises(WeightsError, match="has no weights 'none'"):
        build_backbone(registry, Recipe(backbone="emoji_image_text@none"))
