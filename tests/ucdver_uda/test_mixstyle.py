"""MixStyle: where in a network it mixes, when, and over what."""

from __future__ import annotations

import pytest
import timm
import torch
from naive.batches import vector_backbone
from support.tiny_runs import make, pictures, transformer
from timm.models.swin_transformer import SwinTransformer

from ucdver import Backbone, SpecError, TaskInfo
from ucdver_uda.mixstyle import MixStyle, early_stages


def test_mixstyle_mixes_in_training_alone() -> None:
    method = make(MixStyle, "uc", {"probability": 1.0})
    images = pictures("uc").source_train.images[:6].float() / 255
    method.train()
    assert not torch.equal(method.backbone(images), method.backbone(images))
    method.eval()
    assert torch.equal(method.backbone(images), method.backbone(images))
    never = make(MixStyle, "uc", {"probability": 0.0}).train()
    assert torch.equal(never.backbone(images), never.backbone(images))


def test_mixstyle_finds_the_early_stages_of_a_transformer_and_leaves_the_class_token() -> None:
    backbone = transformer()
    assert early_stages(backbone) == [backbone.body.blocks[0], backbone.body.blocks[1]]  # type: ignore[index, union-attr]
    method = MixStyle(TaskInfo(("a", "b"), ("d:a",), "uc", 4), backbone, MixStyle.Config(probability=1.0)).train()
    tokens = torch.randn(4, 5, 16)
    mixed = method._mix(backbone, (), tokens)
    assert torch.equal(mixed[:, 0], tokens[:, 0]) and not torch.equal(mixed[:, 1:], tokens[:, 1:])
    with pytest.raises(SpecError, match="no early stages"):
        early_stages(vector_backbone(3))


@pytest.mark.parametrize(
    ("name", "stages"),
    [
        ("test_resnet", ("layer1", "layer2")),
        ("test_convnext", ("stages.0", "stages.1")),
        ("test_mambaout", ("stages.0", "stages.1")),
        ("test_efficientnet", ("blocks.0", "blocks.1")),
        ("efficientnet_lite0", ("blocks.0", "blocks.1")),
        ("regnetx_002", ("s1", "s2")),
        ("densenet121", ("features.denseblock1", "features.denseblock2")),
    ],
)
def test_mixstyle_skips_the_stem_where_timm_lists_one(name: str, stages: tuple[str, str]) -> None:
    with torch.device("meta"):
        body = timm.create_model(name, pretrained=False, num_classes=0)
    backbone = Backbone(body, 8, mean=(0.5,) * 3, std=(0.5,) * 3)
    assert early_stages(backbone) == [body.get_submodule(stage) for stage in stages]


def test_mixstyle_mixes_over_the_picture_where_channels_come_last() -> None:
    """A Swin hands its stages on as [B, H, W, C]: means over the picture are what is exchanged, channel by channel."""
    body = SwinTransformer(img_size=32, patch_size=4, window_size=4, embed_dim=8, depths=(1, 1), num_heads=(1, 1))
    backbone = Backbone(body, body.num_features, mean=(0.5,) * 3, std=(0.5,) * 3)
    method = MixStyle(TaskInfo(("a", "b"), ("d:a",), "uc", 4), backbone, MixStyle.Config(probability=1.0)).train()
    values = torch.randn(4, 6, 5, 3) + torch.arange(4.0).view(4, 1, 1, 1)
    torch.manual_seed(0)
    mixed = method._mix(body, (), values)
    torch.manual_seed(0)
    torch.rand(())
    alpha = torch.tensor(0.1)
    weight = torch.distributions.Beta(alpha, alpha).sample((4,))
    partner = torch.randperm(4)
    mean = values.mean((1, 2))
    expected = weight[:, None] * mean + (1 - weight[:, None]) * mean[partner]
    torch.testing.assert_close(mixed.mean((1, 2)), expected, rtol=1e-4, atol=1e-4)
