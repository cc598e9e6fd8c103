"""KADAP: what is read of a diffusion model, what is trained of it, and what is left behind."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from ucdver import SpecError, WeightsError
from ucdver_kcdp.diffusion import (
    RANDOM_TINY,
    SD15_UNET,
    TINY_UNET,
    TINY_VAE,
    build_diffusion,
    diffusion_sha256,
    load_diffusion,
    unet_config,
)
from ucdver_kcdp.perception import DiffusionPerceiver, PerceptionOptions, feature_channels, taps_of

EIGHTH = {
    **TINY_VAE,
    "block_out_channels": (4, 4, 4, 4),
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
}
KNOWLEDGE = torch.randn(2, 10, 32, generator=torch.Generator().manual_seed(0))


def perceiver(model: Path | str = RANDOM_TINY, **options: Any) -> DiffusionPerceiver:
    return DiffusionPerceiver(load_diffusion(str(model)), PerceptionOptions(**options))


def pictures(height: int = 32, width: int = 32, count: int = 2) -> Tensor:
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(1))


def total(features: list[Tensor]) -> Tensor:
    return torch.stack([level.square().mean() for level in features]).sum()


def test_stable_diffusion_is_read_where_the_release_reads_it() -> None:
    taps = taps_of(SD15_UNET)
    assert [tap.module for tap in taps] == [
        "up_blocks.3.attentions.2",
        "up_blocks.2.attentions.1",
        "up_blocks.1.attentions.1",
        "up_blocks.0.resnets.1",
    ]
    assert [len(tap.attentions) for tap in taps] == [0, 5, 5, 0]
    assert feature_channels(SD15_UNET, 154) == (320, 794, 1434, 1280)
    assert feature_channels(SD15_UNET, 77) == (320, 717, 1357, 1280)


@pytest.mark.parametrize(("height", "width"), [(512, 512), (256, 256), (128, 192), (72, 40)])
def test_every_resolution_is_read_and_maps_are_distributions_over_tokens(height: int, width: int) -> None:
    """With a VAE that halves three times, as Stable Diffusion's does."""
    network = DiffusionPerceiver(build_diffusion(TINY_UNET, EIGHTH), PerceptionOptions(mode="frozen")).eval()
    with torch.no_grad():
        found = network(pictures(height, width, 1), KNOWLEDGE[:1])
    for level, features in enumerate(found):
        expected = tuple(math.ceil(side // 8 / 2**level) for side in (height, width))
        assert features.shape == (1, network.channels(10)[level], *expected)
    for features in found[1:3]:
        assert torch.allclose(features[:, -10:].sum(1), torch.ones(()), atol=1e-5)


def test_reading_maps_does_not_change_what_the_unet_gives() -> None:
    parts = load_diffusion(RANDOM_TINY)
    latents = torch.randn(2, 4, 16, 16)
    fused = parts.unet(latents, 1, KNOWLEDGE).sample
    network = DiffusionPerceiver(parts, PerceptionOptions(mode="frozen"))
    explicit = network.unet(latents, 1, KNOWLEDGE).sample
    assert torch.allclose(fused, explicit, atol=1e-5)


def test_only_layers_whose_maps_are_read_form_probabilities() -> None:
    network = perceiver(mode="frozen")
    explicit = {
        name for name, processor in network.unet.attn_processors.items() if "Probability" in type(processor).__name__
    }
    assert len(explicit) == 10
    assert all("attn2" in name and "mid" not in name for name in explicit)


def test_the_folder_of_a_pipeline_is_read_as_the_hubs_is(pipeline: Path) -> None:
    network = perceiver(pipeline, mode="frozen")
    assert network.width == 32
    assert unet_config(str(pipeline))["cross_attention_dim"] == 32
    assert not hasattr(network.vae, "decoder")
    first = diffusion_sha256(str(pipeline), fetch=False)
    assert len(first) == 64
    assert first == diffusion_sha256(str(pipeline), fetch=True)
    found = network(pictures(), KNOWLEDGE)
    other = perceiver(mode="frozen")(pictures(), KNOWLEDGE)
    assert not torch.allclose(found[0], other[0])


def test_a_folder_that_is_no_pipeline_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="cannot be loaded as a diffusion model"):
        load_diffusion(str(tmp_path))
    with pytest.raises(WeightsError, match="holds none of"):
        diffusion_sha256(str(tmp_path), fetch=True)
    assert diffusion_sha256(str(tmp_path), fetch=False) == ""


def test_gradients_reach_lora_alone_in_lora_mode() -> None:
    network = perceiver(mode="lora").train()
    total(network(pictures(), KNOWLEDGE)).backward()  # type: ignore[no-untyped-call]
    reached = {name for name, p in network.named_parameters() if p.grad is not None}
    trained = {name for name, p in network.named_parameters() if p.requires_grad}
    assert reached == trained
    assert reached
    assert all("lora_" in name and "attn2" in name for name in reached)
    # q, k, v and out of every cross-attention, an A and a B each.
    layers = {name for name, _ in network.unet.named_modules() if name.endswith("attn2")}
    assert len(reached) == len(layers) * 4 * 2


@pytest.mark.parametrize(("mode", "trained"), [("full", True), ("frozen", False)])
def test_the_other_modes_train_all_of_the_unet_or_nothing(mode: Any, trained: bool) -> None:
    network = perceiver(mode=mode).train()
    features = network(pictures(), KNOWLEDGE)
    assert features[0].requires_grad == trained
    assert all(p.requires_grad == trained for p in network.unet.parameters())
    assert not any(p.requires_grad for p in network.vae.parameters())


def test_lora_begins_as_the_untouched_model() -> None:
    assert torch.allclose(
        perceiver(mode="lora")(pictures(), KNOWLEDGE)[0], perceiver(mode="frozen")(pictures(), KNOWLEDGE)[0], atol=1e-6
    )


@pytest.mark.parametrize("mode", ["lora", "full"])
@pytest.mark.parametrize("detach", [True, False])
def test_recomputed_activations_give_the_same_gradients(mode: Any, detach: bool) -> None:
    gradients = []
    for checkpointing in (False, True):
        torch.manual_seed(5)
        network = perceiver(mode=mode, checkpointing=checkpointing, detach_maps=detach).train()
        # LoRA's B begins as zero, and the gradient of A with it.
        for name, parameter in network.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(parameter)
        total(network(pictures(), KNOWLEDGE)).backward()  # type: ignore[no-untyped-call]
        assert network.maps.held == 0
        gradients.append({name: p.grad for name, p in network.named_parameters() if p.grad is not None})
    plain, recomputed = gradients
    assert plain.keys() == recomputed.keys()
    for name, gradient in plain.items():
        assert torch.allclose(gradient, recomputed[name], atol=1e-6), name


def test_no_map_survives_a_step_nor_a_failed_one() -> None:
    network = perceiver(mode="lora").train()
    network(pictures(), KNOWLEDGE)
    assert network.maps.held == 0
    with pytest.raises(SpecError, match="the knowledge is 31 wide"):
        network(pictures(), KNOWLEDGE[..., :31])
    held: list[int] = []

    def fail(*_: object) -> None:
        held.append(network.maps.held)
        raise RuntimeError("in the last block")

    handle = network.unet.up_blocks[-1].register_forward_pre_hook(fail)
    with pytest.raises(RuntimeError, match="in the last block"):
        network(pictures(), KNOWLEDGE)
    handle.remove()
    assert held[0] > 0 and network.maps.held == 0 and not network._features
    assert network(pictures(), KNOWLEDGE)[1].shape[1] == 8 + 10


def test_gradients_of_maps_are_there_when_they_are_not_detached() -> None:
    weight = {}
    for detach in (True, False):
        network = perceiver(mode="full", detach_maps=detach).train()
        network(pictures(), KNOWLEDGE)[1][:, -10:].square().sum().backward()  # type: ignore[no-untyped-call]
        query = network.unet.get_submodule("up_blocks.2.attentions.2.transformer_blocks.0.attn2.to_q")
        found = query.weight.grad
        weight[detach] = 0.0 if found is None else float(found.abs().sum())  # type: ignore[operator]
    assert weight[True] == 0
    assert weight[False] > 0


def test_frozen_weights_are_no_part_of_the_state_and_what_is_learnt_comes_back() -> None:
    first = perceiver(mode="lora")
    for parameter in first.parameters():
        if parameter.requires_grad:
            torch.nn.init.normal_(parameter)
    state = first.state_dict()
    assert state
    assert all("lora_" in name for name in state)
    second = perceiver(mode="lora")
    second.load_state_dict(state)
    assert torch.equal(first(pictures(), KNOWLEDGE)[0], second(pictures(), KNOWLEDGE)[0])
    with pytest.raises(RuntimeError, match="Missing key"):
        second.load_state_dict({name: value for name, value in state.items() if "lora_A" in name})


def test_normalisations_and_latents() -> None:
    images = pictures()
    seen: dict[str, Tensor] = {}
    for name in ("minus_one_to_one", "imagenet_once", "imagenet_twice"):
        network = perceiver(mode="frozen", normalisation=name)
        network.vae.encoder.conv_in.register_forward_pre_hook(lambda _, inputs, n=name: seen.update({n: inputs[0]}))
        network.latents(images)
    assert torch.allclose(seen["minus_one_to_one"], 2 * images - 1)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    once = (images - mean.view(1, 3, 1, 1)) / std.view(1, 3, 1, 1)
    assert torch.allclose(seen["imagenet_once"], once, atol=1e-5)
    assert torch.allclose(seen["imagenet_twice"], (once - mean.view(1, 3, 1, 1)) / std.view(1, 3, 1, 1), atol=1e-4)
    scaled, unscaled = (perceiver(mode="frozen", latent=kind).latents(images) for kind in ("scaled", "unscaled"))
    assert torch.allclose(scaled, unscaled * 0.18215)
    sampled = perceiver(mode="frozen", latent="scaled_sample")
    assert not torch.equal(sampled.train().latents(images), sampled.latents(images))
    assert torch.equal(sampled.eval().latents(images), scaled)


def test_random_weights_are_the_same_for_everyone_and_move_no_random_number() -> None:
    before = torch.get_rng_state()
    first, second = load_diffusion(RANDOM_TINY).unet, load_diffusion(RANDOM_TINY).unet
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))


def test_grey_pictures_are_read_and_features_are_refused() -> None:
    network = perceiver(mode="frozen")
    assert network(pictures()[:, :1], KNOWLEDGE)[0].shape[0] == 2
    with pytest.raises(SpecError, match="reads pictures"):
        network(torch.rand(2, 64), KNOWLEDGE)
