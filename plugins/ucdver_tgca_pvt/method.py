"""LORA and TGCA-PVT: a pyramid's class tokens and chosen patches in one fusion block."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar, cast

from torch import Tensor, nn
from torch.nn import functional as F

from ucdver import Backbone, Batch, Method, MethodConfig, ParameterGroup, Prediction, SpecError, TaskInfo
from ucdver_tgca_pvt.config import LoraConfig, TgcaConfig
from ucdver_tgca_pvt.network import TokenNetwork
from ucdver_tgca_pvt.pvt import PyramidVisionTransformer
from ucdver_tgca_pvt.trunk import TokenPyramid

#: The annotator whose tensor the multimodal methods read.
TEXT = "bert_tokens"
#: The annotator that numbers the topics of a data set.
TOPIC = "topic"


class LORA(Method):
    """Cross entropy with label smoothing on the fused token of LORA's network, on the source alone.

    It adapts to nothing: the target is never looked at, and what it brings is its network. That network is the
    recipe's backbone, which must be a PVT, with class tokens in every stage, patches chosen by the chained attention
    maps, and one transformer block over all of them; the recipe's bottleneck is left out.

    Paper: Liu et al., SER30K: A Large-Scale Dataset for Sticker Emotion Recognition, ACM MM 2022.
    """

    Config: ClassVar[type[MethodConfig]] = LoraConfig
    config: LoraConfig
    #: Whether the text of a picture is fused with it.
    reads_text: ClassVar[bool] = False

    def __init__(self, task: TaskInfo, backbone: Backbone, config: LoraConfig) -> None:
        super().__init__(replace(task, bottleneck=0), self.pyramid_of(backbone), config)
        body = self.pyramid
        body.set_drop_path(config.drop_path)
        layout = config.layout(text=self._text_shape(task))
        self.network = TokenNetwork(body.pyramid, layout, backbone.mean.shape[1])
        self.feature_dim = layout.fusion_width(body.pyramid)
        self.head = nn.Linear(self.feature_dim, task.num_classes)
        self.decay_tokens = layout.switches.decay_tokens

    @classmethod
    def pyramid_of(cls, backbone: Backbone) -> Backbone:
        """Return a backbone whose body is a `TokenPyramid`: here the recipe's; what is no PVT is a SpecError."""
        if not isinstance(backbone.body, PyramidVisionTransformer):
            raise SpecError(
                f"this method rebuilds a PVT, and the recipe's backbone is a {type(backbone.body).__name__}",
                "set backbone = 'pvt_small@hub' in [recipe], or bench tgca_pvt_small, which brings its own",
            )
        return backbone

    @classmethod
    def needed_extras(cls, config: LoraConfig) -> tuple[str, ...]:
        """Return the annotations that it reads: the text's tokens, and topics where they are asked for."""
        return (*((TOPIC,) if config.reads_topics() else ()), *((TEXT,) if cls.reads_text else ()))

    def step(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        """Return the smoothed cross entropy of the source, under "total"."""
        source = batch.sources
        logits = self.classify(self.fuse(source.images, source.extras))
        return {"total": F.cross_entropy(logits, source.labels, label_smoothing=self.config.label_smoothing)}

    def predict(self, images: Tensor, extras: Mapping[str, Tensor]) -> Prediction:
        """Return features and logits; they depend on the batch only where topics are read."""
        features = self.fuse(images, extras)
        return Prediction(features, self.classify(features))

    def fuse(self, images: Tensor, extras: Mapping[str, Tensor]) -> Tensor:
        """Return the fused token [B, feature_dim] of pictures in [0, 1]."""
        normalised = (images - self.backbone.mean) / self.backbone.std
        topics = extras[TOPIC] if self.config.reads_topics() else None
        fused: Tensor = self.network(self.pyramid, normalised, topics, extras[TEXT] if self.reads_text else None)
        return fused

    @property
    def pyramid(self) -> TokenPyramid:
        """The backbone's body."""
        return cast(TokenPyramid, self.backbone.body)

    def forward_features(self, images: Tensor) -> Tensor:
        """Return the fused token [B, feature_dim] of pictures that stand alone, without text and topics."""
        return self.fuse(images, {})

    def parameter_groups(self) -> list[ParameterGroup]:
        """Return backbone and new layers, each with and without weight decay.

        As in the release, which relies on timm: vectors (biases, norms) are not decayed.
        """
        known = {id(p) for p in self.backbone.parameters()}
        groups = []
        for name, inside in (("backbone", True), ("head", False)):
            mine = [(n, p) for n, p in self.named_parameters() if (id(p) in known) == inside]
            for decayed in (True, False):
                chosen = [p for n, p in mine if self._decays(n, p) == decayed]
                decay = None if decayed else 0.0
                groups.append(ParameterGroup(chosen, self.config.lr_multiplier, decay, self._group(name)))
        return [group for group in groups if group.parameters]

    def _group(self, name: str) -> str:
        return name

    def _decays(self, name: str, parameter: nn.Parameter) -> bool:
        token = any(part in name for part in ("cls_token", "class_token", "class_position", "pos_embed", ".position"))
        return parameter.dim() > 1 and (self.decay_tokens or not token)

    def _text_shape(self, task: TaskInfo) -> tuple[int, int] | None:
        if not self.reads_text:
            return None
        tokens, width = task.extras[TEXT]
        return tokens, width


class TGCAPVT(LORA):
    """LORA with a gate on the spectrum of each stage's input, a maximum added to its tokens, and topics.

    Cross entropy with label smoothing on the source alone, as LORA's.

    Paper: Chen et al., TGCA-PVT: Topic-Guided Context-Aware Pyramid Vision Transformer for Sticker Emotion
    Recognition, ACM MM 2024.
    """

    Config: ClassVar[type[MethodConfig]] = TgcaConfig


class LORAMultimodal(LORA):
    """LORA with the text on the picture, as 30 hidden states of a frozen BERT."""

    reads_text = True


class TGCAPVTMultimodal(TGCAPVT):
    """TGCA-PVT with the text on the picture, as 30 hidden states of a frozen BERT."""

    reads_text = True
