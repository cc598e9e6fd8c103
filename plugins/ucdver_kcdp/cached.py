"""Whether what was computed once was computed as the method's options say."""

from __future__ import annotations

from collections.abc import Mapping

from ucdver import AnnotatorConfig
from ucdver_kcdp.config import KCDPConfig

#: What decides on the U-Net's features and on its latents.
_READ = ("model", "normalisation", "latent", "size")
#: The option that names the text encoder's files, where a user can name them.
_TEXT_MODELS = {"clip": "model", "minilm": "text_model"}


def cached_misfit(config: KCDPConfig, annotators: Mapping[str, AnnotatorConfig]) -> str:
    """Return the first option of an annotator that is not the method's, in words, or an empty string.

    Features and latents must be of the method's model and pictures, and tokens of its text encoder.
    """
    # The option of the method, and what the annotator calls it.
    fields: dict[str, dict[str, str]] = {
        name: {field: field for field in _READ} for name in (config.features_extra, config.latents_extra) if name
    }
    if config.knowledge_extra and config.text_encoder in _TEXT_MODELS:
        fields[config.knowledge_extra] = {_TEXT_MODELS[config.text_encoder]: "model"}
    for name, compared in fields.items():
        for option, field in compared.items():
            own, theirs = getattr(config, option), getattr(annotators[name], field)
            if own != theirs:
                return f"{option} is {own!r}, and in [annotator.{name}], of which it reads, {theirs!r}"
    return ""
