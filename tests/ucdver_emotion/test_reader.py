from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from ucdver import DataError, ImageRecipe
from ucdver.registry import load_callable
from ucdver_emotion.draw import loader
from ucdver_emotion.emoji_labels import labelled
from ucdver_emotion.icon_sets import ICON_SETS
from ucdver_emotion.plugin import ucdver_datasets, ucdver_label_spaces, ucdver_metrics
from ucdver_emotion.reader import read

DRAWN = {"noto": ["1f600", "1f620", "1f610"], "openmoji": ["1f600"]}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for domain, codes in DRAWN.items():
        (tmp_path / domain).mkdir()
        for code in codes:
            (tmp_path / domain / f"{code}.svg").write_text(
                '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"/>'
            )
    write_stamp(tmp_path, {domain: len(codes) for domain, codes in DRAWN.items()})
    return tmp_path


def write_stamp(root: Path, pictures: dict[str, int], concepts: list[str] | None = None) -> None:
    sets = {domain: {"pictures": count} for domain, count in pictures.items()}
    known = [label.hexcode for label in labelled()] if concepts is None else concepts
    (root / "complete.json").write_text(json.dumps({"sets": sets, "concepts": known}))


def test_one_row_for_each_drawing_sorted_by_id(root: Path) -> None:
    rows = list(read(root))
    assert [row.id for row in rows] == ["noto/1f600", "noto/1f610", "noto/1f620", "openmoji/1f600"]
    assert [row.path for row in rows] == [f"{row.id}.svg" for row in rows]
    assert [row.group for row in rows] == ["1f600", "1f610", "1f620", "1f600"]
    assert {row.split for row in rows} == {""}
    assert list(read(root)) == rows


def test_labels_are_left_out_where_nothing_can_be_said(root: Path) -> None:
    labels = {row.id: dict(row.labels) for row in read(root)}
    assert labels["noto/1f610"] == {"ekman7": "neutral"}
    assert labels["noto/1f600"] == {"ekman7": "joy", "ekman6": "joy"}
    assert labels["noto/1f620"] == {"ekman7": "anger", "ekman6": "anger", "mikels8": "anger"}


def test_an_unfinished_folder_says_what_to_type(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"complete\.json.*ucdver data fetch emoji"):
        read(tmp_path)


def test_a_picture_that_went_missing_is_noticed(root: Path) -> None:
    (root / "noto" / "1f620.svg").unlink()
    with pytest.raises(DataError, match="noto holds 2 of its 3 pictures"):
        read(root)


def test_a_domain_that_went_missing_is_noticed(root: Path) -> None:
    write_stamp(root, {"noto": 3, "openmoji": 1, "twemoji": 5})
    with pytest.raises(DataError, match="twemoji holds 0 of its 5 pictures"):
        read(root)


def test_emoji_of_another_label_table_are_refused(root: Path) -> None:
    write_stamp(root, {"noto": 3}, ["1f600"])
    with pytest.raises(DataError, match="another table of labels"):
        read(root)


@pytest.mark.parametrize("content", ["", "[]", '{"sets": {}}', '{"sets": {"noto": {"pictures": "x"}}}'])
def test_a_damaged_stamp_is_refused(root: Path, content: str) -> None:
    (root / "complete.json").write_text(content)
    with pytest.raises(DataError, match=r"complete\.json is damaged"):
        read(root)


def test_the_spec_names_what_is_there() -> None:
    (spec,) = [spec for spec in ucdver_datasets() if spec.name == "emoji"]
    assert spec.domains == tuple(icons.domain for icons in ICON_SETS)
    assert set(spec.label_spaces) <= {space.name for space in ucdver_label_spaces()}
    for target in (spec.reader, spec.loader, spec.fetch, *(metric.target for metric in ucdver_metrics())):
        assert callable(load_callable(str(target), "test"))


def test_the_plugin_imports_no_torch_and_no_image_library() -> None:
    code = "import ucdver_emotion.plugin, sys; print({'torch', 'PIL', 'resvg_py', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_the_real_emoji_are_drawn_by_every_set() -> None:
    home = os.environ.get("UCDVER_HOME")
    stamps = sorted(Path(home).glob("**/emoji*/complete.json")) if home else []
    if not stamps:
        pytest.skip("no fetched emoji below $UCDVER_HOME: type 'ucdver data fetch emoji'")
    folder = stamps[0].parent
    rows = list(read(folder))
    per_domain = Counter(row.domain for row in rows)
    assert set(per_domain) == {icons.domain for icons in ICON_SETS} and min(per_domain.values()) > 55
    draw = loader(folder)
    recipe = ImageRecipe(size=32)
    pictures = np.stack([np.asarray(draw(row.path, recipe)) for row in rows])
    assert pictures.shape == (len(rows), 32, 32, 3)
    assert pictures.reshape(len(rows), -1).std(axis=1).min() > 10
    assert len({picture.tobytes() for picture in pictures}) > 0.98 * len(rows)
