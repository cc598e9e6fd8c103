"""The metrics that ship with ucdver, as specs; nothing heavy is imported here."""

from __future__ import annotations

from ucdver.spec.plugin import MetricSpec

_MODULE = "ucdver.evaluate.metrics"

METRICS: tuple[MetricSpec, ...] = (
    MetricSpec(
        name="accuracy",
        target=f"{_MODULE}:accuracy",
        higher_is_better=True,
        summary="Share of images whose most probable class is the true one.",
        reads="class",
    ),
    MetricSpec(
        name="balanced_accuracy",
        target=f"{_MODULE}:balanced_accuracy",
        higher_is_better=True,
        summary="Mean recall over the classes that occur among the true labels.",
        reads="class",
    ),
    MetricSpec(
        name="macro_f1",
        target=f"{_MODULE}:macro_f1",
        higher_is_better=True,
        summary="Mean F1 over the classes that occur among the true or the predicted labels.",
        reads="class",
    ),
    MetricSpec(
        name="weighted_f1",
        target=f"{_MODULE}:weighted_f1",
        higher_is_better=True,
        summary="Mean F1 over classes, weighted by the number of true images of each.",
        reads="class",
    ),
    MetricSpec(
        name="ece",
        target=f"{_MODULE}:ece",
        higher_is_better=False,
        summary="Expected calibration error, 15 equal-width bins (Guo et al., 2017).",
    ),
    MetricSpec(
        name="nll",
        target=f"{_MODULE}:nll",
        higher_is_better=False,
        summary="Mean negative log-likelihood of the true class, in nats.",
        percent=False,
    ),
)
