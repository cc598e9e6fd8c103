"""What methods share that pull the features of both domains together by one distance between two batches."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from torch import Tensor
from torch.nn import functional as F

from ucdver import Batch, Method, MethodConfig, both_images


class AlignedFeaturesConfig(MethodConfig):
    """Base of their `Config`: `trade_off` is the weight of the distance."""

    trade_off: float


class AlignedFeatures(Method):
    """Source cross entropy plus the distance between the features that the head reads.

    L = CE(source) + trade_off * discrepancy(f_s, f_t). Source and target share one forward pass, hence their batch
    statistics.
    """

    #: What the distance is called in the log.
    discrepancy_name: ClassVar[str]
    config: AlignedFeaturesConfig

    @abstractmethod
    def discrepancy(self, source: Tensor, target: Tensor) -> Tensor:
        """Return the distance between source [n, d] and target [m, d] features, a scalar."""

    def step(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        """Return the losses: "source" is the cross entropy; the distance is logged without its weight."""
        num_source = len(batch.sources.labels)
        features = self.forward_features(both_images(batch))
        source = F.cross_entropy(self.classify(features[:num_source]), batch.sources.labels)
        distance = self.discrepancy(features[:num_source], features[num_source:])
        return {"total": source + self.config.trade_off * distance, "source": source, self.discrepancy_name: distance}
