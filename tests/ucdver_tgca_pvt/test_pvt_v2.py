"""PVT v2 taken apart: timm's features, a class token's way through a block, numbers, weights, and TGCA-PVT on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from naive.pvt_v2 import block as naive_block
from safetensors.torch import save_file
from support.networks import share_weights
from torch import Tensor

from ucdver import Backbone, Batch, LabeledBatch, Recipe, SpecError, TaskInfo, WeightsError
from ucdver.backbones.build import build_backbone, weights_path
from ucdver.errors import ConfigError
from ucdver.methods.config import resolve_config
from ucdver.plugins import load_registry
from ucdver_tgca_pvt.config import TgcaConfig
from ucdver_tgca_pvt.method import TGCAPVT
from ucdver_tgca_pvt.method_v2 import TGCAPVTv2, TgcaV2Config
from ucdver_tgca_pvt.network import TokenNetwork
from ucdver_tgca_pvt.pvt_v2 import PyramidVisionTransformerV2, adapt, numbers_of
from ucdver_tgca_pvt.pyramids import PYRAMIDS, Pyramid

TASK = TaskInfo(classes=("joy", "anger", "fear"), source_domains=("a",), setting="uda", total_steps=10)
REGISTRY = load_registry()


def backbone(text: str = "pvt_v2_mini@none") -> Backbone:
    torch.manual_seed(3)
    return build_backbone(REGISTRY, Recipe(backbone=text))


def made(**options: Any) -> TGCAPVTv2:
    return TGCAPVTv2(TASK, backbone(), TgcaV2Config(**options)).double().eval()


def pictures(count: int = 5, side: int = 24) -> Tensor:
    return torch.rand(count, 3, side, side, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def predicted(method: TGCAPVT, images: Tensor, topics: list[int] | None = None) -> Tensor:
    extras = {} if topics is None else {"topic": torch.tensor(topics)}
    with torch.inference_mode():
        return method.predict(images, extras).logits


def numbers(name: str) -> Pyramid:
    with torch.device("meta"):
        return numbers_of(name, timm.create_model(name, num_classes=0))


@pytest.mark.parametrize(("text", "side"), [("pvt_v2_mini@none", 24), ("pvt_v2_mini@none", 48), ("pvt_v2_b0@none", 64)])
def test_taken_apart_it_gives_timms_features(text: str, side: int) -> None:
    theirs = backbone(text).double().eval()
    images = pictures(2, side)
    with torch.inference_mode():
        expected = theirs(images)
        found = adapt(theirs).double().eval()(images)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(("stage", "reduction"), [(0, 2), (3, 1)])
def test_a_class_token_passes_by_both_convolutions(stage: int, reduction: int) -> None:
    theirs: Any = backbone().double().eval().body
    state = theirs.stages[stage].blocks[0].state_dict()
    # Biases of zero, as timm has them at first, would hide one that is left out.
    state = {name: value + 0.1 * torch.randn_like(value) for name, value in state.items()}
    theirs.stages[stage].blocks[0].load_state_dict(state)
    ours: Any = PyramidVisionTransformerV2("mini", theirs)
    heads, width = ours.pyramid.heads[stage], ours.pyramid.widths[stage]
    tokens = torch.randn(2, 1 + 4 * 6, width, dtype=torch.float64)
    with torch.inference_mode():
        found, maps = ours.blocks[stage][0](tokens, (4, 6), True)
    for i, one in enumerate(tokens):
        cls, patches, attention = naive_block(state, one[0], one[1:].reshape(4, 6, width), heads, reduction)
        torch.testing.assert_close(found[i], torch.cat([cls[None], patches.flatten(0, 1)]))
        torch.testing.assert_close(maps[i], attention)


def test_the_numbers_are_those_of_the_paper() -> None:
    found = numbers("pvt_v2_b2")
    small = PYRAMIDS["pvt_small"]
    for name in ("widths", "depths", "heads", "mlp_ratios", "reductions", "patches", "step"):
        assert getattr(found, name) == getattr(small, name), name
    assert (found.side, found.class_token) == (0, False)
    assert (numbers("pvt_v2_b0").widths, numbers("pvt_v2_b0").depths) == ((32, 64, 160, 256), (2, 2, 2, 2))
    assert (numbers("pvt_v2_b5").mlp_ratios, numbers("pvt_v2_b5").depths) == ((4, 4, 4, 4), (3, 6, 40, 3))
    assert TgcaV2Config().layout(text=None).vision_tokens(found) == 996
    assert numbers_of("mini", backbone().body) == Pyramid(
        **{**vars(PYRAMIDS["pvt_mini"]), "side": 0, "class_token": False}
    )


@pytest.mark.parametrize("size", range(6))
def test_every_size_is_a_backbone_of_the_method_with_and_without_its_tag(size: int) -> None:
    spec = REGISTRY.methods.get("tgca_pvtv2")
    assert {f"pvt_v2_b{size}", f"pvt_v2_b{size}.in1k"} <= set(spec.backbones)
    assert f"pvt_v2_b{size}.in1k" in timm.list_pretrained("pvt_v2_b*")


def test_the_stages_have_a_class_token_without_a_position_and_a_gate_on_what_they_are_given() -> None:
    network = made().network
    widths = PYRAMIDS["pvt_mini"].widths
    assert [tuple(token.shape) for token in network.class_token.values()] == [(1, 1, width) for width in widths]
    assert len(network.class_position) == 0
    assert [len(gate.rb) for gate in network.gate.values()] == [3, *widths[:-1]]  # type: ignore[arg-type]


def test_the_gates_stand_before_each_downsampling() -> None:
    method, seen = made(), []
    for gate, embed in zip(method.network.gate.values(), method.pyramid.embeds, strict=True):  # type: ignore[arg-type]
        gate.register_forward_hook(lambda m, given, out: seen.append(("gate", out)))
        embed.register_forward_hook(lambda m, given, out: seen.append(("embed", given[0])))
    predicted(method, pictures(1))
    assert [name for name, _ in seen] == ["gate", "embed"] * 4
    assert all(out is given for (_, out), (_, given) in zip(seen[::2], seen[1::2], strict=True))


def test_the_stages_are_normed_and_the_last_norm_is_that_of_all_tokens() -> None:
    method = made()
    images = pictures(2)
    with torch.inference_mode():
        outputs = method.network.outputs(method.pyramid, images)
        tokens = method.network.vision(method.pyramid, images, None)
    for output in outputs[:-1]:
        torch.testing.assert_close(output.tokens.mean(-1), torch.zeros_like(output.tokens.mean(-1)), atol=1e-6, rtol=0)
    assert outputs[-1].tokens.mean(-1).abs().max() > 1e-3
    torch.testing.assert_close(tokens.std(-1, correction=0), torch.ones_like(tokens[..., 0]), atol=0.01, rtol=0)


@pytest.mark.parametrize("options", [{}, {"preset": "fixed"}, {"topic": "row"}])
def test_a_gradient_reaches_every_parameter(options: dict[str, Any]) -> None:
    method = made(**options).train()
    extras = {"topic": torch.tensor([0, 0, 1, 2, 3])}
    zeros = torch.zeros(5, dtype=torch.long)
    batch = Batch(0, 10, "adapt", LabeledBatch(zeros, pictures(), torch.tensor([0, 1, 2, 0, 1]), zeros, extras), None)
    method.step(batch, 0.0)["total"].backward()
    for name, parameter in method.named_parameters():
        assert parameter.grad is not None, name
        # Keys' biases shift all scores of a query alike; a squeeze of one unit may be rectified for every picture.
        if not name.endswith("key.bias") and ".SE" not in name:
            assert parameter.grad.abs().max() > 0, name


def test_a_picture_is_predicted_alone_and_topics_join_those_that_share_one() -> None:
    method, images, order = made(topic="row"), pictures(), torch.tensor([3, 0, 4, 1, 2])
    alone = predicted(method, images, [11, 12, 13, 14, 15])
    torch.testing.assert_close(predicted(made(), images), alone)
    torch.testing.assert_close(predicted(made(), images[1:2]), alone[1:2])
    torch.testing.assert_close(predicted(made(), images[order]), alone[order])
    shared = predicted(method, images, [11, 12, 11, 14, 15])
    torch.testing.assert_close(shared[[1, 3, 4]], alone[[1, 3, 4]])
    assert (shared[[0, 2]] - alone[[0, 2]]).abs().amax(1).min() > 1e-6


def test_every_switch_changes_the_network() -> None:
    images = pictures()
    released = predicted(made(), images)
    for option in (
        {"fla": "none"},
        {"fla": "full"},
        {"lera": "none"},
        {"lera": "map"},
        {"tgca": False},
        {"reverse_tokens": False},
        {"local_stages": (False, False, True)},
    ):
        other = made(**option)
        share_weights(made(), other)
        assert not torch.equal(released, predicted(other, images)), option


def test_paths_are_dropped_in_training_alone_and_more_of_them_further_up() -> None:
    method = made(drop_path=0.7)
    rates = [block.drop_path.drop_prob for stage in method.pyramid.stages() for block in stage.blocks]
    assert rates == pytest.approx([0.1 * number for number in range(8)])
    images = pictures()
    assert torch.equal(predicted(method, images), predicted(method, images))
    assert torch.allclose(predicted(method, images), predicted(made(), images))
    assert not torch.allclose(predicted(method.train(), images), predicted(made(), images))


def test_groups_hold_every_parameter_once_and_the_weights_of_timm_are_the_backbones() -> None:
    recipe_backbone = backbone()
    theirs = sum(p.numel() for p in recipe_backbone.parameters())
    method = TGCAPVTv2(TASK, recipe_backbone, TgcaV2Config())
    groups = method.parameter_groups()
    assert sorted(id(p) for g in groups for p in g.parameters) == sorted(id(p) for p in method.parameters())
    assert sum(p.numel() for g in groups if g.name == "backbone" for p in g.parameters) == theirs
    free = {id(p) for g in groups if g.weight_decay == 0.0 for p in g.parameters}
    assert all((id(p) in free) == (p.dim() == 1) for p in method.parameters())


def test_what_cannot_be_rebuilt_is_refused() -> None:
    with pytest.raises(SpecError, match=r"rebuilds a PVT v2, and the recipe's backbone is a ConvNet; .*pvt_v2_b2@hub"):
        TGCAPVTv2(TASK, backbone("convnet_s@none"), TgcaV2Config())
    with pytest.raises(SpecError, match="rebuilds a PVT, and the recipe's backbone is a PyramidVisionTransformerV2"):
        TGCAPVT(TASK, backbone(), TgcaConfig())
    with pytest.raises(SpecError, match="'pvt_v2_b2_li' pools its keys"):
        numbers("pvt_v2_b2_li")
    with pytest.raises(
        SpecError, match=r"'pvt_v2_mini' takes square pictures whose side is a multiple of 8, not 28x28"
    ):
        predicted(made(), pictures(2, 28))
    with pytest.raises(ConfigError, match="option 'share_position': PVT v2 embeds no positions"):
        resolve_config(REGISTRY, "tgca_pvtv2", {"share_position": True})


@pytest.mark.parametrize("name", ["pvt_v2_b0", "pvt_v2_b0.in1k"])
def test_weights_are_read_from_a_folder_that_timm_saved(tmp_path: Path, name: str) -> None:
    torch.manual_seed(5)
    theirs = timm.create_model("pvt_v2_b0", num_classes=10).eval()
    timm.models.save_for_hf(theirs, tmp_path / "mine", safe_serialization=True)
    recipe = Recipe(backbone=f"{name}@{tmp_path / 'mine'}")
    assert weights_path(REGISTRY, recipe) == tmp_path / "mine" / "model.safetensors"
    method = TGCAPVTv2(TASK, build_backbone(REGISTRY, recipe), TgcaV2Config(alpha=1)).eval()
    images = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        normalised = (images - method.backbone.mean) / method.backbone.std
        expected = theirs.forward_features(normalised).mean((2, 3))
        torch.testing.assert_close(method.backbone(images), expected, atol=1e-5, rtol=1e-5)
    assert method.predict(images, {}).logits.shape == (2, 3)


def test_weights_of_the_little_one_have_timms_names_and_others_are_refused(tmp_path: Path) -> None:
    saved = backbone()
    state = saved.body.state_dict()
    assert {"patch_embed.proj.weight", "stages.3.downsample.norm.bias", "stages.0.blocks.1.mlp.dwconv.weight"} <= set(
        state
    )
    save_file(state, tmp_path / "w.safetensors")
    torch.manual_seed(9)
    again = build_backbone(REGISTRY, Recipe(backbone=f"pvt_v2_mini@{tmp_path / 'w.safetensors'}"))
    assert all(torch.equal(value, again.body.state_dict()[name]) for name, value in state.items())
    save_file(state | {"unheard_of": torch.zeros(1)}, tmp_path / "w.safetensors")
    with pytest.raises(WeightsError, match="unexpected 'unheard_of'"):
        build_backbone(REGISTRY, Recipe(backbone=f"pvt_v2_mini@{tmp_path / 'w.safetensors'}"))


def test_a_picture_becomes_996_tokens() -> None:
    body: Any = adapt(backbone("pvt_v2_b1@none")).body
    network = TokenNetwork(body.pyramid, TgcaV2Config().layout(text=None))
    with torch.inference_mode():
        assert network.vision(body, torch.rand(1, 3, 224, 224), None).shape == (1, 996, 512)
