"""CLIP fine-tuned from its zero-shot classifier, and its weights between before and after (WiSE-FT)."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from ucdver import Batch, ParameterGroup, Prediction
from ucdver_vlm.base import ClipConfig, ClipMethod
from ucdver_vlm.clip import Clip
from ucdver_vlm.weights_before import WeightsBefore


class ClipFineTune(ClipMethod):
    """Source cross entropy of the image encoder and a classifier that begins as the zero-shot one.

    Before the first step its predictions are those of `clip_zero_shot`. With an `interpolation` of a, predictions are
    made with the weights (1 - a) * before + a * after, of encoder and classifier alike.

    Paper: Wortsman et al., Robust fine-tuning of zero-shot models, CVPR 2022.
    """

    class Config(ClipConfig):
        """`interpolation`: 1 is plain fine-tuning, 0 zero-shot; the paper recommends 0.5 where the target is unknown.

        `lr_multiplier`: on the recipe's learning rate, for the classifier; the encoder's is the recipe's own
        `backbone_multiplier`. The paper trains both with AdamW at 3e-5, weight decay 0.1 and a cosine schedule.
        """

        interpolation: float = Field(default=1.0, ge=0, le=1, json_schema_extra={"search": [0.1, 1.0]})
        lr_multiplier: float = Field(default=1.0, gt=0, json_schema_extra={"search": [0.1, 100.0], "log": True})

    config: Config

    def begin(self, clip: Clip) -> None:
        """Keep the image encoder, to be trained with the classifier, and where asked for both as they are now."""
        self.images = clip.images
        self.head.requires_grad_(True)
        self.before: nn.ModuleDict | None = None
        if self.config.interpolation < 1:
            self.before = nn.ModuleDict({"images": WeightsBefore(self.images), "head": WeightsBefore(self.head)})

    def step(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        """Return the cross entropy of the source, under "total"."""
        return {"total": F.cross_entropy(self(batch.sources.images), batch.sources.labels)}

    def predict(self, images: Tensor, extras: Mapping[str, Tensor]) -> Prediction:
        """Return image embeddings and logits, with interpolated weights where that is asked for."""
        if self.before is None:
            return super().predict(images, extras)
        features: Tensor = functional_call(self.images, self._between("images", self.images), (images,))
        return Prediction(features, functional_call(self.head, self._between("head", self.head), (features,)))

    def parameter_groups(self) -> list[ParameterGroup]:
        """Return the image encoder as "backbone", and the classifier."""
        return [
            ParameterGroup(list(self.images.parameters()), name="backbone"),
            ParameterGroup(list(self.head.parameters()), lr_multiplier=self.config.lr_multiplier, name="head"),
        ]

    def _between(self, name: str, module: nn.Module) -> dict[str, Tensor]:
        assert self.before is not None
        before = self.before[name]
        assert isinstance(before, WeightsBefore)
        return before.towards(module, self.config.interpolation)
