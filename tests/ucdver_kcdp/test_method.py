"""KCDP as a bench runs it: small, random, on generated shapes, with every switch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.kcdp_methods import SMALL, TOKENS, batch, method
from support.meta_device import step_on_meta

from ucdver import Batch, SpecError, WeightsError
from ucdver.methods.config import resolve_config
from ucdver.plugins import load_registry
from ucdver.testing.contract import ToyBench, check_label_barrier, check_reproducible
from ucdver_kcdp.config import FAITHFUL, KCDPConfig
from ucdver_kcdp.features import Layout
from ucdver_kcdp.method import KCDP
from ucdver_kcdp.network import moe_text_rule
from ucdver_kcdp.perception import feature_channels
from ucdver_kcdp.small import KCDPSmallConfig


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ToyBench]:
    yield ToyBench(tmp_path_factory.mktemp("toy"), "kcdp", "uda")


def test_an_interrupted_run_would_go_on_from_what_was_learnt_alone(bench: ToyBench) -> None:
    trained = bench.train(steps=4)
    assert trained.record.cost is not None
    frozen = [name for name in trained.state if "unet" in name and "lora_" not in name]
    assert frozen == []
    assert any("lora_" in name for name in trained.state)
    assert any(name.startswith("teacher.") for name in trained.state)


@pytest.mark.parametrize(
    "options",
    [
        {"mode": "frozen"},
        {"preset": "faithful", "knowledge_form": "mean"},
        {"alignment": "cesa", "subspace": 8, "anchors": 16},
    ],
    ids=["cached", "faithful", "cesa"],
)
def test_other_forms_keep_the_contract(tmp_path: Path, options: dict[str, Any]) -> None:
    check_reproducible(tmp_path / "a", "kcdp", "uda", {**SMALL, **options})


def test_cached_features_see_no_target_labels(tmp_path: Path) -> None:
    check_label_barrier(tmp_path, "kcdp", "uda", {**SMALL, "mode": "frozen"})


def test_cached_features_are_what_the_frozen_unet_gives(tmp_path: Path) -> None:
    """Float16 is all that stands between the two, and augmentation, of which the toy suite has none."""
    runs = [
        ToyBench(tmp_path / str(cached), "kcdp", "uda", {**SMALL, "mode": "frozen", "cached": cached}).train(steps=6)
        for cached in (True, False)
    ]
    assert np.allclose(runs[0].predictions.logits, runs[1].predictions.logits, atol=2e-2)


def test_gradients_reach_lora_neck_experts_and_alignment_and_nothing_else() -> None:
    made = method(warmup=0.0, confidence=0.0).train()
    losses = made.step(batch(), 0.5)
    losses["total"].backward()  # type: ignore[no-untyped-call]
    reached = {name for name, p in made.named_parameters() if p.grad is not None}
    assert reached == {name for name, p in made.named_parameters() if p.requires_grad}
    for part in ("lora_", "neck", "experts", "alignment", "text_map"):
        assert any(part in name for name in reached), part
    assert made.network.perceiver is not None
    assert made.network.perceiver.maps.held == 0


@pytest.mark.parametrize("alignment", ["cliea", "cesa"])
def test_the_alignment_of_some_images_is_what_it_is_among_all(alignment: str) -> None:
    """The student is asked for the source's alone where a teacher labels the target."""
    made = method(alignment=alignment, **({"subspace": 8, "anchors": 16} if alignment == "cesa" else {})).eval()
    given = batch().sources
    whole = made.network(given.images, given.extras).alignment
    some = made.network(given.images, given.extras, aligned=2)
    assert whole is not None
    assert some.alignment is not None
    torch.testing.assert_close(some.alignment, whole[:2])
    assert len(some.routed.logits) == len(whole)
    assert made.network(given.images, given.extras, aligned=0).alignment is None


def test_parameter_groups_cover_what_is_trained_once() -> None:
    for options in ({"mode": "lora"}, {"mode": "full"}, {"mode": "frozen", "cached": False}):
        made = method(**options)
        grouped = [p for group in made.parameter_groups() for p in group.parameters]
        assert len({id(p) for p in grouped}) == len(grouped)
        assert {id(p) for p in grouped} == {id(p) for p in made.parameters() if p.requires_grad}
    norms = next(g for g in method(mode="full").parameter_groups() if g.weight_decay == 0.0)
    assert norms.name == "backbone"
    assert norms.parameters


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"knowledge": "none"}, "none"),
        ({"knowledge": "caption"}, "caption"),
        ({"knowledge": "triples"}, "triples"),
        ({"alignment": "none"}, "no alignment"),
        ({"counterfactuals": False}, "factual prompts alone"),
        ({"head": "linear"}, "no experts"),
        ({"mode": "frozen", "cached": False}, "no lora"),
        ({"moe_text": "none"}, "experts without text"),
        ({"moe_text": "channel_mean"}, "released text"),
        ({"moe_text_width": 0}, "text as it is"),
        ({"balance": "switch", "pool": "masked_mean"}, "switch"),
        ({"balance": "released", "pool": "label_tokens", "detach_maps": False}, "released balance"),
        ({"teacher": 0.0, "class_balance": 1.0, "latent": "scaled_sample"}, "no teacher"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_ablation_steps_and_predicts(options: dict[str, Any], says: str) -> None:
    del says
    extras = {} if options.get("knowledge") == "none" else None
    made = method(extras=extras, **{"warmup": 0.0, "confidence": 0.0, **options}).train()
    losses = made.step(batch(), 0.5)
    assert torch.isfinite(losses["total"])
    losses["total"].backward()  # type: ignore[no-untyped-call]
    assert ("target" in losses) == (options.get("alignment") != "none")
    made.eval()
    with torch.no_grad():
        target = batch().target
        whole = made.predict(target.images, target.extras)
        part = made.predict(target.images[:2], {name: rows[:2] for name, rows in target.extras.items()})
    assert whole.logits.shape == (6, 3)
    assert torch.allclose(whole.logits[:2], part.logits, atol=1e-5)


def test_knowledge_moves_what_is_predicted_and_without_it_nothing_of_it_does() -> None:
    first, second = batch(seed=0).target, batch(seed=1).target
    for knowledge, moved in (("caption+triples", True), ("caption", True), ("none", False)):
        made = method(extras={} if knowledge == "none" else None, knowledge=knowledge).eval()
        with torch.no_grad():
            a, b = (made.predict(first.images, side.extras).logits for side in (first, second))
        assert torch.equal(a, b) != moved, knowledge
    # The halves are what they are called: other triples do not move a method that reads captions.
    other = {
        n: torch.cat([v[:, : TOKENS // 2], second.extras[n][:, TOKENS // 2 :]], 1) for n, v in first.extras.items()
    }
    for knowledge, moved in (("caption", False), ("triples", True)):
        made = method(knowledge=knowledge).eval()
        with torch.no_grad():
            a, b = (made.predict(first.images, extras).logits for extras in (first.extras, other))
        assert torch.equal(a, b) != moved, knowledge


def test_the_target_waits_for_the_end_of_the_warmup() -> None:
    made = method(warmup=0.3, confidence=0.0).train()
    assert "target" not in made.step(batch(), 0.29)
    assert "target" in made.step(batch(), 0.3)


def test_in_the_universal_setting_there_is_no_alignment_and_no_target_is_asked_for() -> None:
    made = method("uc").train()
    assert made.network.alignment is None
    assert made.teacher is None
    sources = batch().sources
    losses = made.step(Batch(0, 10, "train", sources, None), 0.9)
    assert set(losses) == {"total", "supervised", "balance"}


def test_what_the_experts_read_as_released_differs_between_the_settings() -> None:
    config = KCDPConfig(**{**SMALL, "moe_text": "released"})
    assert moe_text_rule(config, "uda") == "none"
    assert moe_text_rule(config, "uc") == "channel_mean"


def test_presets() -> None:
    faithful, fixed = KCDPConfig(preset="faithful"), KCDPConfig()
    for name, value in FAITHFUL.items():
        assert getattr(faithful, name) == value, name
        # Some are the release's in both; kcdp_small has others of them, and constant maps are everybody's.
        if name != "detach_maps":
            assert value != getattr(KCDPSmallConfig() if name in ("grid", "target", "pool") else fixed, name), name
    small = KCDPSmallConfig(preset="faithful", knowledge_form="mean")
    assert (small.grid, small.target, small.warmup, small.pool) == (1, 1.0, 0.0, "mean")
    assert KCDPConfig(preset="faithful", mode="lora").mode == "lora"
    # What is written out in full comes back the same, as a worker reads it.
    assert KCDPConfig(**faithful.model_dump()) == faithful
    assert KCDP.needed_extras(faithful) == ("kcdp_knowledge_released",)
    assert KCDP.needed_extras(KCDPConfig(mode="frozen")) == ("kcdp_knowledge", "kcdp_features")
    assert KCDP.needed_extras(KCDPConfig(mode="frozen", knowledge="none")) == ("kcdp_features_plain",)


@pytest.mark.parametrize(
    "options",
    [
        {"mode": "frozen", "knowledge": "caption"},
        {"text_encoder": "minilm", "knowledge_form": "released"},
        {"template": "A photo"},
        {"mode": "frozen", "cached_latents": True},
        {"text_model": "/models/a"},
        {"mode": "frozen", "knowledge": "none", "text_encoder": "hashed"},
    ],
)
def test_options_that_contradict_each_other_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(SpecError, match="method 'kcdp'"):
        resolve_config(load_registry(), "kcdp", options)


def test_absent_weights_are_said_in_words_and_found_ones_are_hashed(pipeline: Path, tmp_path: Path) -> None:
    absent = KCDPConfig(model=str(tmp_path))
    with pytest.raises(WeightsError):
        KCDP.weights_sha256(absent, fetch=True)
    assert KCDP.weights_sha256(absent, fetch=False) == ""
    hashes = {KCDP.weights_sha256(KCDPConfig(model=str(pipeline), mode=m), fetch=True) for m in ("lora", "frozen")}
    assert len(hashes) == 2
    assert all(len(found) == 64 for found in hashes)
    assert KCDP.weights_sha256(KCDPConfig(**SMALL), fetch=True) == ""


def test_cached_features_of_another_unet_are_refused() -> None:
    config = {
        "block_out_channels": (8, 8),
        "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
        "layers_per_block": 2,
    }
    assert feature_channels({**config, "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D")}, 4) == (8, 8)
    assert Layout(config, 4, 8 * 9 + 8 * 4).sides == (3, 2)
    with pytest.raises(SpecError, match="are not of a U-Net with 8, 8 channels"):
        Layout(config, 4, 8 * 9 + 8 * 4 + 1)


def test_the_fit_that_is_drawn_near_without_counterfactuals_is_the_alignments_own() -> None:
    """1 - cosine at any temperature, and 1 - CKA."""
    cesa = {"alignment": "cesa", "subspace": 4, "anchors": 8}
    variants: tuple[dict[str, Any], ...] = ({"temperature": 0.5}, {"temperature": 0.07}, cesa)
    for options in variants:
        made, given = method(counterfactuals=False, warmup=1.0, **options), batch()
        found = made.step(given, 0.0)["contrastive"]
        assert 0 <= found.item() <= 2
        assert made.network.alignment is not None
        made.eval()
        with torch.no_grad():
            read = made.network(given.sources.images, given.sources.extras)
            assert read.alignment is not None
            fits = read.alignment * made.network.alignment.scale
        assert fits.abs().max() <= 1 + 1e-5


@pytest.mark.parametrize(
    "options",
    [{}, {"mode": "full"}, {"checkpointing": True}, {"balance": "switch"}, {"balance": "released"},
     {"counterfactuals": False}, {"pool": "label_tokens"}, {"knowledge": "none"}, {"detach_maps": False},
     {"latent": "scaled_sample"}, {"alignment": "cesa", "subspace": 4, "anchors": 8},
     {"teacher": 0.0, "class_balance": 1.0}, {"head": "linear"}],
    ids=str,
)  # fmt: skip
def test_no_step_reads_anything_back(options: dict[str, Any]) -> None:
    losses = step_on_meta(method(**options), batch(), 0.5)
    assert "target" in losses
