"""What the methods on CLIP share: the model, its preprocessing, and the classifier that its text encoder gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

import torch
from pydantic import Field, field_validator
from torch import Tensor, nn
from torch.nn import functional as F

from ucdver import Backbone, Method, MethodConfig, ParameterGroup, Prediction, TaskInfo, at_least_float32, no_autocast
from ucdver_vlm.clip import Clip, load_clip
from ucdver_vlm.frozen import Frozen
from ucdver_vlm.image_tower import ImageTower
from ucdver_vlm.model_files import clip_sha256
from ucdver_vlm.prompts import check_template, class_prompts, templates_of
from ucdver_vlm.text_tower import TextTower


class ClipConfig(MethodConfig):
    """Which CLIP, and what its text encoder is told of the classes.

    `model` is a folder written by `save_pretrained`, or a name on the hub; ViT-B/16 is the model of most published
    numbers. `prompts` is a set of templates.toml: `photo` is CLIP's own, `emotion` ours. `templates` stand in its
    place, with {picture} and one of {name}, {noun}, {adjective}. `picture` says what the pictures are, with its
    article, as in "a sticker".
    """

    model: str = "openai/clip-vit-base-patch16"
    prompts: Literal["emotion", "photo"] = "emotion"
    templates: tuple[str, ...] = ()
    picture: str = Field(default="a photo", min_length=1)

    @field_validator("templates")
    @classmethod
    def _check(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        for template in given:
            check_template(template)
        return given


class ClipMethod(Method):
    """A method on a CLIP, whose zero-shot classifier is its head; the recipe's backbone and bottleneck are unused.

    A subclass gets hold of the model in `begin` and keeps of it what it needs. Without more, the image encoder is kept
    frozen and the text encoder is dropped once the classifier is made.
    """

    Config: ClassVar[type[ClipConfig]] = ClipConfig
    config: ClipConfig

    def __init__(self, task: TaskInfo, backbone: Backbone, config: ClipConfig) -> None:
        super().__init__(task, backbone, config)
        # The suite's network: it would count as parameters, and be saved for nothing.
        del self.backbone
        self.bottleneck = nn.Identity()
        clip = load_clip(config.model)
        self.feature_dim = clip.images.width
        prompts = class_prompts(task.classes, config.templates or templates_of(config.prompts), config.picture)
        self.head = text_classifier(prompt_ensemble(clip.texts, prompts), clip.scale)
        self.begin(clip)

    def begin(self, clip: Clip) -> None:
        """Keep what the method needs of the model; by default the frozen image encoder."""
        self.images: nn.Module = Frozen(clip.images)

    @classmethod
    def weights_sha256(cls, config: ClipConfig, *, fetch: bool) -> str:
        """Return the hash of model, tokenizer and image processor."""
        return clip_sha256(config.model, fetch=fetch)

    def forward_features(self, images: Tensor) -> Tensor:
        """Return image embeddings of length one, [B, D], of images in [0, 1]."""
        features: Tensor = self.images(images)
        return features

    def predict(self, images: Tensor, extras: Mapping[str, Tensor]) -> Prediction:
        """Return image embeddings and logits."""
        features = self.forward_features(images)
        return Prediction(features, self.classify(features))

    def classify(self, features: Tensor) -> Tensor:
        """Return the logits [B, K] of image embeddings, in float32 at least; see `cosine_logits`."""
        with no_autocast(features):
            return super().classify(at_least_float32(features))

    def parameter_groups(self) -> list[ParameterGroup]:
        """Return all that is not frozen, as one group."""
        return [ParameterGroup([p for p in self.parameters() if p.requires_grad], name="head")]


def cosine_logits(subscripts: str, features: Tensor, texts: Tensor, scale: float) -> Tensor:
    """Return scale times the products of embeddings of length one, as `einsum` names them, in float32 at least.

    Logits of a CLIP lie around 16 to 32, where bfloat16 has steps of 1 / 8: classes would tie.
    """
    with no_autocast(features):
        return scale * torch.einsum(subscripts, at_least_float32(features), at_least_float32(texts))


def frozen_tower(module: nn.Module) -> ImageTower:
    """Return the image encoder in a `Frozen`."""
    tower = module.get_submodule("network")
    if not isinstance(tower, ImageTower):
        raise TypeError(f"a {type(tower).__name__} stands where the image encoder should")
    return tower


@torch.no_grad()
def prompt_ensemble(texts: TextTower, prompts: Sequence[Sequence[str]]) -> Tensor:
    """Return a text embedding of length one for each class, [K, D]: the mean over its prompts, normalised.

    Each prompt's embedding is normalised first, as in CLIP's own ensembles (Radford et al., ICML 2021).
    """
    return torch.stack([F.normalize(texts.encode(own).mean(0), dim=0) for own in prompts])


def text_classifier(embeddings: Tensor, scale: float) -> nn.Linear:
    """Return the linear layer with logits scale * <embedding_k, x>, as WiSE-FT begins (Wortsman et al., CVPR 2022).

    The scale is folded into its weights and the bias is zero. It is not trained unless a method says so.
    """
    layer = nn.Linear(embeddings.shape[1], embeddings.shape[0])
    with torch.no_grad():
        layer.weight.copy_(scale * embeddings)
        layer.bias.zero_()
    return layer.requires_grad_(False)
