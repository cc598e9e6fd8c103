"""What a training step is given. A target batch has no label field: the barrier is a type, not a convention."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ucdver.errors import SpecError


@dataclass(frozen=True)
class LabeledBatch:
    """Source images with labels.

    Attributes:
        ids: int64 [B], row numbers in the source view (the same image keeps its number for the whole run).
        images: float32 [B, C, H, W] in [0, 1], augmented; or float32 [B, D] features when the backbone is frozen.
        labels: int64 [B], indices into the task's classes.
        domains: int64 [B], index of the source domain of each image.
        extras: cached annotations by name, each of length B.
    """

    ids: Tensor
    images: Tensor
    labels: Tensor
    domains: Tensor
    extras: Mapping[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class UnlabeledBatch:
    """Target images; there is no label to read. Shapes as in `LabeledBatch`."""

    ids: Tensor
    images: Tensor
    extras: Mapping[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class Batch:
    """One step's data: `sources` and `target` as far as the phase may see them.

    Reading a side that the phase does not show is a SpecError, so a method that needs it fails in words. `step` and
    `total_steps` count within the phase.
    """

    step: int
    total_steps: int
    phase: str
    source_or_none: LabeledBatch | None
    target_or_none: UnlabeledBatch | None

    @property
    def sources(self) -> LabeledBatch:
        """The labelled images of all source domains together."""
        if self.source_or_none is None:
            raise SpecError(f"phase '{self.phase}' shows no source images", "check has_source first")
        return self.source_or_none

    @property
    def target(self) -> UnlabeledBatch:
        """The unlabelled target images."""
        if self.target_or_none is None:
            raise SpecError(
                f"phase '{self.phase}' shows no target images",
                "check has_target first; a method whose spec says reads_target=False is shown none",
            )
        return self.target_or_none

    @property
    def has_source(self) -> bool:
        """Whether the phase shows the source."""
        return self.source_or_none is not None

    @property
    def has_target(self) -> bool:
        """Whether the phase shows the target, and the method reads it."""
        return self.target_or_none is not None


def both_images(batch: Batch) -> Tensor:
    """Return source and target images in one tensor [B_s + B_t, ...], source first, for one shared forward pass."""
    return torch.cat([batch.sources.images, batch.target.images])
