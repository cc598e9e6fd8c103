"""Cross entropy on strongly augmented source images: the plain answer to domains that were never seen."""

from __future__ import annotations

from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from ucdver import Backbone, Batch, Method, TaskInfo
from ucdver_uda.strong_view import StrongViewConfig, strong_view


class ERMAug(Method):
    """Cross entropy on a strong view of each source image, on top of the recipe's augmentation.

    Papers: Gulrajani & Lopez-Paz, In Search of Lost Domain Generalization, ICLR 2021 (plain training is hard to beat);
    Cubuk et al., RandAugment, NeurIPS 2020.
    """

    class Config(StrongViewConfig):
        """`label_smoothing`: 0 is plain cross entropy."""

        label_smoothing: float = Field(default=0.0, ge=0, lt=1, json_schema_extra={"search": [0.0, 0.2]})

    config: Config

    def __init__(self, task: TaskInfo, backbone: Backbone, config: Config) -> None:
        super().__init__(task, backbone, config)
        self.strong = strong_view(task, config.strength)

    def step(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        """Return the cross entropy, under "total"."""
        logits = self(self.strong(batch.sources.images))
        return {"total": F.cross_entropy(logits, batch.sources.labels, label_smoothing=self.config.label_smoothing)}
