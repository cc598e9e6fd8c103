"""Tiny batches and a tiny task for methods that read feature vectors."""

from __future__ import annotations

import torch
from torch import Tensor

from ucdver import Backbone, Batch, LabeledBatch, TaskInfo, UnlabeledBatch
from ucdver.backbones.base import PrecomputedFeatures


def vector_task(bottleneck: int = 8, classes: int = 3) -> TaskInfo:
    """Return a task of `classes` classes with one source domain."""
    names = tuple(f"c{k}" for k in range(classes))
    return TaskInfo(names, ("toy:source",), "uda", 100, bottleneck=bottleneck)


def vector_backbone(width: int) -> Backbone:
    """Return a backbone whose pictures already are vectors [B, width]."""
    return PrecomputedFeatures(width)


def vector_batch(source: Tensor, labels: Tensor, target: Tensor | None, step: int = 0, total: int = 100) -> Batch:
    """Return a batch of the given source and target vectors."""
    labelled = LabeledBatch(torch.arange(len(source)), source, labels, torch.zeros_like(labels))
    unlabelled = None if target is None else UnlabeledBatch(torch.arange(len(target)), target)
    return Batch(step, total, "adapt", labelled, unlabelled)
