"""Whether what was computed once was computed as the method's options say."""

from __future__ import annotations

from collections.abc import Mapping

from ucdver import AnnotatorConfig
from ucdver_kcdp.config import KCDPConfig

#: What decides on the U-Net's features and on its latents.
_READ = ("model", "normalisation", "latent", "size")


def cached_misfit(config: KCDPConfig, annotators: Mapping[str, AnnotatorConfig]) -> str:
    """Return the first option of an annotator that is not the method's, in words, or an empty string.

    Features and latents must be of the method's model and pictures, and CLIP's tokens of its text encoder.
    """
    fields: dict[str, tuple[str, ...]] = {name: _READ for name in (config.features_extra, config.latents_extra) if name}
    if config.knowledge_extra and config.text_encoder == "clip":
        fields[config.knowledge_extra] = ("model",)
    for name, compared in fields.items():
        for field in compared:
            own, theirs = getattr(config, field), getattr(annotators[name], field)
            if own != theirs:
                return f"{field} is {own!r}, and in [annotator.{name}], of which it reads, {theirs!r}"
    return ""
