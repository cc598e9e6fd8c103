"""A CLIP of random weights, small, written to a folder as its users write theirs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPTextConfig, CLIPTokenizer, CLIPVisionConfig

from ucdver import Method

LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789.,"
#: Entries of the vocabulary: each letter within and at the end of a word, start and end.
START = 2 * len(LETTERS)
END = START + 1
SIZE, PATCH, DEPTH, WIDTH, TEXT_WIDTH, EMBEDDING = 24, 8, 3, 16, 20, 12
#: Neither CLIP's nor anybody's, so that a test sees whose are used.
MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)


def write_clip(folder: Path, seed: int = 0, size: int = SIZE) -> Path:
    """Write model, tokenizer and image processor below `folder` and return it; torch's random numbers stay as is."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        text = CLIPTextConfig(
            vocab_size=END + 1,
            hidden_size=TEXT_WIDTH,
            intermediate_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            bos_token_id=START,
            eos_token_id=END,
            pad_token_id=END,
        )
        vision = CLIPVisionConfig(
            hidden_size=WIDTH,
            intermediate_size=32,
            num_hidden_layers=DEPTH,
            num_attention_heads=2,
            image_size=size,
            patch_size=PATCH,
        )
        config = CLIPConfig(text_config=text.to_dict(), vision_config=vision.to_dict(), projection_dim=EMBEDDING)
        model = CLIPModel(config)
        with torch.no_grad():
            # Random weights as published ones begin would make all texts alike.
            for parameter in model.parameters():
                if parameter.dim() > 1:
                    parameter.mul_(4)
    model.save_pretrained(folder)
    _write_tokenizer(folder)
    CLIPImageProcessor(
        image_mean=MEAN, image_std=STD, size={"shortest_edge": size}, crop_size={"height": size, "width": size}
    ).save_pretrained(folder)
    return folder


def clip_options(method: type[Method], folder: Path) -> dict[str, Any] | None:
    """Return options with a tiny CLIP for a method that is built on one, and None for any other."""
    if not method.__module__.startswith("ucdver_vlm."):
        return None
    # Tokens made of random layers grow without bound at the contract's rate, which is meant for a convnet.
    slower = {"lr_multiplier": 0.1} if method.__name__ == "ADCLIP" else {}
    return {**method.contract_options, **slower, "model": str(write_clip(folder / "clip"))}


def _write_tokenizer(folder: Path) -> None:
    """Write CLIP's tokenizer with letters for words: its files are a vocabulary and an empty list of merges."""
    entries = [*LETTERS, *(f"{letter}</w>" for letter in LETTERS), "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({entry: i for i, entry in enumerate(entries)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    CLIPTokenizer.from_pretrained(folder).save_pretrained(folder)
