"""From views to batches on a device."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from ucdver.data.augment import Augment
from ucdver.data.batches import Batch, LabeledBatch, UnlabeledBatch
from ucdver.data.rows import MappedRows, Rows, ViewedRows
from ucdver.data.sampler import CounterSampler
from ucdver.data.transfer import to_device
from ucdver.data.views import TargetView, TaskData
from ucdver.errors import SpecError
from ucdver.spec.protocol import Phase

#: Images of one side up to this many bytes are kept on a CUDA device as a whole.
RESIDENT_BYTES = 2 * 1024**3
#: Rows that are moved there at a time.
PIECE = 256


def to_extra(values: Tensor) -> Tensor:
    """Return annotations as methods are given them: float32 or int64, however they are stored."""
    return values.float() if values.is_floating_point() else values.long()


def to_float(images: Tensor) -> Tensor:
    """Return uint8 images as float32 in [0, 1]; features, which are float32 already, as they are."""
    return images.float().div_(255) if images.dtype == torch.uint8 else images


class Feeder:
    """Gathers, moves and augments the images of each step.

    The order of images depends on the seed, the side and the step alone. Augmentation draws from torch's
    default generator, which the caller seeds for each step.

    Args:
        data: the run's views.
        batch_size: source images in a step, and apart from them target images.
        seed: the run's seed.
        augment: applied to images, never to features; None for nothing.
        device: where batches are wanted.
        reads_target: False leaves the target out of every batch. Its draws are made for nothing, so that all else is
            what it would be.
    """

    def __init__(
        self,
        data: TaskData,
        batch_size: int,
        seed: int,
        augment: Augment | None,
        device: torch.device | str,
        reads_target: bool = True,
    ) -> None:
        self.data = data
        self.device = torch.device(device)
        self._batch_size = batch_size
        self._seed = seed
        self._augment = augment
        source = data.source_train
        self._source = _Side(source.images, source.extras, self.device)
        self._labels = source.labels.to(self.device)
        self._domains = source.domains.to(self.device)
        target = data.target_train
        self._target = _Side(target.images, target.extras, self.device) if target and reads_target else None
        self._samplers: dict[tuple[str, int], CounterSampler] = {}

    def batch(self, phase: Phase, step_in_phase: int, total_in_phase: int, global_step: int) -> Batch:
        """Return the batch of one step.

        Args:
            phase: says which sides are shown.
            step_in_phase: counts from 0 within the phase, whose epochs start with it.
            total_in_phase: steps of the phase.
            global_step: counts from 0 within the run, so that a later phase has another order.

        Raises:
            SpecError: the phase shows a target, and the run has none.
            DataError: a side that the phase shows has no images.
        """
        start = global_step - step_in_phase
        source: LabeledBatch | None = None
        target: UnlabeledBatch | None = None
        if phase.source:
            rows = self._rows("source", start, step_in_phase, self._source.images.count)
            ids = to_device(rows, self.device)
            pictures = self._pictures(self._source, rows, ids)
            extras = self._source.extras(rows, ids)
            source = LabeledBatch(ids, pictures, self._labels[ids], self._domains[ids], extras)
        if phase.target:
            shown = self._shown_target(phase)
            if self._target is None:
                self._pass_over(shown)
            else:
                rows = self._rows("target", start, step_in_phase, len(shown.images))
                ids = to_device(rows, self.device)
                target = UnlabeledBatch(ids, self._pictures(self._target, rows, ids), self._target.extras(rows, ids))
        return Batch(step_in_phase, total_in_phase, phase.name, source, target)

    def steps_per_epoch(self, phase: Phase) -> int:
        """Return ceil(images / batch_size), of the target where the phase shows it, else of the source."""
        side, count = (
            ("target", len(self._shown_target(phase).images)) if phase.target else ("source", self._source.images.count)
        )
        return self._sampler(side, 0, count).steps_per_epoch

    def _shown_target(self, phase: Phase) -> TargetView:
        if self.data.target_train is None:
            raise SpecError(f"phase '{phase.name}' shows a target, and this run has none to train on")
        return self.data.target_train

    def _sampler(self, side: str, start: int, count: int) -> CounterSampler:
        key = (side, start)
        if key not in self._samplers:
            self._samplers[key] = CounterSampler(count, self._batch_size, self._seed, side, start)
        return self._samplers[key]

    def _rows(self, side: str, start: int, step: int, count: int) -> Tensor:
        return torch.from_numpy(self._sampler(side, start, count).indices(step))

    def _pass_over(self, target: TargetView) -> None:
        """Draw what a batch of the target would have been drawn with, for nothing."""
        if self._augment is not None and target.images.dtype == torch.uint8:
            self._augment.pass_over((self._batch_size, *target.images.shape[1:]))
        for rows in target.extras.values():
            if isinstance(rows, ViewedRows):
                rows.draw(self._batch_size)

    def _pictures(self, images: _Side, rows: Tensor, ids: Tensor) -> Tensor:
        gathered = images.images.gather(rows, ids)
        if self._augment is None or gathered.dtype != torch.uint8:
            return to_float(gathered)
        return self._augment(to_float(gathered))


class _Side:
    """The images of one side and what is annotated of them."""

    def __init__(self, images: Rows, extras: Mapping[str, Rows], device: torch.device) -> None:
        self.images = _Held(images, device)
        self._extras = {name: _Held(rows, device) for name, rows in extras.items()}

    def extras(self, rows: Tensor, ids: Tensor) -> dict[str, Tensor]:
        """Return the annotations of the given rows, which `ids` are on the device, by name."""
        return {name: to_extra(held.gather(rows, ids)) for name, held in self._extras.items()}


class _Held:
    """Rows on the device where they fit, else in memory or on disk."""

    def __init__(self, rows: Rows, device: torch.device) -> None:
        self.count = rows.shape[0]
        self._device = device
        self._viewed = rows if isinstance(rows, ViewedRows) else None
        stored = rows.all if isinstance(rows, ViewedRows) else rows
        fits = device.type == "cuda" and stored.nbytes < RESIDENT_BYTES
        self._rows = _moved(stored, device) if fits else stored

    def gather(self, rows: Tensor, ids: Tensor) -> Tensor:
        """Return the given rows on the device, as they are stored; of those with versions one each, drawn anew.

        `ids` are the same rows on the device, so that they go there once a step.
        """
        held = self._rows
        if self._viewed is not None:
            rows = rows * self._viewed.views + self._viewed.draw(len(rows))
            ids = to_device(rows, self._device)
        if isinstance(held, Tensor) and held.device.type == self._device.type:
            return held.index_select(0, ids)
        if self._device.type == "cpu":
            return held[rows]
        # A pinned buffer of its own for each batch: the copy may still run when the next one is gathered.
        pinned = torch.empty((len(rows), *held.shape[1:]), dtype=held.dtype, pin_memory=True)
        if isinstance(held, MappedRows):
            held.gather(rows.numpy(), out=pinned)
        else:
            torch.index_select(held, 0, rows, out=pinned)
        return pinned.to(self._device, non_blocking=True)


def _moved(rows: Tensor | MappedRows, device: torch.device) -> Tensor:
    """Return all rows on the device; those that lie on disk go there a piece at a time."""
    if isinstance(rows, Tensor):
        return rows.to(device)
    moved = torch.empty(rows.shape, dtype=rows.dtype, device=device)
    for start in range(0, len(rows), PIECE):
        moved[start : start + PIECE] = rows[start : start + PIECE].to(device)
    return moved
