"""Captions without a captioner: the sentences of a phrase bank that CLIP finds most similar to an image."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ucdver import DataError, WeightsError

#: Sentences that are encoded at a time.
CHUNK = 64


class CaptionRetriever:
    """Ranks sentences by the cosine of CLIP's image and text embeddings, and joins the best.

    The built-in bank says what people and things look like and do, and names no emotion. A retrieved caption can say no
    more than its bank does; it costs a forward pass of CLIP an image, and no generation.

    Args:
        folder: a CLIP model with its processor, as `save_pretrained` writes it.
        bank: a text file with a sentence a line, or "" for the built-in one.
        top: how many sentences make a caption, best first.
        device: where it computes.
    """

    def __init__(self, folder: Path, bank: str, top: int, device: torch.device) -> None:
        from transformers import CLIPModel, CLIPProcessor

        self._device = device
        self._sentences = bank_sentences(bank)
        self._top = min(top, len(self._sentences))
        try:
            model: nn.Module = CLIPModel.from_pretrained(folder, local_files_only=True, use_safetensors=True)
            self._processor: Any = CLIPProcessor.from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError) as error:
            first_line = str(error).strip().partition("\n")[0]
            raise WeightsError(f"'{folder}' cannot be loaded as a CLIP: {first_line}", "name a whole folder") from error
        self._model: Any = model.to(device).eval()
        parts = [self._texts(self._sentences[i : i + CHUNK]) for i in range(0, len(self._sentences), CHUNK)]
        self._embedded = torch.cat(parts)

    @staticmethod
    def sha256(weights: str, bank: str) -> str:
        """Return the hash of the weights' hash and of the bank's sentences."""
        return hashlib.sha256("\n".join([weights, *bank_sentences(bank)]).encode()).hexdigest()

    @torch.no_grad()
    def captions(self, images: Sequence[Tensor]) -> list[str]:
        """Return one caption for each uint8 [3, H, W]."""
        pictures = [image.permute(1, 2, 0).numpy() for image in images]
        read = self._processor(images=pictures, return_tensors="pt").to(self._device)
        seen = F.normalize(_embedding(self._model.get_image_features(**read)), dim=1)
        best = (seen @ self._embedded.T).topk(self._top, dim=1).indices.tolist()
        return [". ".join(self._sentences[i] for i in row) + "." for row in best]

    @torch.no_grad()
    def _texts(self, sentences: Sequence[str]) -> Tensor:
        read = self._processor(text=list(sentences), return_tensors="pt", padding=True, truncation=True).to(
            self._device
        )
        return F.normalize(_embedding(self._model.get_text_features(**read)), dim=1)


def _embedding(found: Any) -> Tensor:
    """Return the projected embedding, which newer versions wrap and older ones give bare."""
    return found if isinstance(found, Tensor) else found.pooler_output


def bank_sentences(bank: str) -> list[str]:
    """Return the sentences of a file or of the built-in bank, without repetitions; an empty bank is a DataError."""
    if bank:
        try:
            text = Path(bank).expanduser().read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(
                f"the phrase bank '{bank}' cannot be read: {error}", "one sentence a line, as UTF-8"
            ) from error
    else:
        text = (resources.files("ucdver_kcdp") / "phrases.txt").read_text(encoding="utf-8")
    found = list(dict.fromkeys(line.strip().rstrip(".") for line in text.splitlines() if line.strip()))
    if not found:
        raise DataError(f"the phrase bank '{bank}' holds no sentence", "one sentence a line")
    return found
