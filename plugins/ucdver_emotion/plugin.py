"""The entry point: what this plugin registers. It imports neither torch nor an image library."""

from __future__ import annotations

from collections.abc import Sequence

from ucdver import DatasetSpec, LabelMap, LabelSpace, MetricSpec, SuiteSpec, Task, hookimpl
from ucdver_emotion.drawn.spec import DRAWN, DRAWN_SUITE
from ucdver_emotion.icon_sets import ICON_SETS
from ucdver_emotion.label_spaces import LABEL_MAPS, LABEL_SPACES
from ucdver_emotion.metrics.specs import METRICS
from ucdver_emotion.tasks import TASKS


@hookimpl
def ucdver_datasets() -> Sequence[DatasetSpec]:
    """Return the data sets `emoji` and `drawn`."""
    return [
        DatasetSpec(
            name="emoji",
            version="1",
            reader="ucdver_emotion.reader:read",
            loader="ucdver_emotion.draw:loader",
            fetch="ucdver_emotion.fetch:fetch",
            domains=tuple(icons.domain for icons in ICON_SETS),
            label_spaces=("ekman6", "ekman7", "mikels8"),
            summary="emoji faces drawn by eleven icon sets, each a domain, the same emotions in every one",
            licence="art by set: " + ", ".join(sorted({icons.licence for icons in ICON_SETS})) + "; see LICENCES.md",
            obtain="ucdver data fetch emoji",
        ),
        DRAWN,
    ]


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
    """Return the tasks on `emoji`, which its suites list by name."""
    return TASKS


@hookimpl
def ucdver_metrics() -> Sequence[MetricSpec]:
    """Return the metrics that know how classes lie to one another, and those that read soft labels."""
    return METRICS


@hookimpl
def ucdver_suites() -> Sequence[SuiteSpec]:
    """Return the suites on `emoji` and on `drawn`."""
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
        DRAWN_SUITE,
    ]
