"""WSCNet as a method: two cross entropies on the source."""

from __future__ import annotations

from dataclasses import replace

from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from ucdver import Backbone, Batch, Method, MethodConfig, TaskInfo
from ucdver_tgca_pvt.wscnet.branches import CoupledBranches, Pooling
from ucdver_tgca_pvt.wscnet.maps import map_width, spatial_maps


class WSCNet(Method):
    """L = w CE(detection logits) + (1 - w) CE(logits of the coupled vector), on the source alone.

    It adapts to nothing: the target is never looked at. Its two branches stand on the maps of the recipe's backbone,
    and the recipe's bottleneck is left out. Predictions are those of the coupled vector.

    Papers: Yang et al., Weakly Supervised Coupled Networks for Visual Sentiment Analysis, CVPR 2018; She et al.,
    WSCNet, IEEE Transactions on Multimedia 22(5), 2020.
    """

    class Config(MethodConfig):
        """Options, with the values of the authors' notebook as defaults.

        `maps`: for each class, 4; `pooling`: of a map into a score, its mean there; `detection_weight`: w, one half, so
        that both losses count alike.
        """

        maps: int = Field(default=4, ge=1, le=64, json_schema_extra={"search": [1, 8]})
        pooling: Pooling = "average"
        detection_weight: float = Field(default=0.5, ge=0, le=1, json_schema_extra={"search": [0.1, 0.9]})

    config: Config

    def __init__(self, task: TaskInfo, backbone: Backbone, config: Config) -> None:
        width = map_width(backbone)
        super().__init__(replace(task, bottleneck=0), backbone, config)
        self.branches = CoupledBranches(width, task.num_classes, config.maps, config.pooling)
        self.feature_dim = 2 * width
        self.head = nn.Linear(self.feature_dim, task.num_classes)

    def step(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        """Return the loss under "total", and both cross entropies."""
        labels = batch.sources.labels
        detected, coupled = self.branches(spatial_maps(self.backbone, batch.sources.images))
        detection = F.cross_entropy(detected, labels)
        classification = F.cross_entropy(self.classify(coupled), labels)
        weight = self.config.detection_weight
        return {
            "total": weight * detection + (1 - weight) * classification,
            "detection": detection,
            "classification": classification,
        }

    def forward_features(self, images: Tensor) -> Tensor:
        """Return the coupled vectors [B, 2 C] of images in [0, 1]."""
        coupled: Tensor = self.branches(spatial_maps(self.backbone, images))[1]
        return coupled
