"""Source only: what transfers without adapting, and the floor of every table."""

from __future__ import annotations

from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from ucdver.data.batches import Batch
from ucdver.methods.base import Method, MethodConfig


class SourceOnly(Method):
    """Cross entropy on the labelled images; the target is never looked at, even where the phase shows it."""

    class Config(MethodConfig):
        """`label_smoothing`: 0 is plain cross entropy; 0.1 is usual for models that are adapted later."""

        label_smoothing: float = Field(default=0.0, ge=0, lt=1, json_schema_extra={"search": [0.0, 0.2]})

    config: Config

    def step(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        """Return the cross entropy of `batch.sources`, under "total"."""
        logits = self(batch.sources.images)
        return {"total": F.cross_entropy(logits, batch.sources.labels, label_smoothing=self.config.label_smoothing)}
