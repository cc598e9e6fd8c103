"""The entry point: what this plugin registers. It imports neither torch nor an image library."""

from __future__ import annotations

from collections.abc import Sequence

from ucdver import DatasetSpec, LabelMap, LabelSpace, MetricSpec, SuiteSpec, Task, hookimpl
from ucdver_emotion.datasets import DATASETS
from ucdver_emotion.drawn.spec import DRAWN_SUITE
from ucdver_emotion.label_spaces import LABEL_MAPS, LABEL_SPACES
from ucdver_emotion.metrics.specs import METRICS
from ucdver_emotion.tasks import TASKS


@hookimpl
def ucdver_datasets() -> Sequence[DatasetSpec]:
    """Return the data set `emoji` and those that a person must obtain."""
    return DATASETS


@hookimpl
def ucdver_label_spaces() -> Sequence[LabelSpace]:
    """Return the emotion label spaces."""
    return LABEL_SPACES


@hookimpl
def ucdver_label_maps() -> Sequence[LabelMap]:
    """Return the maps between them."""
    return LABEL_MAPS


@hookimpl
def ucdver_tasks() -> Sequence[Task]:
    """Return the tasks that the suites list by name."""
    return TASKS


@hookimpl
def ucdver_metrics() -> Sequence[MetricSpec]:
    """Return the metrics that know how classes lie to one another, and those that read soft labels."""
    return METRICS


@hookimpl
def ucdver_suites() -> Sequence[SuiteSpec]:
    """Return the suites."""
    return [
        SuiteSpec(
            name="emoji",
            resource="ucdver_emotion:suites/emoji.toml",
            summary="emoji faces across icon sets, a small network from scratch",
        ),
        SuiteSpec(
            name="emoji_frozen",
            resource="ucdver_emotion:suites/emoji_frozen.toml",
            summary="emoji faces across icon sets, frozen pretrained features",
        ),
        SuiteSpec(
            name="emoji_finetune",
            resource="ucdver_emotion:suites/emoji_finetune.toml",
            summary="emoji faces across icon sets, a pretrained network fine-tuned",
        ),
        SuiteSpec(
            name="emoji_sfda",
            resource="ucdver_emotion:suites/emoji_sfda.toml",
            summary="emoji faces across icon sets, the source gone when adaptation begins",
        ),
        SuiteSpec(
            name="ucdver_da",
            resource="ucdver_emotion:suites/ucdver_da.toml",
            summary="photos <-> stickers (EmoSet, SER30K), adapting to the unlabelled target",
        ),
        SuiteSpec(
            name="ucdver_uc",
            resource="ucdver_emotion:suites/ucdver_uc.toml",
            summary="from photos or stickers to every data set, none of them seen in training",
        ),
        SuiteSpec(
            name="faces_to_emoji",
            resource="ucdver_emotion:suites/faces_to_emoji.toml",
            summary="photographed faces (FER2013) <-> emoji, a small network from scratch",
        ),
        SuiteSpec(
            name="art",
            resource="ucdver_emotion:suites/art.toml",
            summary="photos (FI, EmoSet) -> art photos, abstract paintings, WikiArt",
        ),
        DRAWN_SUITE,
    ]
