"""A Stable Diffusion pipeline and a CLIP of random weights, small, and written as the real ones are."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import (
    CLIPConfig,
    CLIPImageProcessor,
    CLIPModel,
    CLIPProcessor,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTokenizer,
)

from ucdver_kcdp.diffusion import TINY_UNET, TINY_VAE

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def write_tokenizer(folder: Path) -> None:
    """Write CLIP's tokenizer with letters for words: its files are a vocabulary and an empty list of merges."""
    folder.mkdir(parents=True, exist_ok=True)
    entries = [*LETTERS, *(f"{letter}</w>" for letter in LETTERS), "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({entry: i for i, entry in enumerate(entries)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    CLIPTokenizer.from_pretrained(folder).save_pretrained(folder)


@pytest.fixture(scope="session")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a pipeline as `save_pretrained` of each part writes it, and as it is on the hub."""
    folder = tmp_path_factory.mktemp("pipeline")
    with torch.random.fork_rng():
        torch.manual_seed(3)
        UNet2DConditionModel.from_config(dict(TINY_UNET)).save_pretrained(folder / "unet")
        AutoencoderKL.from_config(dict(TINY_VAE)).save_pretrained(folder / "vae")
        text = CLIPTextConfig(
            vocab_size=54,
            hidden_size=32,
            intermediate_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
            max_position_embeddings=12,
            bos_token_id=52,
            eos_token_id=53,
        )
        CLIPTextModel(text).save_pretrained(folder / "text_encoder")
    write_tokenizer(folder / "tokenizer")
    return folder


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory, pipeline: Path) -> Path:
    """The folder of a CLIP, whose tokenizer knows letters."""
    folder = tmp_path_factory.mktemp("clip")
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = CLIPConfig(
        text_config={**sizes, "vocab_size": 54, "max_position_embeddings": 32, "bos_token_id": 52, "eos_token_id": 53},
        vision_config={**sizes, "image_size": 32, "patch_size": 16},
        projection_dim=8,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        CLIPModel(config).save_pretrained(folder)
    tokenizer = CLIPTokenizer.from_pretrained(pipeline / "tokenizer", model_max_length=32)
    size = {"height": 32, "width": 32}
    CLIPProcessor(CLIPImageProcessor(size=size, crop_size=size), tokenizer).save_pretrained(folder)
    return folder
