from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from support import tiny_images

from ucdver.data.catalog import Catalog
from ucdver.data.images import ImageStore, open_images
from ucdver.data.manifest import Row
from ucdver.data.views import SourceView, TargetView, TaskData, load_task
from ucdver.errors import DataError
from ucdver.evaluate.target_labels import open_target_labels
from ucdver.spec.protocol import SplitRule
from ucdver.spec.recipe import ImageRecipe
from ucdver.spec.run import RunSpec
from ucdver.spec.task import Domain


@pytest.fixture
def held(tmp_path: Path) -> Catalog:
    return tiny_images.catalog(tmp_path)


def load(held: Catalog, spec: RunSpec, oracle: bool = False) -> TaskData:
    return load_task(spec, held, held.registry, oracle=oracle)


def check_images(held: Catalog, images: torch.Tensor, ids: tuple[str, ...]) -> None:
    """Check every image against the store, by its global id."""
    assert len(images) == len(ids) == len(set(ids))
    for image, name in zip(images, ids, strict=True):
        row_id = name.removeprefix("tiny/")
        domain = Domain(dataset="tiny", name=row_id.partition("/")[0])
        store = open_images(held, held.registry, domain, ImageRecipe(size=8))
        np.testing.assert_array_equal(image.numpy(), store.array[store.ids.index(row_id)])


def truth(held: Catalog) -> dict[str, int]:
    return {f"tiny/{r.id}": tiny_images.SPACE.index(r.labels["tiny3"]) for r in held.manifest("tiny").rows()}


@pytest.mark.parametrize("kind", ["all", "official", "grouped"])
def test_images_labels_and_ids_belong_together(held: Catalog, kind: str) -> None:
    split = SplitRule.model_validate({"kind": kind, "val_fraction": 0.3})
    spec = tiny_images.run_spec(held, ("tiny:plain", "tiny:dark"), ("tiny:noisy",), split=split)
    data = load(held, spec)
    for view in (data.source_train, data.source_val):
        check_images(held, view.images, view.ids)
        assert view.labels.tolist() == [truth(held)[name] for name in view.ids]
        assert view.domains.tolist() == [("plain", "dark").index(n.split("/")[1]) for n in view.ids]
    assert data.target_train is not None
    for target in (data.target_train, data.target_test["tiny:noisy"]):
        check_images(held, target.images, target.ids)
    assert not set(data.source_train.ids) & set(data.source_val.ids)
    if kind == "grouped":
        tested = {name[-3:] for name in data.target_test["tiny:noisy"].ids}
        seen = {name[-3:] for name in (*data.source_train.ids, *data.source_val.ids, *data.target_train.ids)}
        assert tested and tested.isdisjoint(seen)


def test_several_targets_train_together_and_are_tested_apart(held: Catalog) -> None:
    data = load(held, tiny_images.run_spec(held, ("tiny:plain",), ("tiny:noisy", "tiny:dark")))
    assert data.target_train is not None
    assert data.target_train.domain == "tiny:noisy+tiny:dark"
    assert list(data.target_test) == ["tiny:noisy", "tiny:dark"]
    assert data.target_train.ids == (*data.target_test["tiny:noisy"].ids, *data.target_test["tiny:dark"].ids)
    check_images(held, data.target_train.images, data.target_train.ids)


def test_in_uc_no_target_is_seen_before_the_test(held: Catalog) -> None:
    data = load(held, tiny_images.run_spec(held, setting="uc"))
    assert data.target_train is None
    assert len(data.target_test["tiny:noisy"].ids) == 9


def test_no_label_can_be_reached_from_a_target_view(held: Catalog) -> None:
    data = load(held, tiny_images.run_spec(held))
    view = data.target_train
    assert isinstance(view, TargetView)
    assert {field.name for field in dataclasses.fields(TargetView)} == {"images", "ids", "domain", "extras"}
    assert not [name for name in dir(view) if "label" in name.lower()]
    with pytest.raises(dataclasses.FrozenInstanceError):
        view.domain = "x"  # type: ignore[misc]
    with pytest.raises(AttributeError):
        view.labels  # type: ignore[attr-defined]  # noqa: B018


def same(one: SourceView | TargetView | None, other: SourceView | TargetView | None) -> bool:
    assert one is not None and other is not None
    pairs = zip(vars(one).values(), vars(other).values(), strict=True)
    return all(torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b for a, b in pairs)


@pytest.mark.parametrize("kind", ["all", "official", "grouped"])
def test_permuting_target_labels_changes_nothing_that_training_sees(tmp_path: Path, kind: str) -> None:
    split = SplitRule.model_validate({"kind": kind})
    rows = tiny_images.rows(12)
    order = {"red": "green", "green": "blue", "blue": "red"}

    def moved(row: Row) -> str:
        return order[row.labels["tiny3"]] if row.domain == "noisy" else row.labels["tiny3"]

    first = tiny_images.catalog(tmp_path / "a", rows)
    second = tiny_images.catalog(tmp_path / "b", tiny_images.relabelled(rows, moved))
    specs = [tiny_images.run_spec(held, split=split) for held in (first, second)]
    assert specs[0].key() != specs[1].key()
    one, other = (load(held, spec) for held, spec in zip((first, second), specs, strict=True))
    assert same(one.source_train, other.source_train) and same(one.source_val, other.source_val)
    assert same(one.target_train, other.target_train)
    assert same(one.target_test["tiny:noisy"], other.target_test["tiny:noisy"])
    # The same change does reach an oracle and the evaluation, so the comparison above could have failed.
    oracles = [load(held, spec, oracle=True) for held, spec in zip((first, second), specs, strict=True)]
    assert not same(oracles[0].source_train, oracles[1].source_train)
    assert open_target_labels(specs[0], first, first.registry) != open_target_labels(specs[1], second, first.registry)


def test_an_oracle_trains_on_the_labelled_targets_and_validates_on_the_source(held: Catalog) -> None:
    split = SplitRule(kind="official", val_fraction=0.3)
    spec = tiny_images.run_spec(held, ("tiny:plain",), ("tiny:noisy", "tiny:dark"), split=split)
    oracle, usual = load(held, spec, oracle=True), load(held, spec)
    assert usual.target_train is not None
    assert oracle.source_train.ids == usual.target_train.ids
    assert oracle.source_train.labels.tolist() == [truth(held)[name] for name in oracle.source_train.ids]
    assert oracle.source_train.domains.tolist() == [0] * 6 + [1] * 6
    assert same(oracle.source_val, usual.source_val) and same(oracle.target_train, usual.target_train)
    assert not set(oracle.source_train.ids) & {i for v in oracle.target_test.values() for i in v.ids}


def test_evaluation_opens_the_labels_of_the_targets_alone(held: Catalog) -> None:
    spec = tiny_images.run_spec(held)
    labels = open_target_labels(spec, held, held.registry)
    assert labels == {name: label for name, label in truth(held).items() if "/noisy/" in name}
    assert set(load(held, spec).target_test["tiny:noisy"].ids) <= set(labels)


def test_rows_without_a_label_in_the_space_are_no_members(tmp_path: Path) -> None:
    rows = tiny_images.relabelled(tiny_images.rows(), lambda row: "" if row.id.endswith("004") else row.labels["tiny3"])
    held = tiny_images.catalog(tmp_path, rows)
    data = load(held, tiny_images.run_spec(held, space="tiny2"))
    members = {f"tiny/noisy/00{number}" for number in (0, 2, 3, 5, 6, 8)}
    assert set(data.target_test["tiny:noisy"].ids) == members
    check_images(held, data.source_train.images, data.source_train.ids)
    assert set(data.source_train.labels.tolist()) == {0, 1}


def test_a_class_that_the_target_lacks_or_a_domain_of_one_image(tmp_path: Path) -> None:
    rows = [row for row in tiny_images.rows() if row.domain != "noisy" or row.id == "noisy/001"]
    held = tiny_images.catalog(tmp_path, rows)
    data = load(held, tiny_images.run_spec(held))
    assert data.target_test["tiny:noisy"].images.shape == (1, 3, 8, 8)
    back = load(held, tiny_images.run_spec(held, ("tiny:noisy",), ("tiny:plain",)))
    assert (len(back.source_train.ids), len(back.source_val.ids)) == (1, 0)
    assert back.source_val.images.shape == (0, 3, 8, 8)


def test_a_domain_without_members_is_an_error(tmp_path: Path) -> None:
    def unlabelled_noise(row: Row) -> str:
        return "" if row.domain == "noisy" else row.labels["tiny3"]

    held = tiny_images.catalog(tmp_path, tiny_images.relabelled(tiny_images.rows(), unlabelled_noise))
    with pytest.raises(DataError, match="no row of tiny:noisy has a label in 'tiny3'"):
        load(held, tiny_images.run_spec(held))


def test_a_target_without_training_rows_is_fine_only_where_none_are_seen(tmp_path: Path) -> None:
    rows = [row for row in tiny_images.rows() if row.domain != "noisy" or row.split == "test"]
    held = tiny_images.catalog(tmp_path, rows)
    split = SplitRule(kind="official")
    with pytest.raises(DataError, match="target tiny:noisy has no training rows"):
        load(held, tiny_images.run_spec(held, split=split))
    assert load(held, tiny_images.run_spec(held, setting="uc", split=split)).target_train is None


def test_data_other_than_those_declared_are_refused(held: Catalog) -> None:
    spec = tiny_images.run_spec(held)
    for wrong, says in (
        ({"data": {**spec.data, "tiny:noisy": "0" * 64}}, "rows of tiny:noisy have the fingerprint"),
        ({"data": {}}, "the run declares none"),
        ({"labels": {"tiny": "other"}}, "are read by 'tiny3', and the run declares 'other'"),
        ({"classes": ("a", "b", "c")}, "classes are not those"),
    ):
        changed = spec.model_copy(update=wrong)
        with pytest.raises(DataError, match=says):
            load(held, changed)
        if wrong != {"data": {}}:
            with pytest.raises(DataError, match=says):
                open_target_labels(changed, held, held.registry)


def test_features_stand_for_images(held: Catalog) -> None:
    def features(store: ImageStore) -> npt.NDArray[np.float32]:
        return np.asarray(store.array.mean((2, 3), dtype=np.float32))

    spec = tiny_images.run_spec(held, ("tiny:plain", "tiny:dark"))
    data = load_task(spec, held, held.registry, features=features)
    images = load(held, spec)
    assert data.source_train.images.dtype == torch.float32
    np.testing.assert_allclose(
        data.source_train.images, images.source_train.images.float().mean((2, 3)), rtol=1e-4, atol=1e-5
    )
    assert data.target_test["tiny:noisy"].images.shape == (9, 3)


def test_a_whole_domain_is_not_copied_into_memory(held: Catalog) -> None:
    data = load(held, tiny_images.run_spec(held))
    assert data.target_train is not None
    copies = {data.target_train.images.data_ptr(), data.target_test["tiny:noisy"].images.data_ptr()}
    assert len(copies) == 1
