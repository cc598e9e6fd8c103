"""A linear classifier on CLIP's frozen image embedding."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from ucdver import Batch, ParameterGroup
from ucdver_vlm.base import ClipConfig, ClipMethod
from ucdver_vlm.clip import Clip


class ClipLinearProbe(ClipMethod):
    """Source cross entropy of a linear layer on image embeddings of length one; the encoder is frozen.

    CLIP's authors fit a logistic regression, by L-BFGS, to the features before the projection. Here the layer reads the
    projected and normalised embedding, as WiSE-FT's does, so that it can begin as the zero-shot classifier, and is
    trained by the recipe's optimiser on augmented images.

    Paper: Radford et al., Learning Transferable Visual Models From Natural Language Supervision, ICML 2021.
    """

    class Config(ClipConfig):
        """`init`: begin as the zero-shot classifier (WiSE-FT) or at random (CLIP's probe).

        `lr_multiplier`: on the recipe's learning rate.
        """

        init: Literal["zero_shot", "random"] = "zero_shot"
        lr_multiplier: float = Field(default=1.0, gt=0, json_schema_extra={"search": [0.1, 100.0], "log": True})

    config: Config

    def begin(self, clip: Clip) -> None:
        """Keep the frozen image encoder, and let the classifier be trained."""
        super().begin(clip)
        if self.config.init == "random":
            self.head = nn.Linear(self.feature_dim, self.task.num_classes)
        self.head.requires_grad_(True)

    def step(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        """Return the cross entropy of the source, under "total"."""
        return {"total": F.cross_entropy(self(batch.sources.images), batch.sources.labels)}

    def parameter_groups(self) -> list[ParameterGroup]:
        """Return the classifier."""
        return [ParameterGroup(list(self.head.parameters()), lr_multiplier=self.config.lr_multiplier, name="head")]
