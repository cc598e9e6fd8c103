"""What source-free methods share: a source phase, then a phase in which the source is gone."""

from __future__ import annotations

from abc import abstractmethod

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from ucdver import Backbone, Batch, Method, MethodConfig, TaskInfo

#: Name of the first phase in protocols of the setting `sfda`.
SOURCE_PHASE = "source"


class SourceFreeConfig(MethodConfig):
    """Base of their `Config`: how the source model is made, as in SHOT (https://github.com/tim-learn/SHOT).

    `label_smoothing`: 0.1 there; `weight_norm`: a weight-normalised head, as there.
    """

    label_smoothing: float = Field(default=0.1, ge=0, lt=1)
    weight_norm: bool = True


class SourceFree(Method):
    """Smoothed cross entropy while the source is shown, `adapt` afterwards.

    `class_counts` [K] remembers how often each class was seen in the source phase: all that is kept of its labels.
    """

    class_counts: Tensor
    config: SourceFreeConfig

    def __init__(self, task: TaskInfo, backbone: Backbone, config: SourceFreeConfig) -> None:
        super().__init__(task, backbone, config)
        if config.weight_norm:
            nn.utils.parametrizations.weight_norm(self.head)
        self.register_buffer("class_counts", torch.zeros(task.num_classes))
        self.adapting = False

    def start_phase(self, phase: str) -> None:
        """Note whether the source is gone."""
        self.adapting = phase != SOURCE_PHASE

    def step(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        """Return "source", the smoothed cross entropy, in the source phase; then what `adapt` returns."""
        if not batch.has_source:
            return self.adapt(batch, progress)
        labels = batch.sources.labels
        classes = torch.arange(self.task.num_classes, device=labels.device)
        self.class_counts += (labels[:, None] == classes).sum(0)
        source = F.cross_entropy(self(batch.sources.images), labels, label_smoothing=self.config.label_smoothing)
        return {"total": source, "source": source}

    @abstractmethod
    def adapt(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        """Return the losses of a step on target images alone; `progress` counts within the phase."""
