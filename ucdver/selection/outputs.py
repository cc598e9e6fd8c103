"""What a selection rule may read of one checkpoint of one run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from torch import Tensor

from ucdver.errors import DataError


@dataclass(frozen=True)
class SourceOutputs:
    """What the method gives on labelled source images.

    Attributes:
        features: float32 [N, D], what the head reads.
        logits: float32 [N, K].
        labels: int64 [N].
    """

    features: Tensor
    logits: Tensor
    labels: Tensor


@dataclass(frozen=True)
class TargetOutputs:
    """What the method gives on target images, float32 `features` [N, D] and `logits` [N, K]; there are no labels."""

    features: Tensor
    logits: Tensor


@dataclass(frozen=True)
class MixedOutputs:
    """What the method gives on pairs of target images, mixed pixel by pixel, or by feature on a frozen backbone.

    Attributes:
        logits: float32 [M, K] of the mixed images.
        pseudo_labels: int64 [M], the class that the method gives to the image that weighs more.
        intra: bool [M], whether it gives the same class to the other image.
    """

    logits: Tensor
    pseudo_labels: Tensor
    intra: Tensor


@dataclass(frozen=True)
class LabelledTarget:
    """The test images with their labels, for oracles alone.

    Attributes:
        labels: int64 [N].
        probabilities: float64 [N, K].
        domains: `dataset:domain` of each image.
        metric: `(labels, probabilities, soft) -> float | None`, the metric of the table, None where the images lack
            what it reads.
        higher_is_better: of that metric.
        soft: float32 [N, K], the class distribution of each image, a row of NaN where it has none; None where none has.
    """

    labels: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    domains: tuple[str, ...]
    metric: Callable[[NDArray[np.int64], NDArray[np.float64], NDArray[np.float32] | None], float | None] = field(
        repr=False
    )
    higher_is_better: bool = True
    soft: NDArray[np.float32] | None = None


#: What is read of a file of outputs, by the name of a rule's parameter.
PARTS: dict[str, type[SourceOutputs] | type[TargetOutputs] | type[MixedOutputs]] = {
    "source_val": SourceOutputs,
    "source_train": SourceOutputs,
    "target_train": TargetOutputs,
    "target_mixed": MixedOutputs,
}
#: Every name that a parameter of a rule may have; `labelled_target` is for oracles.
READABLE = (*PARTS, "step", "labelled_target")


def read_part(path: Path, name: str) -> SourceOutputs | TargetOutputs | MixedOutputs:
    """Return one part of a file of outputs.

    Raises:
        DataError: the file or the part is lacking, empty, or holds a number that is not finite.
    """
    kind = PARTS[name]
    hint = "run it again with --rerun always"
    try:
        with safe_open(path, framework="pt") as file:
            known = set(file.keys())
            wanted = {key: f"{name}.{key}" for key in kind.__dataclass_fields__}
            if not known.issuperset(wanted.values()):
                raise DataError(f"{path} holds no {name}", hint)
            tensors = {key: file.get_tensor(full) for key, full in wanted.items()}
    except (OSError, SafetensorError) as error:
        raise DataError(f"{path} cannot be read: {error}", hint) from error
    if not len(tensors["logits"]):
        raise DataError(f"{path}: {name} has no images")
    for key, value in tensors.items():
        if value.is_floating_point() and not bool(value.isfinite().all()):
            raise DataError(f"{path}: the {key} of {name} are not all finite: training had left the finite numbers")
    return kind(**{key: value.float() if value.is_floating_point() else value for key, value in tensors.items()})
