"""What captions alone predict: the row that tells a method's knowledge from what it makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from ucdver import Backbone, Batch, Method, MethodConfig, ParameterGroup, Prediction, TaskInfo
from ucdver_kcdp.config import KCDPConfig
from ucdver_kcdp.knowledge import Knowledge


class ProbeConfig(MethodConfig):
    """`knowledge`: what is read, captions or their triples or both; `lr_multiplier`: on the recipe's learning rate."""

    knowledge: Literal["caption", "triples", "caption+triples"] = "caption"
    lr_multiplier: float = Field(default=1.0, gt=0, json_schema_extra={"search": [0.1, 100.0], "log": True})

    @property
    def extra(self) -> str:
        """The annotator of the knowledge: that of `kcdp_small`."""
        return "kcdp_small_knowledge"


class KCDPProbeConfig(ProbeConfig):
    """`text_encoder`: as of `kcdp`; the knowledge is that method's, with triples averaged."""

    text_encoder: Literal["clip", "minilm", "hashed"] = "clip"

    @property
    def extra(self) -> str:
        """The annotator of the knowledge."""
        return KCDPConfig(text_encoder=self.text_encoder).knowledge_extra


class CaptionProbe(Method):
    """A linear classifier on the mean token of an image's caption, by `kcdp`'s text encoder; the picture is not read.

    The source's cross entropy trains it, by the recipe's optimiser: with a rate for fine-tuning, raise `lr_multiplier`,
    or it stays near its random start. Inputs are standardised, as a batch norm does. The recipe's backbone and
    bottleneck are unused. Where the captioner was asked for the emotion, this is what its answers carry over by
    themselves.
    """

    Config: ClassVar[type[ProbeConfig]] = KCDPProbeConfig
    contract_options: ClassVar[Mapping[str, Any]] = {"text_encoder": "hashed"}
    contract_annotators: ClassVar[Mapping[str, Mapping[str, Any]]] = {"kcdp_caption": {"source": "text"}}
    config: ProbeConfig

    def __init__(self, task: TaskInfo, backbone: Backbone, config: ProbeConfig) -> None:
        super().__init__(task, backbone, config)
        # The suite's network: it would count as parameters, and be saved for nothing.
        del self.backbone
        self.bottleneck = nn.Identity()
        self.feature_dim = task.extras[config.extra][-1] - 1
        self.standardise = nn.BatchNorm1d(self.feature_dim, affine=False)
        self.head = nn.Linear(self.feature_dim, task.num_classes)

    @classmethod
    def needed_extras(cls, config: ProbeConfig) -> tuple[str, ...]:
        """Return the annotator of the knowledge."""
        return (config.extra,)

    def step(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        """Return the cross entropy of the source, under "total"."""
        logits = self.head(self.standardise(self._read(batch.sources.extras)))
        return {"total": F.cross_entropy(logits, batch.sources.labels)}

    def predict(self, images: Tensor, extras: Mapping[str, Tensor]) -> Prediction:
        """Return standardised mean tokens [B, d] and logits [B, K]."""
        features: Tensor = self.standardise(self._read(extras))
        return Prediction(features, self.head(features))

    def parameter_groups(self) -> list[ParameterGroup]:
        """Return the classifier."""
        return [ParameterGroup(list(self.head.parameters()), lr_multiplier=self.config.lr_multiplier, name="head")]

    def _read(self, extras: Mapping[str, Tensor]) -> Tensor:
        """Return the mean of the real tokens, [B, d]."""
        whole = Knowledge.unpack(extras[self.config.extra])
        known = {"caption": whole.caption, "triples": whole.triples}.get(self.config.knowledge, lambda: whole)()
        return (known.tokens * known.mask.unsqueeze(2)).sum(1) / known.mask.sum(1, keepdim=True).clamp(min=1)


class SmallCaptionProbe(CaptionProbe):
    """The same on the knowledge of `kcdp_small`: what the phrases that its image-text model finds are worth alone."""

    Config: ClassVar[type[ProbeConfig]] = ProbeConfig
    contract_options: ClassVar[Mapping[str, Any]] = {}
    contract_annotators: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
