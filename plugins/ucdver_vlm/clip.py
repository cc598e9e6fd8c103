"""A CLIP as transformers keeps it: its two towers, its scale, and its own preprocessing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from ucdver import WeightsError, check_whole, quiet_loading
from ucdver_vlm.image_tower import ImageTower
from ucdver_vlm.model_files import WHOLE, clip_folder
from ucdver_vlm.text_tower import TextTower


@dataclass(frozen=True)
class Clip:
    """Both towers, and what a cosine is multiplied with before the softmax (100 in the published models)."""

    images: ImageTower
    texts: TextTower
    scale: float


def load_clip(name: str, *, fetch: bool = True) -> Clip:
    """Return a CLIP in float32, on the CPU, in eval mode.

    Args:
        name: a folder written by `save_pretrained`, or a name on the hub.
        fetch: whether it may be downloaded.

    Raises:
        WeightsError: it is absent, another model, or lacks a weight, its tokenizer or its image processor.
    """
    from transformers import CLIPImageProcessor, CLIPModel, CLIPTokenizer

    folder = clip_folder(name, fetch=fetch)
    whole: Any = CLIPModel
    try:
        with quiet_loading():
            model, report = whole.from_pretrained(
                folder, local_files_only=True, use_safetensors=True, output_loading_info=True
            )
            tokenizer = CLIPTokenizer.from_pretrained(folder, local_files_only=True)
            processor = CLIPImageProcessor.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, RuntimeError) as error:
        first_line = str(error).strip().partition("\n")[0]
        raise WeightsError(f"'{folder}' cannot be loaded as a CLIP: {first_line}", WHOLE) from error
    check_whole(folder, "a CLIP", report)
    # Published in half precision by some; the recipe's precision is what computes.
    model = model.float().eval()
    images = ImageTower(model.vision_model, model.visual_projection, processor.image_mean, processor.image_std)
    texts = TextTower(model.text_model, model.text_projection, tokenizer)
    return Clip(images, texts, math.exp(float(model.logit_scale.detach())))
