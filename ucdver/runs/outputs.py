"""What a run saves at each checkpoint for selection rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from ucdver.data.feeder import to_float
from ucdver.data.rows import Rows, select_rows
from ucdver.data.views import TaskData
from ucdver.files import atomic_path
from ucdver.methods.base import Prediction
from ucdver.runs.store import checkpoint_name
from ucdver.seeds import generator
from ucdver.selection.mixval import WEIGHT, draw_pairs
from ucdver.train.predict import BATCH

#: At most so many rows of a side are saved.
TARGET_ROWS = 25_000
SOURCE_ROWS = 10_000
#: Target images that are mixed; each is predicted twice more.
MIXED_ROWS = 1_000
#: Features of more numbers than this are saved as float16.
LARGE = 2**20

#: `(side, rows of it, images) -> Prediction`; `images` are those rows, mixed or not.
Predict = Callable[[str, Tensor, Rows], Prediction]


class OutputWriter:
    """Saves, at one checkpoint after the other, features and logits, and labels of the source only.

    Args:
        folder: of the run.
        data: its views.
        predict: gives the method's predictions as it is now.
        steps: of the whole budget.
        oracle: the method trains on target labels in the source's place, so that no `source_train` may be saved.
    """

    def __init__(self, folder: Path, data: TaskData, predict: Predict, steps: int, oracle: bool) -> None:
        self.folder = folder / "outputs"
        self.data = data
        self.predict = predict
        self.steps = steps
        self.oracle = oracle

    def save(self, done: int, known: Mapping[str, Prediction] | None = None) -> None:
        """Save what rules read after `done` steps; `known` are predictions on whole sides that are there already."""
        tensors = self._source("source_val", None, known)
        if not self.oracle:
            tensors |= self._source("source_train", SOURCE_ROWS, known)
        if self.data.target_train is not None:
            tensors |= self._target(self.data.target_train.images, known)
        name = checkpoint_name(done, self.steps)
        with atomic_path(self.folder / f"{name}.safetensors") as temporary:
            save_file({key: value.contiguous() for key, value in tensors.items()}, temporary)

    def _predict(self, side: str, images: Rows, rows: Tensor | None = None) -> Prediction:
        chosen = torch.arange(len(images)) if rows is None else rows
        # All rows of a domain may be more than fits into memory; a batch of them is read at a time.
        whole = len(chosen) == len(images)
        return self.predict(side, chosen, images if whole else select_rows(images, chosen))

    def _source(self, side: str, most: int | None, known: Mapping[str, Prediction] | None) -> dict[str, Tensor]:
        view = self.data.source_val if side == "source_val" else self.data.source_train
        rows = subsample(side, len(view.images), most)
        predicted = known[side] if known and side in known else self._predict(side, view.images, rows)
        return {**_named(side, predicted), f"{side}.labels": view.labels[rows].cpu()}

    def _target(self, images: Rows, known: Mapping[str, Prediction] | None) -> dict[str, Tensor]:
        rows = subsample("target_train", len(images), TARGET_ROWS)
        if known and "target_train" in known:
            whole = known["target_train"]
            predicted = Prediction(whole.features[rows], whole.logits[rows])
        else:
            predicted = self._predict("target_train", images, rows)
        return {**_named("target_train", predicted), **self._mixed(images, rows, predicted.logits)}

    def _mixed(self, images: Rows, rows: Tensor, logits: Tensor) -> dict[str, Tensor]:
        few = subsample("target_mixed", len(rows), MIXED_ROWS)
        pseudo = logits[few].argmax(dim=1)
        heavier, lighter, intra = draw_pairs(pseudo.numpy(), generator("mixed pairs"))
        if not heavier.size:
            return {}
        first = torch.from_numpy(heavier)
        own, other = rows[few[first]], rows[few[torch.from_numpy(lighter)]]
        return {
            "target_mixed.logits": self._mixed_logits(images, own, other),
            "target_mixed.pseudo_labels": pseudo[first],
            "target_mixed.intra": torch.from_numpy(intra),
        }

    def _mixed_logits(self, images: Rows, own: Tensor, other: Tensor) -> Tensor:
        """Return logits [P, K] on the mixtures of two rows each, a batch of pictures at a time."""
        found = []
        for start in range(0, len(own), BATCH):
            rows = slice(start, start + BATCH)
            mixed = WEIGHT * to_float(images[own[rows]]) + (1 - WEIGHT) * to_float(images[other[rows]])
            found.append(self.predict("target_train", own[rows], mixed).logits)
        return torch.cat(found)


def subsample(side: str, count: int, most: int | None) -> Tensor:
    """Return the rows of a side that are saved, int64, ascending: the same in every run and at every checkpoint."""
    if most is None or count <= most:
        return torch.arange(count)
    return torch.from_numpy(generator("outputs", side, count).permutation(count)[:most]).sort().values


def _named(side: str, predicted: Prediction) -> dict[str, Tensor]:
    features = predicted.features
    # Half precision where it saves much and keeps the range.
    if features.numel() > LARGE and bool(features.abs().max() < torch.finfo(torch.float16).max):
        features = features.half()
    return {f"{side}.features": features, f"{side}.logits": predicted.logits}
