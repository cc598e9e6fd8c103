"""The entry point: what this plugin registers. It imports neither torch nor an image library."""

from __future__ import annotations

from collections.abc import Sequence

from ucdver import DatasetSpec, LabelMap, LabelSpace, MetricSpec, SuiteSpec, Task, hookimpl
from ucdver_emotion.datasets import DATASETS
from ucdver_emotion.drawn.spec import DRAWN_SUITE
from ucdver_emotion.label_spaces import LABEL_MAPS, LABEL_SPACES
from ucdver_emotion.metrics.specs import METRICS
from ucdver_emotion.tasks import TASKS

#: What is told of each suite of emotions in lists; its file bears its name.
_SUITES = {
    "emoji": "emoji faces across icon sets, a small network from scratch",
    "emoji_frozen": "emoji faces across icon sets, frozen pretrained features",
    "emoji_finetune": "emoji faces across icon sets, a pretrained network fine-tuned",
    "emoji_sfda": "emoji faces across icon sets, the source gone when adaptation begins",
    "ucdver_da": "photos <-> stickers (EmoSet, SER30K), adapting to the unlabelled target",
    "ucdver_uc": "from photos or stickers to every data set, none of them seen in training",
    "faces_to_emoji": "photographed faces (FER2013) <-> emoji, a small network from scratch",
    "art": "photos (FI, EmoSet) -> art photos, abstract paintings, WikiArt",
}


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
    own = [
        SuiteSpec(name=name, resource=f"ucdver_emotion:suites/{name}.toml", summary=summary)
        for name, summary in _SUITES.items()
    ]
    return [*own, DRAWN_SUITE]
