"""AD-CLIP: prompts made of each image's style and content (Singha et al., ICCV-W 2023)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor
from torch.nn import functional as F

from ucdver import Batch, ParameterGroup, Prediction, both_images
from ucdver_vlm.base import ClipConfig, ClipMethod, cosine_logits, frozen_tower
from ucdver_vlm.class_names import ClassNames
from ucdver_vlm.clip import Clip
from ucdver_vlm.frozen import Frozen
from ucdver_vlm.image_tokens import ContentTokens, StyleTokens, layer_content, layer_style
from ucdver_vlm.prompts import nouns


def text_divergence(source: Tensor, target: Tensor) -> Tensor:
    """Return KL(softmax(target) || softmax(source)) over the numbers of text embeddings [B, K, D], a scalar.

    Summed over classes and averaged over images, as the published code's `KLDivLoss(source, target)` does. There the
    softmax runs over the classes; what is compared is an embedding, so here it runs over its numbers.
    """
    return F.kl_div(source.log_softmax(2), target.log_softmax(2), reduction="batchmean", log_target=True)


def mean_entropy(logits: Tensor) -> Tensor:
    """Return mean_b H(softmax(logits_b)) in nats, of logits [B, K].

    The published code divides the probabilities by their norm over the batch first, which leaves no distributions.
    """
    log_p = logits.log_softmax(1)
    return -(log_p.exp() * log_p).sum(1).mean()


class ADCLIP(ClipMethod):
    """Prompts of [source's style tokens] [target's style tokens] [the image's content tokens] [class].

    L = CE(source) + alignment * KL(text_t || text_s) + mapping_weight * MSE(mapped, source's style tokens) + entropy *
    H(target). In training the images of both batches are paired by their places. A target image alone, as in
    prediction, has no source beside it: a mapping network hallucinates the source's style tokens from its own style.
    CLIP is frozen.

    Paper: Singha et al., AD-CLIP: Adapting Domains in Prompt Space Using CLIP, ICCV-W 2023.
    """

    class Config(ClipConfig):
        """Widths and weights as in the published code (https://github.com/mainaksingha01/AD-CLIP, MIT): `hidden` 256,
        `mapping_hidden` 128, `content` 4 tokens; `alignment` 1, `mapping_weight` 0.1, `entropy` 0.01.

        `mapping`: what the mapping network learns from. `target`: the target's style, to give the tokens of the source
        image beside it, which is what it is asked for later (our reading of the paper's cross-domain mapping).
        `source`: the source's own style, as in the published code. `lr_multiplier`: on the recipe's learning rate; the
        published code trains with Adam at 0.01 and a cosine schedule. `predict_batch`: images whose prompts go through
        the text encoder at a time, K for each.
        """

        content: int = Field(default=4, ge=1)
        hidden: int = Field(default=256, ge=1)
        mapping_hidden: int = Field(default=128, ge=1)
        alignment: float = Field(default=1.0, ge=0, json_schema_extra={"search": [0.1, 10.0], "log": True})
        mapping_weight: float = Field(default=0.1, ge=0, json_schema_extra={"search": [0.01, 1.0], "log": True})
        entropy: float = Field(default=0.01, ge=0, json_schema_extra={"search": [0.001, 1.0], "log": True})
        mapping: Literal["target", "source"] = "target"
        lr_multiplier: float = Field(default=1.0, gt=0, json_schema_extra={"search": [0.1, 100.0], "log": True})
        predict_batch: int = Field(default=32, ge=1)

        @model_validator(mode="after")
        def _check_texts(self) -> ADCLIP.Config:
            for name in ("prompts", "templates", "picture"):
                if getattr(self, name) != type(self).model_fields[name].default:
                    raise ValueError(f"its prompts are learnt: {name} says nothing to it, leave it out")
            return self

    config: Config

    def begin(self, clip: Clip) -> None:
        """Keep both encoders frozen, and make the networks of the tokens."""
        super().begin(clip)
        config, images, width = self.config, clip.images, clip.texts.width
        self.names = ClassNames(clip.texts, nouns(self.task.classes), 2 * images.depth + config.content)
        self.texts = Frozen(clip.texts)
        self.style = StyleTokens(images.depth, images.hidden, config.hidden, width, relu=False)
        self.mapping = StyleTokens(images.depth, images.hidden, config.mapping_hidden, width, relu=True)
        self.content = ContentTokens(images.depth, images.hidden, width, config.content)
        self.scale = clip.scale

    def step(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        """Return the losses, unweighted but for the total."""
        count, config = len(batch.sources.labels), self.config
        features, layers = self._see(both_images(batch))
        style = layer_style(layers)
        tokens, content = self.style(style), self.content(layer_content(layers))
        pair = torch.cat([tokens[:count], tokens[count:]], dim=1)
        texts = self.text_embeddings(torch.cat([torch.cat([pair, pair]), content], dim=1))
        logits = self._logits(features, texts)
        mapped = self.mapping(style[count:] if config.mapping == "target" else style[:count])
        source = F.cross_entropy(logits[:count], batch.sources.labels)
        alignment = text_divergence(texts[:count], texts[count:])
        mapping = F.mse_loss(mapped, tokens[:count])
        entropy = mean_entropy(logits[count:])
        total = source + config.alignment * alignment + config.mapping_weight * mapping + config.entropy * entropy
        return {"total": total, "source": source, "alignment": alignment, "mapping": mapping, "entropy": entropy}

    def predict(self, images: Tensor, extras: Mapping[str, Tensor]) -> Prediction:
        """Return image embeddings and logits, a few images at a time; the source's tokens are hallucinated."""
        size = self.config.predict_batch
        parts = [self._predict(images[i : i + size]) for i in range(0, len(images), size)]
        return Prediction(torch.cat([p.features for p in parts]), torch.cat([p.logits for p in parts]))

    def text_embeddings(self, context: Tensor) -> Tensor:
        """Return the embeddings [B, K, D] of all classes' prompts with each image's context [B, C, width]."""
        found: Tensor = self.texts(*self.names(context))
        return found.view(len(context), self.task.num_classes, -1)

    def parameter_groups(self) -> list[ParameterGroup]:
        """Return the networks of the tokens."""
        trained = [p for part in (self.style, self.mapping, self.content) for p in part.parameters()]
        return [ParameterGroup(trained, lr_multiplier=self.config.lr_multiplier, name="tokens")]

    def _predict(self, images: Tensor) -> Prediction:
        features, layers = self._see(images)
        style = layer_style(layers)
        context = [self.mapping(style), self.style(style), self.content(layer_content(layers))]
        return Prediction(features, self._logits(features, self.text_embeddings(torch.cat(context, dim=1))))

    @torch.no_grad()
    def _see(self, images: Tensor) -> tuple[Tensor, Tensor]:
        return frozen_tower(self.images).layers(images)

    def _logits(self, features: Tensor, texts: Tensor) -> Tensor:
        return cosine_logits("bd,bkd->bk", features, texts, self.scale)
