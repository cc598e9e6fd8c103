"""The contract of a method: a network, one loss per step, and a prediction."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from ucdver.backbones.base import Backbone
from ucdver.data.annotator import AnnotatorConfig
from ucdver.data.batches import Batch


class MethodConfig(BaseModel):
    """Base of every method's `Config`: typed fields with defaults, unknown names refused.

    A field's search range, for equal tuning budgets, is declared beside it:
    `Field(default=1.0, json_schema_extra={"search": [0.1, 10.0], "log": True})`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


@dataclass(frozen=True)
class TaskInfo:
    """What a method may know of its task before it sees an image.

    Attributes:
        classes: class names in index order.
        source_domains: names of the source domains; `LabeledBatch.domains` indexes them.
        setting: `uda`, `sfda` or `uc`.
        total_steps: optimiser steps of the whole run.
        bottleneck: width of the layer between backbone and head, 0 for none.
        dropout: dropout probability before the head.
        background: brightness in [0, 1] of what a picture is padded with, for augmentation of a method's own.
        extras: shape of one item of each annotation that the method needs, as in {"topic": (), "tokens": (30, 768)}.
    """

    classes: tuple[str, ...]
    source_domains: tuple[str, ...]
    setting: str
    total_steps: int
    bottleneck: int = 128
    dropout: float = 0.0
    background: float = 1.0
    extras: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    @property
    def num_classes(self) -> int:
        """K."""
        return len(self.classes)


@dataclass(frozen=True)
class ParameterGroup:
    """Parameters that share a multiplier on the learning rate (0 freezes them)."""

    parameters: Sequence[nn.Parameter]
    lr_multiplier: float = 1.0
    weight_decay: float | None = None
    name: str = ""


class Prediction(NamedTuple):
    """Features float32 [B, D] (what the head reads) and logits float32 [B, K]."""

    features: Tensor
    logits: Tensor


class PseudoLabels(NamedTuple):
    """What a step takes its target images for, in their order.

    Attributes:
        labels: int64 [B], indices into the task's classes.
        weights: float [B], what each counts in the loss; 0 for one that is not believed.
        confidence: float [B], the probability that the method gives each.
    """

    labels: Tensor
    weights: Tensor
    confidence: Tensor


@dataclass(frozen=True)
class Views:
    """Evaluation-mode predictions on all training images, handed to `on_epoch`; the target side has no labels.

    `source` and `target` are None where the phase does not show them; ids index rows as in the batches. `source_val`
    are the labelled source images that are held out of training; None without the source, empty where none are held
    out.
    """

    source: Prediction | None
    source_labels: Tensor | None
    target: Prediction | None
    source_val: Prediction | None = None
    source_val_labels: Tensor | None = None


class Method(nn.Module):
    """Base class of every method: backbone, bottleneck and linear head, ready to be trained by the loop.

    A subclass implements `step`. It is called in train mode with one `Batch`, returns a dict of scalar losses with
    the key "total", and leaves backward pass, clipping and optimiser to the loop. Everything it draws at random comes
    from torch's default generator, which the loop seeds before each step from (seed, step); no other source of
    randomness may be used. State that must survive a resume lives in parameters or buffers.

    Args:
        task: what may be known of the task.
        backbone: maps images to features [B, num_features].
        config: an instance of the class's `Config`.
    """

    Config: ClassVar[type[MethodConfig]] = MethodConfig
    #: False for a method that only predicts: no step is made, no batch is drawn, and `step` is not needed.
    trains: ClassVar[bool] = True
    #: True for a method that alternates updates: it then implements `manual_step`, and the loop calls nothing else.
    manual_optimisation: ClassVar[bool] = False
    #: True for a method whose `on_epoch` wants predictions on all training images. `start_phase` may set it on the
    #: instance, for the phases that need them.
    wants_views: bool = False
    #: Options that the contract test runs it with, where the defaults need weights; and those of annotators, by name.
    contract_options: ClassVar[Mapping[str, Any]] = {}
    contract_annotators: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    #: What a step took its target images for, where it set this; the loop clears it before each step. It is written to
    #: the run's folder and held against the target's labels after training, by somebody else.
    pseudo_labels: PseudoLabels | None = None

    def __init__(self, task: TaskInfo, backbone: Backbone, config: Any) -> None:
        super().__init__()
        self.task = task
        self.config = config
        self.backbone = backbone
        width = task.bottleneck or backbone.num_features
        self.feature_dim = width
        self.bottleneck: nn.Module = nn.Identity()
        if task.bottleneck:
            self.bottleneck = nn.Sequential(
                nn.Linear(backbone.num_features, width), nn.BatchNorm1d(width), nn.ReLU(inplace=True)
            )
        self.dropout = nn.Dropout(task.dropout)
        self.head = nn.Linear(width, task.num_classes)

    @classmethod
    def needed_extras(cls, config: Any) -> tuple[str, ...]:
        """Return the names of the annotators (of kind `tensor`) whose output the method reads, given its `Config`.

        Batches carry them as `extras`, float32 or int64 [B, ...], and `predict` is given them.
        """
        return ()

    @classmethod
    def extras_misfit(cls, config: Any, annotators: Mapping[str, AnnotatorConfig]) -> str:
        """Return why annotations that were made so do not go with the method's options, in words; empty where they do.

        Args:
            config: an instance of `Config`.
            annotators: the options of each annotator that it reads, and of those that these read, by name.
        """
        return ""

    @classmethod
    def weights_sha256(cls, config: Any, *, fetch: bool) -> str:
        """Return the hash of weights that the method itself loads, beside the backbone's; empty where there are none.

        It is asked for when runs are planned, and is in their keys. Without `fetch` nothing may be downloaded, and what
        is not here is an empty string.

        Raises:
            WeightsError: they are not there and cannot be had; the method's runs are then missing.
        """
        return ""

    @classmethod
    def estimated_cost(cls, config: Any) -> Mapping[str, Any]:
        """Return what `ucdver show method NAME --cost` prints, counted without weights; empty where nothing is told."""
        return {}

    @abstractmethod
    def step(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        """Return the losses of one step, scalars by name, with "total" the one that is minimised.

        Args:
            batch: what the phase shows.
            progress: step / total of the phase, in [0, 1).
        """

    def forward_features(self, images: Tensor) -> Tensor:
        """Return bottleneck features [B, feature_dim] of images in [0, 1]."""
        features: Tensor = self.bottleneck(self.backbone(images))
        return features

    def classify(self, features: Tensor) -> Tensor:
        """Return logits [B, K] of bottleneck features."""
        logits: Tensor = self.head(self.dropout(features))
        return logits

    def forward(self, images: Tensor) -> Tensor:
        """Return logits [B, K] of images."""
        return self.classify(self.forward_features(images))

    def predict(self, images: Tensor, extras: Mapping[str, Tensor]) -> Prediction:
        """Return features and logits; called in eval mode without gradients, and independent of the batch.

        Args:
            images: float32 [B, C, H, W] in [0, 1], or features [B, D] of a frozen backbone.
            extras: what `needed_extras` names, each [B, ...].
        """
        features = self.forward_features(images)
        return Prediction(features, self.classify(features))

    def parameter_groups(self) -> list[ParameterGroup]:
        """Return the groups: the backbone under the name "backbone" (its multiplier is the recipe's), then the rest."""
        backbone = list(self.backbone.parameters())
        known = {id(p) for p in backbone}
        rest = [p for p in self.parameters() if id(p) not in known]
        groups = [ParameterGroup(backbone, name="backbone")] if backbone else []
        return [*groups, ParameterGroup(rest, name="head")]

    def start_phase(self, phase: str) -> None:
        """Be told that a phase begins (freeze what it must not change); called before its parameter groups are read."""

    def on_epoch(self, views: Views | None, epoch: int) -> None:
        """Do what is done once an epoch (pseudo-labels, prototypes); called before the epoch's first step."""

    def manual_step(self, batch: Batch, progress: float, optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
        """Make all updates of one step and return the losses; only for `manual_optimisation`."""
        raise TypeError(f"{type(self).__name__} sets manual_optimisation but has no manual_step")
