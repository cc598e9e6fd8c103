"""Checkpoints under both public namings, as their makers write them, and how they are found."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from huggingface_hub.errors import LocalEntryNotFoundError
from safetensors.torch import save_file
from transformers import PvtConfig, PvtForImageClassification

import ucdver_tgca_pvt.backbone as backbone
from ucdver import WeightsError
from ucdver_tgca_pvt.pvt import PyramidVisionTransformer
from ucdver_tgca_pvt.pyramids import PYRAMIDS, Pyramid
from ucdver_tgca_pvt.weights import load_pyramid

TINY = Pyramid((16, 16, 24, 32), (1, 2, 1, 2), (1, 2, 3, 4), (2, 2, 1, 2), (8, 4, 2, 1), (4, 2, 2, 2), side=64)


def transformers_pvt() -> PvtForImageClassification:
    torch.manual_seed(0)
    config = PvtConfig(
        image_size=TINY.side,
        hidden_sizes=list(TINY.widths),
        depths=list(TINY.depths),
        num_attention_heads=list(TINY.heads),
        mlp_ratios=list(TINY.mlp_ratios),
        sequence_reduction_ratios=list(TINY.reductions),
        patch_sizes=list(TINY.patches),
        num_labels=7,
    )
    return PvtForImageClassification(config).eval()


def test_weights_of_transformers_give_the_features_of_transformers(tmp_path: Path) -> None:
    theirs = transformers_pvt()
    theirs.save_pretrained(tmp_path)
    ours = PyramidVisionTransformer("tiny", TINY, 3).eval()
    load_pyramid(ours, tmp_path / "model.safetensors")
    images = torch.rand(2, 3, TINY.side, TINY.side)
    with torch.inference_mode():
        expected = theirs.pvt(images).last_hidden_state[:, 0]
        # Theirs has 1e-6 in every norm, the authors' code 1e-5 in those of patches and reduced maps.
        torch.testing.assert_close(ours(images), expected, atol=2e-3, rtol=2e-3)
        for module in ours.modules():
            if isinstance(module, torch.nn.LayerNorm):
                module.eps = 1e-6
        torch.testing.assert_close(ours(images), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("wrapped", [True, False])
def test_the_authors_names_are_ours(tmp_path: Path, wrapped: bool) -> None:
    saved = PyramidVisionTransformer("tiny", TINY, 3)
    state = saved.state_dict() | {"head.weight": torch.zeros(1000, 32), "head.bias": torch.zeros(1000)}
    torch.save({"model": state} if wrapped else state, tmp_path / "pvt_small.pth")
    loaded = PyramidVisionTransformer("tiny", TINY, 3)
    load_pyramid(loaded, tmp_path / "pvt_small.pth")
    assert all(torch.equal(value, loaded.state_dict()[key]) for key, value in saved.state_dict().items())


def test_the_parameters_are_as_many_as_published() -> None:
    """24.5 and 13.2 million with a classifier of 1,000 classes (Wang et al., ICCV 2021, table 2)."""
    for name, millions in (("pvt_small", 24.5), ("pvt_tiny", 13.2)):
        body = PyramidVisionTransformer(name, PYRAMIDS[name], 3)
        assert round((sum(p.numel() for p in body.parameters()) + 513_000) / 1e6, 1) == millions


def test_a_checkpoint_of_something_else_is_refused(tmp_path: Path) -> None:
    save_file({"encoder.block.0.0.unheard_of.weight": torch.zeros(2)}, tmp_path / "other.safetensors")
    with pytest.raises(WeightsError, match=r"does not fit the network.*block1\.0\.unheard_of"):
        load_pyramid(PyramidVisionTransformer("tiny", TINY, 3), tmp_path / "other.safetensors")


def test_the_hub_is_asked_for_both_kinds_of_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked = []

    def without_safetensors(repository: str, file: str) -> str:
        asked.append((repository, file))
        if file == "model.safetensors":
            raise LocalEntryNotFoundError("no such file")
        return str(tmp_path / file)

    monkeypatch.setattr(backbone, "hf_hub_download", without_safetensors)
    assert backbone.locate("pvt_small", "hub") == tmp_path / "pytorch_model.bin"
    assert asked == [("Zetatech/pvt-small-224", f) for f in ("model.safetensors", "pytorch_model.bin")]

    def offline(repository: str, file: str) -> str:
        raise LocalEntryNotFoundError("offline")

    monkeypatch.setattr(backbone, "hf_hub_download", offline)
    with pytest.raises(WeightsError, match=r"cannot be fetched.*safetensors of 'Zetatech/pvt-tiny-224'"):
        backbone.locate("pvt_tiny", "hub")
