"""CLIP as frozen features of pictures and texts, for captions that are retrieved."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from ucdver import WeightsError, check_whole
from ucdver_kcdp.pictures import to_rgb


class ClipSpace:
    """Embeds pictures and texts into one space, where the cosine tells how well they fit.

    Args:
        folder: a CLIP model with its processor, as `save_pretrained` writes it.
        device: where it computes.

    Raises:
        WeightsError: the folder holds no CLIP.
    """

    def __init__(self, folder: Path, device: torch.device) -> None:
        from transformers import CLIPModel, CLIPProcessor

        self._device = device
        try:
            made: Any = CLIPModel
            model, report = made.from_pretrained(
                folder, local_files_only=True, use_safetensors=True, output_loading_info=True
            )
            self._processor: Any = CLIPProcessor.from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError) as error:
            first_line = str(error).strip().partition("\n")[0]
            raise WeightsError(f"'{folder}' cannot be loaded as a CLIP: {first_line}", "name a whole folder") from error
        # Transformers loads another model as a CLIP of random weights.
        check_whole(folder, "a CLIP", report)
        self._model: Any = model.float().to(device).eval()

    @torch.no_grad()
    def pictures(self, images: Sequence[Tensor]) -> Tensor:
        """Return unit vectors [n, d] of pictures, each uint8 [C, H, W]."""
        pictures = [to_rgb(image) for image in images]
        read = self._processor(images=pictures, return_tensors="pt").to(self._device)
        return F.normalize(_embedding(self._model.get_image_features(**read)), dim=1)

    @torch.no_grad()
    def texts(self, sentences: Sequence[str]) -> Tensor:
        """Return unit vectors [n, d] of texts."""
        read = self._processor(text=list(sentences), return_tensors="pt", padding=True, truncation=True)
        return F.normalize(_embedding(self._model.get_text_features(**read.to(self._device))), dim=1)


def _embedding(found: Any) -> Tensor:
    """Return the projected embedding, which newer versions wrap and older ones give bare."""
    return found if isinstance(found, Tensor) else found.pooler_output
