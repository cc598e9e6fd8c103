from __future__ import annotations

import pytest
from support import tiny_images

from ucdver.data.labels import label_source, resolve_labels, soft_labels
from ucdver.data.manifest import Row
from ucdver.errors import DataError, PluginError
from ucdver.registry import Registry
from ucdver.spec.labels import LabelMap, LabelSpace
from ucdver.spec.task import Task


def task(space: str, **label_maps: str) -> Task:
    return Task.model_validate(
        {
            "id": "t",
            "sources": ["tiny:plain"],
            "targets": ["tiny:noisy"],
            "label_space": space,
            "label_maps": label_maps,
        }
    )


ROWS = [
    Row(str(number), "p", "plain", {"tiny3": label} if label else {})
    for number, label in enumerate(["blue", "", "green", "red", "blue"])
]
OTHER = LabelMap(name="other", source="tiny3", target="tiny2", table={"red": "cold", "green": "cold", "blue": "warm"})


def resolved(registry: Registry, wanted: Task) -> tuple[list[int], list[int]]:
    kept, labels = resolve_labels(ROWS, "tiny", wanted, registry)
    return kept.tolist(), labels.tolist()


def test_the_tasks_own_space_needs_no_map() -> None:
    registry = tiny_images.registry()
    assert resolved(registry, task("tiny3")) == ([0, 2, 3, 4], [2, 1, 0, 2])
    assert label_source("tiny", task("tiny3"), registry) == "tiny3"
    assert label_source("tiny", task("tiny3", tiny="tiny3"), registry) == "tiny3"


def test_the_only_map_is_used_and_what_it_drops_is_no_member() -> None:
    registry = tiny_images.registry()
    assert resolved(registry, task("tiny2")) == ([0, 3, 4], [1, 0, 1])
    assert label_source("tiny", task("tiny2"), registry).startswith("tiny3-to-tiny2:")


def test_of_two_maps_the_task_must_choose() -> None:
    registry = tiny_images.registry()
    registry.label_maps.add("other", OTHER, "test")
    with pytest.raises(DataError, match=r'tiny3-to-tiny2, other all lead .*label_maps = { tiny = "tiny3-to-tiny2" }'):
        resolved(registry, task("tiny2"))
    assert resolved(registry, task("tiny2", tiny="other")) == ([0, 2, 3, 4], [0, 1, 1, 0])
    assert label_source("tiny", task("tiny2", tiny="other"), registry).startswith("other:")


def test_an_alternative_competes_with_no_map_and_is_used_where_a_task_names_it() -> None:
    registry = tiny_images.registry()
    registry.label_maps.add("other", OTHER.model_copy(update={"alternative": True}), "test")
    assert label_source("tiny", task("tiny2"), registry).startswith("tiny3-to-tiny2:")
    assert label_source("tiny", task("tiny2", tiny="other"), registry).startswith("other:")


def test_the_data_sets_first_space_with_a_map_is_used() -> None:
    fine = LabelSpace(name="tiny4", classes=("red", "green", "blue", "grey"))
    registry = tiny_images.registry(tiny_images.spec(label_spaces=("tiny4", "tiny3")))
    registry.label_spaces.add("tiny4", fine, "test")
    assert label_source("tiny", task("tiny2"), registry).startswith("tiny3-to-tiny2:")
    table = dict.fromkeys(fine.classes, "warm")
    registry.label_maps.add("f", LabelMap(name="f", source="tiny4", target="tiny2", table=table), "test")
    assert label_source("tiny", task("tiny2"), registry).startswith("f:")


def test_no_map_names_those_that_lead_there() -> None:
    registry = tiny_images.registry(tiny_images.spec(label_spaces=("tiny9",)))
    with pytest.raises(DataError, match=r"no label map leads from 'tiny' \(tiny9\) to 'tiny2'.*tiny3-to-tiny2"):
        resolved(registry, task("tiny2"))


def test_a_map_that_does_not_fit_is_refused() -> None:
    registry = tiny_images.registry()
    with pytest.raises(DataError, match="leads from 'tiny3' to 'tiny2', not from 'tiny'"):
        resolved(registry, task("tiny3", tiny="tiny3-to-tiny2"))
    with pytest.raises(PluginError, match="did you mean 'tiny3-to-tiny2'"):
        resolved(registry, task("tiny2", tiny="tiny3-tiny2"))
    short = OTHER.model_copy(update={"name": "short", "table": {"red": "warm"}})
    registry.label_maps.add("short", short, "test")
    with pytest.raises(DataError, match="'short' leaves out green, blue"):
        resolved(registry, task("tiny2", tiny="short"))


def test_rows_that_were_read_with_a_class_that_is_gone_say_what_to_type() -> None:
    # As after an edit of the plugin that declares the space: what is stored was checked against the one before.
    registry, rows = tiny_images.registry(), [Row("0", "p", "plain", {"tiny3": "purple"})]
    says = "read with a class 'purple', which label space 'tiny3' does not have; .*ucdver data add tiny --root"
    with pytest.raises(DataError, match=says):
        resolve_labels(rows, "tiny", task("tiny3"), registry)
    voted = [Row("0", "p", "plain", {"tiny3": "red"}, soft={"tiny3": {"purple": 1.0}})]
    with pytest.raises(DataError, match=says):
        soft_labels(voted, "tiny", task("tiny3"), registry)
