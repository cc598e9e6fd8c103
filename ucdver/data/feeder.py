"""From views to batches on a device."""

from __future__ import annotations

import torch
from torch import Tensor

from ucdver.data.augment import Augment
from ucdver.data.batches import Batch, LabeledBatch, UnlabeledBatch
from ucdver.data.sampler import CounterSampler
from ucdver.data.views import TaskData
from ucdver.errors import SpecError
from ucdver.spec.protocol import Phase

#: Images of one side up to this many bytes are kept on a CUDA device as a whole.
RESIDENT_BYTES = 2 * 1024**3


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
    """

    def __init__(
        self, data: TaskData, batch_size: int, seed: int, augment: Augment | None, device: torch.device | str
    ) -> None:
        self.data = data
        self.device = torch.device(device)
        self._batch_size = batch_size
        self._seed = seed
        self._augment = augment
        source = data.source_train
        self._source = _Images(source.images, self.device)
        self._labels = source.labels.to(self.device)
        self._domains = source.domains.to(self.device)
        self._target = _Images(data.target_train.images, self.device) if data.target_train else None
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
            rows = self._rows("source", start, step_in_phase, self._source)
            pictures = self._pictures(self._source, rows)
            ids = rows.to(self.device)
            source = LabeledBatch(ids, pictures, self._labels[ids], self._domains[ids])
        if phase.target:
            held = self._shown_target(phase)
            rows = self._rows("target", start, step_in_phase, held)
            target = UnlabeledBatch(rows.to(self.device), self._pictures(held, rows))
        return Batch(step_in_phase, total_in_phase, phase.name, source, target)

    def steps_per_epoch(self, phase: Phase) -> int:
        """Return ceil(images / batch_size), of the target where the phase shows it, else of the source."""
        side, images = ("target", self._shown_target(phase)) if phase.target else ("source", self._source)
        return self._sampler(side, 0, images).steps_per_epoch

    def _shown_target(self, phase: Phase) -> _Images:
        if self._target is None:
            raise SpecError(f"phase '{phase.name}' shows a target, and this run has none to train on")
        return self._target

    def _sampler(self, side: str, start: int, images: _Images) -> CounterSampler:
        key = (side, start)
        if key not in self._samplers:
            self._samplers[key] = CounterSampler(images.count, self._batch_size, self._seed, side, start)
        return self._samplers[key]

    def _rows(self, side: str, start: int, step: int, images: _Images) -> Tensor:
        return torch.from_numpy(self._sampler(side, start, images).indices(step))

    def _pictures(self, images: _Images, rows: Tensor) -> Tensor:
        gathered = images.gather(rows)
        if self._augment is None or gathered.dtype != torch.uint8:
            return to_float(gathered)
        return self._augment(to_float(gathered))


class _Images:
    """The images of one side, on the device where they fit, else in memory."""

    def __init__(self, images: Tensor, device: torch.device) -> None:
        self.count = images.shape[0]
        self._device = device
        fits = device.type == "cuda" and images.numel() * images.element_size() < RESIDENT_BYTES
        self._images = images.to(device) if fits else images

    def gather(self, rows: Tensor) -> Tensor:
        """Return the given rows on the device, as they are stored."""
        if self._images.device.type == self._device.type:
            return self._images.index_select(0, rows.to(self._device))
        # A pinned buffer of its own for each batch: the copy may still run when the next one is gathered.
        pinned = torch.empty((len(rows), *self._images.shape[1:]), dtype=self._images.dtype, pin_memory=True)
        torch.index_select(self._images, 0, rows, out=pinned)
        return pinned.to(self._device, non_blocking=True)
