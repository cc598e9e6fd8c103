from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from PIL import Image
from support import tiny_images

from ucdver.data import decode, drawing
from ucdver.data.catalog import Catalog
from ucdver.data.images import ImageStore, open_image, open_images
from ucdver.data.manifest import Row
from ucdver.errors import DataError
from ucdver.spec.recipe import ImageRecipe
from ucdver.spec.task import Domain

PLAIN = Domain(dataset="tiny", name="plain")
RECIPE = ImageRecipe(size=8)


@pytest.fixture
def held(tmp_path: Path) -> Catalog:
    return tiny_images.catalog(tmp_path)


def open_plain(held: Catalog, recipe: ImageRecipe = RECIPE, **options: object) -> ImageStore:
    return open_images(held, held.registry, PLAIN, recipe, **options)  # type: ignore[arg-type]


def the_file(held: Catalog) -> Path:
    (path,) = (held.home / "images").glob("[!.]*.npy")
    return path


def test_every_row_is_there_in_the_order_of_the_manifest(held: Catalog) -> None:
    store = open_plain(held)
    assert sorted(store.ids) == [f"plain/{number:03d}" for number in range(9)]
    assert store.ids == [row.id for row in held.manifest("tiny").rows("plain")]
    assert store.array.shape == (9, 3, 8, 8) and store.array.dtype == np.uint8
    for row, pixels in zip(held.manifest("tiny").rows("plain"), store.array, strict=True):
        expected = np.asarray(open_image(held.root("tiny") / row.path, RECIPE))
        np.testing.assert_array_equal(pixels.transpose(1, 2, 0), expected)


def test_one_channel(held: Catalog) -> None:
    assert open_plain(held, ImageRecipe(size=8, channels=1)).array.shape == (9, 1, 8, 8)


def test_the_second_opening_needs_no_picture_and_reports_no_progress(held: Catalog) -> None:
    seen: list[tuple[int, int]] = []
    first = open_plain(held, progress=lambda done, total: seen.append((done, total)), workers=3)
    assert seen == [(done, 9) for done in range(1, 10)]
    for path in (held.root("tiny") / "pictures").rglob("*.png"):
        path.unlink()
    second = open_plain(held, progress=lambda done, total: seen.append((done, total)))
    np.testing.assert_array_equal(first.array, second.array)
    assert first.key == second.key and len(seen) == 9


@pytest.mark.parametrize("damage", ["cut", "longer", "header", "empty", "shape"])
def test_a_damaged_cache_is_built_again(held: Catalog, damage: str) -> None:
    expected = np.array(open_plain(held).array)
    path = the_file(held)
    content = path.read_bytes()
    if damage == "shape":
        np.save(path, expected[:, :1])
    else:
        path.write_bytes(
            {"cut": content[:-1], "longer": content + b"x", "header": b"\x93NUMPY" + content[20:], "empty": b""}[damage]
        )
    np.testing.assert_array_equal(open_plain(held).array, expected)
    assert path.read_bytes() == content


def test_what_is_done_to_the_array_does_not_reach_the_disk(held: Catalog) -> None:
    store = open_plain(held)
    kept = store.array[0].copy()
    store.array[0] = 255 - kept
    np.testing.assert_array_equal(open_plain(held).array[0], kept)


def test_recipe_decoder_and_data_each_have_a_cache_of_their_own(held: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = {open_plain(held, recipe).key for recipe in (RECIPE, ImageRecipe(size=9), ImageRecipe(size=8, fit="crop"))}
    monkeypatch.setattr(drawing, "DECODE_VERSION", decode.DECODE_VERSION + 1)
    keys.add(open_plain(held).key)
    held.add("tiny", tiny_images.draw(held.root("tiny"), tiny_images.rows(), seed=1))
    keys.add(open_plain(held).key)
    assert len(keys) == 5


def test_a_damaged_picture_is_named_and_leaves_no_cache(held: Catalog) -> None:
    path = held.root("tiny") / "pictures/plain/004.png"
    path.write_bytes(path.read_bytes()[:60])
    held.add("tiny", held.root("tiny"))
    with pytest.raises(DataError, match=r"plain/004\.png is damaged"):
        open_plain(held)
    assert list((held.home / "images").glob("*.npy")) == []


def test_a_file_that_is_not_the_one_that_was_read_is_refused(held: Catalog) -> None:
    path = held.root("tiny") / "pictures/plain/004.png"
    Image.new("RGB", (4, 4)).save(path)
    with pytest.raises(
        DataError, match=r"004\.png is not the file it was; ucdver data check tiny --again, and then: ucdver data add"
    ):
        open_plain(held)
    path.unlink()
    with pytest.raises(DataError, match=r"004\.png is gone"):
        open_plain(held)


def test_two_that_open_at_once_decode_once(held: Catalog) -> None:
    seen: list[int] = []
    threads = [
        Thread(
            target=lambda: open_images(
                Catalog(held.registry, held.home), held.registry, PLAIN, RECIPE, 1, lambda done, _: seen.append(done)
            )
        )
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == list(range(1, 10))


def test_a_domain_without_rows_and_one_of_one_image(tmp_path: Path) -> None:
    lonely = replace(tiny_images.rows(1)[0], id="lonely/1", domain="lonely")
    held = tiny_images.catalog(tmp_path, [lonely])
    for name, count in (("lonely", 1), ("plain", 0)):
        store = open_images(held, held.registry, Domain(dataset="tiny", name=name), RECIPE)
        assert (len(store.ids), store.array.shape) == (count, (count, 3, 8, 8))


@pytest.fixture
def coloured(tmp_path: Path) -> Catalog:
    root = tmp_path / "tiny"
    root.mkdir()
    (root / "colours.json").write_text(json.dumps({"a": [255, 0, 0], "b": [0, 255, 0]}))
    rows = [Row(name, f"colours.json#{name}", "plain", {"tiny3": "red"}) for name in ("b", "a")]
    tiny_images.write_list(root, rows)
    held = Catalog(tiny_images.registry(tiny_images.spec(loader="support.tiny_images:load")), tmp_path / "home")
    held.add("tiny", root)
    return held


def test_a_data_set_may_draw_its_pictures_itself(coloured: Catalog) -> None:
    store = open_plain(coloured)
    assert store.ids == ["a", "b"]
    assert store.array[:, :, 4, 4].tolist() == [[255, 0, 0], [0, 255, 0]]


def test_a_loader_that_fails_names_the_row(coloured: Catalog) -> None:
    rows = [Row("c", "colours.json#c", "plain", {})]
    tiny_images.write_list(coloured.root("tiny"), rows)
    coloured.add("tiny", coloured.root("tiny"))
    with pytest.raises(DataError, match="data set 'tiny': 'c' cannot be drawn: KeyError"):
        open_plain(coloured)


def test_a_loader_is_not_given_a_file_that_changed(coloured: Catalog) -> None:
    (coloured.root("tiny") / "colours.json").write_text(json.dumps({"a": [0, 0, 0], "b": [0, 0, 0]}))
    with pytest.raises(DataError, match="is not the file it was"):
        open_plain(coloured)
