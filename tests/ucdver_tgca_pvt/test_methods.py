"""LORA and TGCA-PVT as methods: tokens, topics, gradients, groups, and what they refuse."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from support.meta_device import step_on_meta
from support.networks import share_weights
from torch import Tensor, nn

from ucdver import Backbone, Batch, LabeledBatch, SpecError, TaskInfo
from ucdver_tgca_pvt.backbone import build
from ucdver_tgca_pvt.config import LoraConfig, TgcaConfig
from ucdver_tgca_pvt.method import LORA, TGCAPVT
from ucdver_tgca_pvt.network import TokenNetwork
from ucdver_tgca_pvt.pyramids import PYRAMIDS
from ucdver_tgca_pvt.small import SmallConfig, TGCAPVTSmall

TASK = TaskInfo(classes=("joy", "anger", "fear"), source_domains=("a",), setting="uda", total_steps=10)
#: With these the pyramid is one of PVT, but for its size.
PATCHES: dict[str, Any] = {"embedding": "patch", "patches": (4, 2, 1, 1)}


def small(**options: Any) -> TGCAPVTSmall:
    torch.manual_seed(3)
    return TGCAPVTSmall(TASK, build("pvt_mini", None, 3), SmallConfig(**options)).double().eval()


def pictures(count: int = 5, side: int = 24) -> Tensor:
    return torch.rand(count, 3, side, side, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def predicted(method: LORA, images: Tensor, topics: list[int] | None = None) -> Tensor:
    extras = {} if topics is None else {"topic": torch.tensor(topics)}
    with torch.inference_mode():
        return method.predict(images, extras).logits


def test_a_picture_becomes_996_tokens() -> None:
    layout = TgcaConfig().layout(text=None)
    for name in ("pvt_small", "pvt_tiny"):
        assert layout.vision_tokens(PYRAMIDS[name]) == 996
    counts = [PYRAMIDS["pvt_small"].heads[i] * layout.count(PYRAMIDS["pvt_small"], i) for i in range(4)]
    assert counts == [512, 256, 160, 64]
    assert (layout.fusion_width(PYRAMIDS["pvt_small"]), layout.fusion_heads(PYRAMIDS["pvt_small"])) == (768, 12)
    assert layout.fusion_mlp(PYRAMIDS["pvt_small"]) == 3072


@pytest.mark.parametrize("side", [224, 448])
def test_996_tokens_at_every_size(side: int) -> None:
    body = build("pvt_tiny", None, 3).body
    network = TokenNetwork(PYRAMIDS["pvt_tiny"], TgcaConfig().layout(text=None))
    with torch.inference_mode():
        found = network.vision(body, torch.rand(1, 3, side, side), None)  # type: ignore[arg-type]
    assert found.shape == (1, 996, 512)
    assert network.position.shape == (1, 996, 768)


def test_shuffling_a_batch_shuffles_the_logits() -> None:
    method, images = small(), pictures()
    order = torch.tensor([3, 0, 4, 1, 2])
    torch.testing.assert_close(predicted(method, images[order]), predicted(method, images)[order])


def test_without_topics_a_picture_is_predicted_alone() -> None:
    method, images = small(), pictures()
    torch.testing.assert_close(predicted(method, images[1:2]), predicted(method, images)[1:2])


def test_pictures_of_one_topic_are_predicted_together() -> None:
    method, images = small(topic="row"), pictures()
    alone = predicted(method, images, [11, 12, 13, 14, 15])
    torch.testing.assert_close(alone, predicted(small(), images))
    shared = predicted(method, images, [11, 12, 11, 14, 15])
    torch.testing.assert_close(shared[[1, 3, 4]], alone[[1, 3, 4]])
    assert (shared[[0, 2]] - alone[[0, 2]]).abs().amax(1).min() > 1e-6


def test_topics_are_read_only_where_they_are_asked_for() -> None:
    assert TGCAPVT.needed_extras(TgcaConfig()) == ()
    assert TGCAPVT.needed_extras(TgcaConfig(topic="row")) == ("topic",)
    assert TGCAPVT.needed_extras(TgcaConfig(topic="row", tgca=False)) == ()


@pytest.mark.parametrize("options", [{}, {"preset": "fixed"}, {"topic": "row"}])
def test_a_gradient_reaches_every_parameter(options: dict[str, Any]) -> None:
    method = small(**options).train()
    extras = {"topic": torch.tensor([0, 0, 1, 2, 3])}
    zeros = torch.zeros(5, dtype=torch.long)
    # At 24 pixels the last maps are 2 by 2, and the spectrum of such a map has no imaginary part to learn from.
    images = pictures(side=48)
    batch = Batch(0, 10, "adapt", LabeledBatch(zeros, images, torch.tensor([0, 1, 2, 0, 1]), zeros, extras), None)
    losses = method.step(batch, 0.0)
    losses["total"].backward()
    for name, parameter in method.named_parameters():
        assert parameter.grad is not None, name
        # Keys' biases shift all scores of a query alike; a squeeze of one unit may be rectified for every picture.
        if not name.endswith("key.bias") and ".SE" not in name:
            assert parameter.grad.abs().max() > 0, name


@pytest.mark.parametrize("options", [{}, {"preset": "fixed"}, {"topic": "row"}])
def test_no_step_reads_anything_back(options: dict[str, Any]) -> None:
    zeros = torch.zeros(5, dtype=torch.long)
    extras = {"topic": torch.tensor([0, 0, 1, 2, 3])}
    source = LabeledBatch(zeros, pictures(side=48), torch.tensor([0, 1, 2, 0, 1]), zeros, extras)
    assert set(step_on_meta(small(**options), Batch(0, 10, "adapt", source, None), 0.0)) == {"total"}


def test_the_loss_is_the_smoothed_cross_entropy_of_the_source() -> None:
    method, images = small(), pictures()
    labels, zeros = torch.tensor([0, 1, 2, 0, 1]), torch.zeros(5, dtype=torch.long)
    batch = Batch(0, 10, "adapt", LabeledBatch(zeros, images, labels, zeros), None)
    log_p = predicted(method, images).log_softmax(1)
    expected = -(0.8 * log_p[torch.arange(5), labels] + 0.2 * log_p.mean(1)).mean()
    torch.testing.assert_close(method.step(batch, 0.0)["total"].detach(), expected)


@pytest.mark.parametrize("options", [{}, PATCHES, {"topic": "row", "preset": "fixed"}])
def test_recomputing_changes_nothing_but_memory(options: dict[str, Any]) -> None:
    zeros, extras = torch.zeros(5, dtype=torch.long), {"topic": torch.tensor([0, 0, 1, 2, 2])}
    batch = Batch(0, 10, "adapt", LabeledBatch(zeros, pictures(), torch.tensor([0, 1, 2, 0, 1]), zeros, extras), None)
    grads, states = [], []
    for recompute in (False, True):
        method = small(recompute=recompute, drop_path=0.5, dropout=0.3, **options).train()
        torch.manual_seed(7)
        method.step(batch, 0.0)["total"].backward()
        grads.append({name: p.grad for name, p in method.named_parameters()})
        # Batch norms count what they see: seeing a batch twice would show here.
        states.append(method.state_dict())
    torch.testing.assert_close(grads[0], grads[1])
    torch.testing.assert_close(states[0], states[1])


def test_recomputing_keeps_less() -> None:
    """What autograd keeps between the passes, with recomputation and without."""
    kept = []
    for recompute in (False, True):
        method, size = small(recompute=recompute, **PATCHES).train(), 0

        def count(tensor: Tensor) -> Tensor:
            nonlocal size
            size += tensor.nelement()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
            method.fuse(pictures(side=48), {})
        kept.append(size)
    assert kept[1] < kept[0] / 2


def test_every_switch_changes_the_network() -> None:
    images = pictures()
    released = predicted(small(), images)
    for option in (
        {"fla": "none"},
        {"fla": "full"},
        {"lera": "none"},
        {"lera": "map"},
        {"tgca": False},
        {"reverse_tokens": False},
        {"share_position": False},
        {"gate_min_width": 1},
        {"local_stages": (False, False, True)},
        PATCHES,
        {"bottleneck": False},
        {"depths": (2, 2, 2, 1)},
    ):
        other = small(**option)
        share_weights(small(), other)
        assert not torch.equal(released, predicted(other, images)), option


def test_the_presets_set_the_switches_that_are_left_out() -> None:
    assert TgcaConfig().switches() == TgcaConfig(preset="faithful").switches()
    fixed = TgcaConfig(preset="fixed", fla="diag", decay_tokens=True).switches()
    assert (fixed.fla, fixed.decay_tokens, fixed.lera, fixed.gate_min_width) == ("diag", True, "map", 1)
    assert not fixed.reverse_tokens and not fixed.share_position
    assert (LoraConfig(preset="fixed").switches().fla, LoraConfig(preset="fixed").switches().lera) == ("none", "none")


@pytest.mark.parametrize("decayed", [True, False])
def test_groups_hold_every_parameter_once_and_decay_no_vector(decayed: bool) -> None:
    method = LORA(TASK, build("pvt_mini", None, 3), LoraConfig(decay_tokens=decayed, lr_multiplier=0.5))
    groups = method.parameter_groups()
    assert sorted(id(p) for g in groups for p in g.parameters) == sorted(id(p) for p in method.parameters())
    assert {g.name for g in groups} == {"backbone", "head"}
    assert {g.lr_multiplier for g in groups} == {0.5}
    free = {id(p) for g in groups if g.weight_decay == 0.0 for p in g.parameters}
    tokens = {"cls_token", "class_token", "pos_embed", "network.position"}
    for name, parameter in method.named_parameters():
        is_token = any(token in name for token in tokens)
        assert (id(parameter) in free) == (parameter.dim() == 1 or (is_token and not decayed)), name


def test_the_small_one_neither_trains_nor_counts_the_recipes_backbone() -> None:
    large = Backbone(nn.Linear(1000, 1000), 1000, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    method = TGCAPVTSmall(TASK, large, SmallConfig())
    assert not {id(p) for p in large.parameters()} & {id(p) for p in method.parameters()}
    assert sum(p.numel() for p in method.parameters()) < 1_000_000
    assert {g.name for g in method.parameter_groups()} == {"pyramid", "head"}


def test_the_small_one_has_the_bottleneck_of_the_other_methods_unless_told_otherwise() -> None:
    with_, without = small(), small(bottleneck=False)
    assert (with_.feature_dim, without.feature_dim) == (TASK.bottleneck, 96)
    assert predicted(with_, pictures()).shape == predicted(without, pictures()).shape == (5, 3)
    none = TGCAPVTSmall(replace(TASK, bottleneck=0), build("pvt_mini", None, 3), SmallConfig())
    assert none.feature_dim == 96


@pytest.mark.parametrize("side", [16, 24, 40, 48, 96])
def test_convolutions_round_a_grid_up(side: int) -> None:
    method = small(alpha=1)
    sides = [-(-side // divisor) for divisor in (4, 8, 16, 16)]
    found = method.network.outputs(method.pyramid, pictures(2, side))
    assert [output.tokens.shape[1] - 1 for output in found] == [grid**2 for grid in sides]
    assert [method.pyramid.pyramid.grid(stage, side) for stage in range(4)] == sides


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"widths": (32, 64, 64, 127)}, "a stage 127 wide cannot have 4 heads"),
        ({"depths": (1, 2, 2, 2)}, "a stage's chain of attention maps needs two"),
        ({"patches": (3, 2, 2, 1)}, "are not powers of 2"),
        ({"reductions": (0, 1, 1, 1)}, "are 1 at least"),
    ],
)
def test_numbers_that_make_no_pyramid_are_refused(option: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SmallConfig(**option)


def test_another_backbone_is_refused() -> None:
    other = Backbone(nn.Flatten(), 12, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    with pytest.raises(SpecError, match=r"rebuilds a PVT, and the recipe's backbone is a Flatten.*pvt_small@hub"):
        TGCAPVT(TASK, other, TgcaConfig())


@pytest.mark.parametrize(("height", "width"), [(24, 32), (28, 28), (4, 4)])
def test_pictures_that_leave_a_token_without_pixels_are_refused(height: int, width: int) -> None:
    images = torch.rand(2, 3, height, width)
    for network in (small().float(), build("pvt_mini", None, 3)):
        with pytest.raises(SpecError, match=rf"multiple of 8, not {height}x{width}; set size = \d+"):
            network(images)


def test_more_tokens_than_there_are_patches_are_refused() -> None:
    with pytest.raises(SpecError, match="stage 1 has 4 tokens, and each of its heads is to choose 16; use larger"):
        predicted(small(), pictures(2, 8))
