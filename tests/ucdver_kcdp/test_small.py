"""kcdp_small: its models, its annotators, its caches, and the backbone that comes of its image-text model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from ucdver import Backbone, Batch, LabeledBatch, SpecError, TaskInfo, UnlabeledBatch, WeightsError
from ucdver.methods.config import resolve_config
from ucdver.plugins import load_registry
from ucdver.testing.annotators import annotate
from ucdver.testing.contract import ToyBench
from ucdver_kcdp.image_text import ImageText
from ucdver_kcdp.projections import LENGTH, WIDTH, load_projections, weights_file
from ucdver_kcdp.retrieval import bank_sentences
from ucdver_kcdp.small import KCDPSmall, KCDPSmallConfig
from ucdver_kcdp.text_embedding import load_text_encoder
from ucdver_kcdp.triples import read_triples

CPU = torch.device("cpu")
PICTURES = torch.randint(0, 256, (4, 3, 64, 64), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
VARIANTS = [spec.name for spec in load_registry().methods if spec.name.startswith("kcdp_small")]


@pytest.fixture(scope="module")
def extras() -> dict[str, Tensor]:
    """What the annotators give for the pictures, each reading what the one before gave."""
    captions = annotate("kcdp_small_caption", [{"image": picture} for picture in PICTURES])
    rows: list[dict[str, Any]] = [
        {"image": picture, "kcdp_small_caption": text} for picture, text in zip(PICTURES, captions, strict=True)
    ]
    found: dict[str, Tensor] = {}
    for name in ("triples", "knowledge", "features", "features_plain", "latents"):
        given = annotate(f"kcdp_small_{name}", rows)
        for row, value in zip(rows, given, strict=True):
            row[f"kcdp_small_{name}"] = value.float() if isinstance(value, Tensor) else value
        if isinstance(given, Tensor):
            # Of the views, the picture as it is: what prediction is given.
            found[f"kcdp_small_{name}"] = (given[:, 0] if name.startswith("features") else given).float()
    for row in rows:
        assert all(sentence in bank_sentences("") for sentence in row["kcdp_small_caption"][:-1].split(". "))
        assert read_triples(row["kcdp_small_triples"])
    return found


def method(extras: Mapping[str, Tensor], setting: str = "uda", **options: Any) -> KCDPSmall:
    config = KCDPSmallConfig(**{"warmup": 0.0, "confidence": 0.0, **options})
    shapes = {name: tuple(extras[name].shape[1:]) for name in KCDPSmall.needed_extras(config)}
    task = TaskInfo(("joy", "sadness", "fear"), ("source",), setting, 10, extras=shapes)
    torch.manual_seed(0)
    return KCDPSmall(task, Backbone(torch.nn.Identity(), 4, (0.0,), (1.0,)), config)


def batch(extras: Mapping[str, Tensor]) -> Batch:
    ids, images = torch.arange(4), PICTURES.float() / 255
    source = LabeledBatch(ids, images, ids % 3, torch.zeros_like(ids), dict(extras))
    return Batch(0, 10, "train", source, UnlabeledBatch(ids, images, dict(extras)))


def test_a_caption_says_what_the_bank_says_whoever_else_is_in_the_batch() -> None:
    rows = [{"image": picture} for picture in PICTURES]
    whole = annotate("kcdp_small_caption", rows, {"top": 3})
    assert annotate("kcdp_small_caption", rows[2:3], {"top": 3}) == whole[2:3]
    assert all(str(text).count(".") == 3 for text in whole)


def test_a_caption_can_be_the_text_of_the_nearest_source_image() -> None:
    sources = [{"image": picture, "text": f"a {number}"} for number, picture in enumerate(PICTURES)]
    faint = (PICTURES.float() * 0.9 + 10).to(torch.uint8)
    found = annotate(
        "kcdp_small_caption", [{"image": p} for p in faint], {"bank": "sources", "top": 1}, sources=sources
    )
    assert found == [f"a {number}." for number in range(len(PICTURES))]
    own = annotate(
        "kcdp_small_caption", [{"image": p} for p in PICTURES], {"bank": "sources", "top": 1}, sources=sources
    )
    assert all(text != wanted for text, wanted in zip(own, found, strict=True))


def test_knowledge_has_the_form_that_the_unet_was_trained_with(extras: dict[str, Tensor]) -> None:
    assert extras["kcdp_small_knowledge"].shape == (4, 2 * LENGTH, WIDTH + 1)
    encoder = load_text_encoder("minilm_small", "", CPU)
    tokens, mask = encoder.encode(["red apple", ""])
    assert tokens.shape == (2, LENGTH, WIDTH)
    assert torch.equal(tokens * (1 - mask.unsqueeze(2)), torch.zeros_like(tokens))


def test_an_embedding_is_the_mean_of_the_tokens_that_the_unet_sees() -> None:
    tokens, mask = load_text_encoder("minilm_small", "", CPU).encode(["a red apple", "a blue car on a road"])
    means = F.normalize(tokens.sum(1) / mask.sum(1, keepdim=True), dim=1)
    assert torch.allclose(means, ImageText(CPU).texts(["a red apple", "a blue car on a road"]), atol=1e-5)


@pytest.mark.parametrize("mode", ["frozen", "lora"])
def test_every_part_is_there_and_learns(extras: dict[str, Tensor], mode: str) -> None:
    made = method(extras, mode=mode).train()
    made.step(batch(extras), 0.5)["total"].backward()  # type: ignore[no-untyped-call]
    reached = {name for name, p in made.named_parameters() if p.grad is not None}
    assert reached == {name for name, p in made.named_parameters() if p.requires_grad}
    for part in ("neck", "experts", "alignment", "text_map", *(["lora_"] if mode == "lora" else [])):
        assert any(part in name for name in reached), part


@pytest.mark.parametrize("knowledge", ["caption+triples", "none"])
def test_cached_features_are_what_the_unet_gives(extras: dict[str, Tensor], knowledge: str) -> None:
    logits = []
    for cached in (True, False):
        made = method(extras, cached=cached, knowledge=knowledge).eval()
        with torch.no_grad():
            logits.append(made.predict(PICTURES.float() / 255, extras).logits)
    assert torch.allclose(*logits, atol=5e-3)


def test_cached_latents_are_what_the_autoencoder_gives(extras: dict[str, Tensor]) -> None:
    losses = [
        method(extras, mode="lora", cached_latents=cached).train().step(batch(extras), 0.5)["total"].item()
        for cached in (True, False)
    ]
    assert losses[0] == pytest.approx(losses[1], abs=5e-3)
    with pytest.raises(SpecError, match="computed once"):
        resolve_config(load_registry(), "kcdp_small", {"cached_latents": True, "latent": "scaled_sample"})


def test_pictures_of_any_size_are_read_at_the_size_of_the_training(extras: dict[str, Tensor]) -> None:
    made = method(extras, mode="lora").eval()
    assert made.network.perceiver is not None
    for side in (48, 96):
        assert made.network.perceiver.latents(torch.rand(2, 3, side, side)).shape == (2, 4, 16, 16)


def test_from_the_plan_to_predictions_without_a_word_of_configuration(tmp_path: Path) -> None:
    trained = ToyBench(tmp_path, "kcdp_small", "uda").train(steps=4)
    assert np.isfinite(trained.predictions.logits).all()
    assert len(trained.record.spec.method_weights_sha256) == 64
    assert set(trained.record.spec.annotations) == {"kcdp_small_knowledge", "kcdp_small_features"}


@pytest.mark.parametrize("spec", [s for s in load_registry().methods if s.name in VARIANTS], ids=lambda s: s.name)
def test_every_table_says_what_the_weights_saw(spec: Any) -> None:
    assert "no face emoji" in spec.note
    # A longer one would be cut.
    assert len(spec.note) <= 240


def test_projections_of_another_encoder_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    import ucdver.backbones.package as package

    monkeypatch.setattr(package, "efficientnet_lite0_sha256", lambda: "0" * 64)
    with pytest.raises(WeightsError, match="trained on other weights"):
        load_projections(weights_file())
