"""Predictions in eval mode, in batches, the same whatever the batch."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from ucdver.data.feeder import to_extra, to_float
from ucdver.data.rows import Rows
from ucdver.data.views import TaskData
from ucdver.errors import RunError
from ucdver.methods.base import Method, Prediction, Views
from ucdver.spec.protocol import Phase

BATCH = 256


def predict_all(
    method: Method,
    images: Rows,
    device: torch.device,
    precision: torch.dtype,
    extras: Mapping[str, Rows] | None = None,
    batch_size: int = BATCH,
) -> Prediction:
    """Return features float32 [N, D] and logits float32 [N, K], on the CPU, of images (uint8) or features.

    `extras` are the annotations [N, ...] that the method needs.

    Raises:
        RunError: the method predicts something else, or logits that are not finite.
    """
    was_training = method.training
    method.eval()
    # Filled in place: small results kept between large buffers would leave holes that no later buffer fits into, and
    # memory would grow by a buffer a batch.
    features = logits = torch.empty(0, 0)
    with (
        torch.inference_mode(),
        torch.autocast(device.type, precision, enabled=precision != torch.float32),
    ):
        for start in range(0, len(images), batch_size):
            chosen = slice(start, start + batch_size)
            batch = to_float(images[chosen].to(device, non_blocking=True))
            annotated = {
                name: to_extra(rows[chosen].to(device, non_blocking=True)) for name, rows in (extras or {}).items()
            }
            prediction = method.predict(batch, annotated)
            _check_shapes(method, prediction, len(batch))
            if start == 0:
                features, logits = (torch.empty(len(images), part.shape[1]) for part in prediction)
            features[chosen] = prediction.features
            logits[chosen] = prediction.logits
    method.train(was_training)
    if not len(images):
        logits = torch.empty(0, method.task.num_classes)
    if not torch.isfinite(logits).all():
        raise RunError(
            f"{type(method).__name__}.predict gives logits that are not finite",
            "train it again at a lower learning rate or in float32, or mend the method",
        )
    return Prediction(features, logits)


def _check_shapes(method: Method, prediction: Prediction, count: int) -> None:
    """Refuse what would be spread over a batch in silence, or be no prediction of these classes."""
    features, logits = (tuple(part.shape) for part in prediction)
    expected = (count, method.task.num_classes)
    if logits != expected:
        raise RunError(f"{type(method).__name__}.predict gives logits of shape {logits}, not {expected}")
    if len(features) != 2 or features[0] != count:
        raise RunError(f"{type(method).__name__}.predict gives features of shape {features}, not ({count}, D)")


def training_views(method: Method, data: TaskData, phase: Phase, device: torch.device, precision: torch.dtype) -> Views:
    """Return predictions on all training images that the phase shows, on the method's device."""
    source = target = labels = held_out = held_out_labels = None
    if phase.source:
        view = data.source_train
        source = _to(predict_all(method, view.images, device, precision, view.extras), device)
        labels = view.labels.to(device)
        unseen = data.source_val
        held_out = _to(predict_all(method, unseen.images, device, precision, unseen.extras), device)
        held_out_labels = unseen.labels.to(device)
    if phase.target and data.target_train is not None:
        seen = data.target_train
        target = _to(predict_all(method, seen.images, device, precision, seen.extras), device)
    return Views(source, labels, target, source_val=held_out, source_val_labels=held_out_labels)


def _to(prediction: Prediction, device: torch.device) -> Prediction:
    # A clone: tensors made in inference mode could not be used in a method's autograd later.
    return Prediction(prediction.features.clone().to(device), prediction.logits.clone().to(device))
