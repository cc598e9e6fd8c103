"""WSCNet: the branches against plain loops, gradients, backbones with and without maps, weights from a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from naive.wscnet import coupled, cross_entropy
from torch import Tensor, nn

from ucdver import Backbone, Batch, LabeledBatch, Recipe, SpecError, TaskInfo
from ucdver.backbones.build import build_backbone, weights_sha256
from ucdver.plugins import load_registry
from ucdver.spec.recipe import ImageRecipe
from ucdver.spec.task import Task
from ucdver_tgca_pvt.wscnet.applicable import needs_maps
from ucdver_tgca_pvt.wscnet.branches import CoupledBranches
from ucdver_tgca_pvt.wscnet.maps import spatial_maps
from ucdver_tgca_pvt.wscnet.method import WSCNet

TASK = TaskInfo(classes=("joy", "anger", "fear"), source_domains=("a",), setting="uda", total_steps=10)
REGISTRY = load_registry()


def backbone(text: str, side: int = 24) -> Backbone:
    return build_backbone(REGISTRY, Recipe(backbone=text, image=ImageRecipe(size=side)))


def made(**options: Any) -> WSCNet:
    torch.manual_seed(3)
    return WSCNet(TASK, backbone("convnet_s@none"), WSCNet.Config(**options)).double().eval()


def pictures(count: int = 5, side: int = 24) -> Tensor:
    return torch.rand(count, 3, side, side, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def batch(labels: list[int]) -> Batch:
    zeros = torch.zeros(len(labels), dtype=torch.long)
    return Batch(0, 10, "adapt", LabeledBatch(zeros, pictures(len(labels)), torch.tensor(labels), zeros), None)


@pytest.mark.parametrize("pooling", ["average", "maximum"])
@pytest.mark.parametrize(("classes", "maps"), [(3, 4), (4, 1), (2, 3)])
def test_the_branches_are_the_loops_over_classes_maps_and_places(pooling: Any, classes: int, maps: int) -> None:
    torch.manual_seed(classes)
    branches = CoupledBranches(5, classes, maps, pooling).double()
    features = torch.randn(2, 5, 3, 4, dtype=torch.float64)
    logits, vectors = branches(features)
    sentiment = branches.sentiment(features)[1]
    assert sentiment.shape == (2, 1, 3, 4)
    for i, one in enumerate(features):
        weight, bias = branches.detect.weight.detach().flatten(1), branches.detect.bias
        assert bias is not None
        expected = coupled(one, weight, bias.detach(), classes, pooling == "maximum")
        torch.testing.assert_close(logits[i].detach(), torch.tensor(expected["logits"]).double())
        torch.testing.assert_close(sentiment[i, 0].detach(), torch.tensor(expected["sentiment"]).double())
        torch.testing.assert_close(vectors[i].detach(), torch.tensor(expected["vector"]).double())


def test_the_gradient_is_that_of_differences() -> None:
    branches = CoupledBranches(3, 2, 2, "average").double()
    features = torch.randn(2, 3, 2, 2, dtype=torch.float64, requires_grad=True)
    weight, bias = branches.detect.weight, branches.detect.bias
    assert bias is not None

    def of(x: Tensor, w: Tensor, b: Tensor) -> tuple[Tensor, ...]:
        found: tuple[Tensor, ...] = torch.func.functional_call(branches, {"detect.weight": w, "detect.bias": b}, (x,))
        return found

    assert torch.autograd.gradcheck(of, (features, weight, bias))


@pytest.mark.parametrize("weight", [0.5, 0.2])
def test_the_loss_weighs_both_cross_entropies(weight: float) -> None:
    method, labels = made(detection_weight=weight), [0, 1, 2, 0, 1]
    shown = batch(labels)
    with torch.no_grad():
        maps = spatial_maps(method.backbone, shown.sources.images)
        detected, vectors = method.branches(maps)
        detection = cross_entropy(detected.tolist(), labels)
        classification = cross_entropy(method.head(vectors).tolist(), labels)
        losses = {name: float(value) for name, value in method.step(shown, 0.0).items()}
    assert losses["detection"] == pytest.approx(detection)
    assert losses["classification"] == pytest.approx(classification)
    assert losses["total"] == pytest.approx(weight * detection + (1 - weight) * classification)


@pytest.mark.parametrize("pooling", ["average", "maximum"])
def test_a_gradient_reaches_every_parameter(pooling: str) -> None:
    method = made(pooling=pooling).train()
    method.step(batch([0, 1, 2, 0, 1]), 0.0)["total"].backward()
    for name, parameter in method.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().max() > 0, name


def test_without_the_detection_loss_the_map_is_still_learnt() -> None:
    method = made(detection_weight=0.0)
    method.step(batch([0, 1, 2, 0, 1]), 0.0)["total"].backward()
    grad = method.branches.detect.weight.grad
    assert grad is not None and grad.abs().max() > 0


def test_a_picture_is_predicted_alone_and_in_any_order() -> None:
    method, images, order = made(), pictures(), torch.tensor([3, 0, 4, 1, 2])
    with torch.inference_mode():
        whole = method.predict(images, {})
        torch.testing.assert_close(method.predict(images[1:2], {}).logits, whole.logits[1:2])
        torch.testing.assert_close(method.predict(images[order], {}).logits, whole.logits[order])
        torch.testing.assert_close(method(images), whole.logits)
    assert whole.features.shape == (5, 256)


@pytest.mark.parametrize(("side", "shape"), [(24, (2, 2)), (48, (3, 3)), (64, (4, 4))])
def test_the_maps_of_convnet_are_what_it_pools(side: int, shape: tuple[int, int]) -> None:
    body = backbone("convnet@none").eval()
    images = torch.rand(2, 3, side, side)
    with torch.inference_mode():
        maps = spatial_maps(body, images)
        torch.testing.assert_close(maps.mean((2, 3)), body(images))
    assert maps.shape == (2, 256, *shape)


@pytest.mark.parametrize(("name", "side"), [("test_resnet", 64), ("test_mambaout", 64), ("test_efficientnet", 64)])
def test_the_maps_of_timm_have_their_channels_first(name: str, side: int) -> None:
    body = backbone(f"{name}@none", side)
    method = WSCNet(TASK, body, WSCNet.Config()).eval()
    maps = spatial_maps(body, torch.rand(2, 3, side, side))
    assert maps.shape[1] == method.branches.detect.in_channels == body.body.num_features
    assert method.predict(torch.rand(2, 3, side, side), {}).logits.shape == (2, 3)


def test_the_trial_of_a_backbone_leaves_it_as_it_was() -> None:
    body = backbone("convnet_s@none")
    before = {name: value.clone() for name, value in body.state_dict().items()}
    state = torch.get_rng_state()
    WSCNet(TASK, body, WSCNet.Config())
    assert body.training and all(module.training for module in body.modules())
    assert all(torch.equal(value, before[name]) for name, value in body.state_dict().items())
    torch.set_rng_state(state)


def task() -> Task:
    return Task.model_validate(
        {"id": "t", "sources": ["toy:filled"], "targets": ["toy:outline"], "label_space": "toy3"}
    )


@pytest.mark.parametrize("name", ["test_vit", "vit_tiny_patch16_224", "crossvit_9_240"])
def test_a_network_of_tokens_is_not_applicable_and_the_plan_says_so(name: str) -> None:
    reason = needs_maps(task(), Recipe(backbone=f"{name}@none"))
    assert reason == f"works on the maps of a network before they are pooled, and {name} hands over none"


@pytest.mark.parametrize("name", ["resnet101", "resnet50.a1_in1k", "swin_tiny_patch4_window7_224", "inception_v3"])
def test_a_network_with_maps_is_applicable(name: str) -> None:
    assert needs_maps(task(), Recipe(backbone=f"{name}@none")) == ""


def test_a_backbone_without_maps_is_refused_in_one_line_before_the_first_step() -> None:
    assert needs_maps(task(), Recipe(backbone="lenet@none")) == ""
    for text, body in (("lenet@none", "DigitBody"), ("test_vit@none", "VisionTransformer")):
        wanted = f"wscnet works on the maps of a network before they are pooled, and {body} hands over none; use a conv"
        with pytest.raises(SpecError, match=wanted) as caught:
            WSCNet(TASK, backbone(text, 160), WSCNet.Config())
        assert "\n" not in str(caught.value)


def test_the_recipes_bottleneck_is_left_out() -> None:
    method = made()
    assert isinstance(method.bottleneck, nn.Identity)
    assert method.feature_dim == method.head.in_features == 256


def test_weights_are_read_from_a_folder_that_timm_saved(tmp_path: Path) -> None:
    torch.manual_seed(5)
    theirs = timm.create_model("test_resnet", num_classes=10).eval()
    timm.models.save_for_hf(theirs, tmp_path / "mine", safe_serialization=True)
    recipe = Recipe(backbone=f"test_resnet@{tmp_path / 'mine'}")
    assert len(weights_sha256(REGISTRY, recipe)) == 64
    method = WSCNet(TASK, build_backbone(REGISTRY, recipe), WSCNet.Config()).eval()
    images = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        body = method.backbone
        expected = theirs.forward_features((images - body.mean) / body.std)
        torch.testing.assert_close(spatial_maps(body, images), expected)
        torch.testing.assert_close(method.forward_features(images)[:, : expected.shape[1]], expected.mean((2, 3)))
