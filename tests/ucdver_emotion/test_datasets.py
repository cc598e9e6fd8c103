"""What the plugin declares fits together: data sets, label spaces, maps, tasks, suites, published counts."""

from __future__ import annotations

import importlib

import pytest

from ucdver import DatasetSpec, Task
from ucdver.data.labels import label_source
from ucdver.plugins import load_registry
from ucdver.spec.suite_file import load_suite
from ucdver_emotion.datasets import DATASETS
from ucdver_emotion.histograms import HISTOGRAMS
from ucdver_emotion.label_spaces import LABEL_SPACES
from ucdver_emotion.tasks import TASKS

SPACES = {space.name: space for space in LABEL_SPACES}
SUITES = ("emoji", "emoji_frozen", "emoji_finetune", "emoji_sfda", "ucdver_da", "ucdver_uc", "faces_to_emoji", "art")


@pytest.mark.parametrize("spec", DATASETS, ids=lambda spec: spec.name)
def test_a_data_set_can_be_read_and_says_how_it_is_had(spec: DatasetSpec) -> None:
    module, _, attribute = spec.reader.partition(":")
    assert callable(getattr(importlib.import_module(module), attribute))
    assert set(spec.label_spaces) <= set(SPACES)
    assert spec.licence and spec.obtain and spec.summary
    assert spec.fetch or "DIR holds" in spec.obtain


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.id)
def test_one_way_leads_from_every_data_set_to_the_space_of_its_task(task: Task) -> None:
    registry = load_registry()
    for domain in (*task.sources, *task.targets):
        assert domain.name in registry.datasets.get(domain.dataset).domains
        assert label_source(domain.dataset, task, registry)


def test_every_data_set_of_mikels_or_ekman_leads_to_the_six_emotions_of_ucdver() -> None:
    registry = load_registry()
    for spec in DATASETS:
        if spec.label_spaces[0] != "sentiment2":
            source = f"{spec.name}:{spec.domains[0]}"
            task = Task.model_validate(
                {"id": "t", "sources": [source], "targets": ["toy:outline"], "label_space": "ucdver6"}
            )
            assert "_to_ucdver6:" in label_source(spec.name, task, registry), spec.name


@pytest.mark.parametrize("name", SUITES)
def test_every_suite_can_be_read(name: str) -> None:
    suite = load_suite(name, load_registry())
    assert suite.name == name
    assert suite.tasks


def test_the_universal_suite_trains_on_the_source_alone_and_is_tested_on_many() -> None:
    suite = load_suite("ucdver_uc", load_registry())
    assert suite.protocol.setting == "uc"
    assert [len(task.targets) for task in suite.tasks] == [5, 5]


@pytest.mark.parametrize("name", HISTOGRAMS)
def test_published_counts_are_of_the_classes_of_their_space_and_add_up(name: str) -> None:
    found = HISTOGRAMS[name]
    spec = next(spec for spec in DATASETS if spec.name == name)
    assert found.source
    assert found.space in spec.label_spaces
    for split, counts in found.classes.items():
        assert set(counts) == set(SPACES[found.space].classes)
        assert sum(counts.values()) == found.totals[split]


def test_a_level_is_named_after_the_space_whose_classes_it_has() -> None:
    for space in LABEL_SPACES:
        for level, table in space.levels.items():
            assert set(table.values()) <= set(SPACES[level].classes)
    assert list(SPACES["webemo25"].levels) == ["parrott6", "sentiment2"]
    assert len(SPACES["webemo25"].classes) == 25
    assert len(SPACES["plutchik24"].classes) == 24
