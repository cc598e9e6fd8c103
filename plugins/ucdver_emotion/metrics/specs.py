"""The metrics as the plugin registers them; nothing heavy is imported here."""

from __future__ import annotations

from ucdver import MetricSpec

_ROOM = "ucdver_emotion.metrics"


def _level(name: str, depth: int, summary: str) -> MetricSpec:
    return MetricSpec(
        name=name,
        target=f"{_ROOM}.levels:{name}",
        higher_is_better=True,
        summary=summary,
        needs="levels",
        depth=depth,
        reads="class",
    )


def _distribution(name: str, function: str, higher_is_better: bool, summary: str) -> MetricSpec:
    return MetricSpec(
        name=name,
        target=f"{_ROOM}.distribution:{function}",
        higher_is_better=higher_is_better,
        summary=summary,
        needs="soft",
        percent=False,
    )


METRICS: tuple[MetricSpec, ...] = (
    MetricSpec(
        name="polarity_accuracy",
        target=f"{_ROOM}.polarity:polarity_accuracy",
        higher_is_better=True,
        summary="share of images of polar classes whose predicted class has the true polarity",
        needs="polarity",
        reads="class",
    ),
    MetricSpec(
        name="mikels_wheel_distance",
        target=f"{_ROOM}.wheel:mikels_wheel_distance",
        higher_is_better=False,
        summary="mean steps around Mikels' wheel between predicted and true class (0 to 4)",
        needs="wheel",
        percent=False,
        reads="class",
    ),
    MetricSpec(
        name="wheel_neighbour_errors",
        target=f"{_ROOM}.wheel:wheel_neighbour_errors",
        higher_is_better=True,
        summary="share of errors that fall on a neighbour of the true class on Mikels' wheel",
        needs="wheel",
        reads="class",
    ),
    _level("accuracy_level1", 1, "accuracy at the finest of the label space's coarser levels"),
    _level("accuracy_level2", 2, "accuracy one level further"),
    _level("macro_f1_level1", 1, "macro F1 at the finest of the label space's coarser levels"),
    _level("macro_f1_level2", 2, "macro F1 one level further"),
    _level("sibling_errors", 1, "share of errors that stay within the true class's coarse class"),
    _distribution("kl_divergence", "kl_divergence", False, "mean divergence of prediction from soft label, in nats"),
    _distribution("chebyshev", "chebyshev", False, "mean largest difference between prediction and soft label"),
    _distribution("clark", "clark", False, "mean Clark distance between prediction and soft label"),
    _distribution("canberra", "canberra", False, "mean Canberra distance between prediction and soft label"),
    _distribution("cosine_similarity", "cosine", True, "mean cosine between prediction and soft label"),
    _distribution("intersection", "intersection", True, "mean overlap of prediction and soft label"),
)
