"""A user's own pictures, declared in five lines of `ucdver_local.py`."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from ucdver import DataError, Row
from ucdver.data.catalog import Catalog
from ucdver.data.decode import FORMATS, open_image
from ucdver.plugins import load_registry, reset
from ucdver.spec.recipe import ImageRecipe
from ucdver_emotion import folder_dataset, table_dataset

from .conftest import Tree

LOCAL = """\
import ucdver, ucdver_emotion

@ucdver.hookimpl
def ucdver_datasets():
    return [{}]
"""


@pytest.fixture
def declared(tmp_path: Path) -> Iterator[Path]:
    """Return the folder of a `ucdver_local.py`, and forget it afterwards."""
    reset()
    yield tmp_path
    reset()


def added(folder: Path, root: Path, call: str) -> dict[str, Row]:
    (folder / "ucdver_local.py").write_text(LOCAL.format(f"ucdver_emotion.{call}"))
    reset()
    catalog = Catalog(load_registry(folder), folder / "home")
    return {row.id: row for row in catalog.add("mine", root).rows()}


def test_folders_of_one_domain(declared: Path, tree: Tree) -> None:
    tree.picture("joy/1.png", "fear/2.jpg")
    rows = added(declared, tree.root, 'folder_dataset("mine", label_space="ekman6")')
    assert {name: (row.domain, dict(row.labels), row.split) for name, row in rows.items()} == {
        "joy/1.png": ("own", {"ekman6": "joy"}, ""),
        "fear/2.jpg": ("own", {"ekman6": "fear"}, ""),
    }


def test_folders_of_several_domains_and_splits(declared: Path, tree: Tree) -> None:
    tree.picture("photo/train/joy/1.png", "sketch/test/fear/2.png", "test/sketch/fear/3.png", "sketch/joy/4.png")
    call = 'folder_dataset("mine", label_space="ekman6", domains=("photo", "sketch"))'
    rows = added(declared, tree.root, call)
    assert {name: (row.domain, row.split) for name, row in rows.items()} == {
        "photo/train/joy/1.png": ("photo", "train"),
        "sketch/test/fear/2.png": ("sketch", "test"),
        "test/sketch/fear/3.png": ("sketch", "test"),
        "sketch/joy/4.png": ("sketch", ""),
    }


def test_every_format_that_is_decoded_is_read(declared: Path, tree: Tree) -> None:
    Image.init()
    names = {suffix for suffix, kind in Image.registered_extensions().items() if kind in FORMATS} - {".pfm"}
    (tree.root / "joy").mkdir(parents=True)
    for suffix in names:
        Image.new("RGB", (8, 8), "red").save(tree.root / "joy" / f"x{suffix}")
    rows = added(declared, tree.root, 'folder_dataset("mine", label_space="ekman6")')
    assert set(rows) == {f"joy/x{suffix}" for suffix in names}
    for name in rows:
        open_image(tree.root / name, ImageRecipe(size=8))


def test_pictures_of_other_formats_are_left_out_with_a_word(
    declared: Path, tree: Tree, caplog: pytest.LogCaptureFixture
) -> None:
    tree.picture("joy/1.png", "fear/2.jpg")
    for name in ("joy/3.HEIC", "fear/4.heic", "fear/5.svg", "fear/notes.txt", "fear/.6.svg"):
        (tree.root / name).write_bytes(b"x")
    rows = added(declared, tree.root, 'folder_dataset("mine", label_space="ekman6")')
    assert set(rows) == {"joy/1.png", "fear/2.jpg"}
    assert "3 files of formats that are not read (.heic, .svg) are left out" in caplog.text


def test_a_folder_that_may_not_be_read_is_not_passed_over(
    declared: Path, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.picture("joy/1.png", "fear/2.jpg")
    scandir = os.scandir

    def denied(path: str) -> Any:
        # As the system answers those who are not root, whom no permission keeps out.
        if Path(path).name == "fear":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", denied)
    with pytest.raises(DataError, match=r"the folder .*fear cannot be read: Permission denied; check its permissions"):
        added(declared, tree.root, 'folder_dataset("mine", label_space="ekman6")')


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("joy/1.png", "is not at"),
        ("1.png", "is not at"),
        ("foto/joy/1.png", "is not at .*the domains are photo, sketch"),
        ("photo/sketch/joy/1.png", "is not at"),
        ("photo/joyy/1.png", "did you mean 'joy'"),
    ],
)
def test_a_folder_that_says_nothing_is_refused(declared: Path, tree: Tree, name: str, says: str) -> None:
    tree.picture(name)
    with pytest.raises(DataError, match=says):
        added(declared, tree.root, 'folder_dataset("mine", label_space="ekman6", domains=("photo", "sketch"))')


COLUMNS = {
    "id": ["a", "b"],
    "path": ["pics/1.png", "pics/2.png"],
    "label": ["joy", ""],
    "split": ["train", "test"],
    "group": ["g", "h"],
    "text": ["hello", ""],
    "topic": ["cats", "dogs"],
    "soft_joy": [3, 0],
    "soft_fear": [1, 0],
}


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl", "parquet"])
def test_a_table_in_any_format(declared: Path, tree: Tree, suffix: str) -> None:
    tree.picture("pics/1.png", "pics/2.png")
    records = [dict(zip(COLUMNS, values, strict=True)) for values in zip(*COLUMNS.values(), strict=True)]
    if suffix == "parquet":
        pq.write_table(pa.table(COLUMNS), tree.root / "list.parquet")
    elif suffix == "jsonl":
        tree.text("list.jsonl", "".join(json.dumps(record) + "\n" for record in records))
    else:
        lines = [COLUMNS, *(record.values() for record in records)]
        tree.text(f"list.{suffix}", "\n".join({"csv": ",", "tsv": "\t"}[suffix].join(map(str, x)) for x in lines))
    rows = added(declared, tree.root, f'table_dataset("mine", "list.{suffix}", label_space="ekman6")')
    assert rows["a"] == Row(
        id="a",
        path="pics/1.png",
        domain="own",
        labels={"ekman6": "joy"},
        split="train",
        group="g",
        soft={"ekman6": {"joy": 0.75, "fear": 0.25}},
        text="hello",
        topic="cats",
    )
    assert (dict(rows["b"].labels), dict(rows["b"].soft)) == ({}, {})


def test_a_text_may_hold_quotes_between_tabs_and_any_line_end_of_unicode(declared: Path, tree: Tree) -> None:
    tree.picture("1.png", "2.png")
    said = ['"hi', '"yo', "one\u2028two\u0085three"]
    tree.text("list.tsv", f"path\tlabel\ttext\n1.png\tjoy\t{said[0]}\n2.png\tfear\t{said[1]}\n")
    rows = added(declared, tree.root, 'table_dataset("mine", "list.tsv", label_space="ekman6")')
    assert [rows[name].text for name in ("1.png", "2.png")] == said[:2]
    tree.text("list.jsonl", json.dumps({"path": "1.png", "text": said[2]}, ensure_ascii=False) + "\n")
    rows = added(declared, tree.root, 'table_dataset("mine", "list.jsonl", label_space="ekman6")')
    assert rows["1.png"].text == said[2]


def test_votes_without_a_label_give_their_majority(declared: Path, tree: Tree) -> None:
    tree.picture("1.png", "2.png")
    tree.text("list.csv", "path,domain,soft_joy,soft_fear\n1.png,x,2,1\n2.png,y,1,1\n")
    call = 'table_dataset("mine", "list.csv", label_space="ekman6", domains=("x", "y"))'
    rows = added(declared, tree.root, call)
    assert [dict(rows[name].labels) for name in ("1.png", "2.png")] == [{"ekman6": "joy"}, {}]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("path,labl\n1.png,joy\n", "has the column 'labl'; it may have id, path"),
        ("id,label\n1,joy\n", "has no column 'path'"),
        ("path,label\n1.png,joi\n", "did you mean 'joy'"),
        ("path,label\n../1.png,joy\n", "does not stay inside its root"),
        ("path,soft_joy\n1.png,lots\n", "row 1: 'lots' is not a number"),
        ("path,soft_joy,soft_fear\n1.png,nan,1\n", "row 1: 'nan' is not a number"),
        ("path,soft_joy,soft_fear\n1.png,-1,2\n", "row 1: soft_joy is below 0"),
        ("path,label,label\n1.png,joy,fear\n", "has 2 columns called 'label'"),
        ('path,label\n1.png,"joy\n', "cannot be read: unexpected end of data"),
        ("path,label\n1.png\n", "row 1: 1 fields under 2 columns"),
        ("path,label\n1.png#left,joy\n", r"1\.png#left has a '#' in its name, .*; rename it"),
    ],
)
def test_a_table_that_cannot_be_read_says_why(declared: Path, tree: Tree, text: str, says: str) -> None:
    tree.picture("1.png")
    tree.text("list.csv", text)
    with pytest.raises(DataError, match=says):
        added(declared, tree.root, 'table_dataset("mine", "list.csv", label_space="ekman6")')


def test_another_declaration_is_another_version_so_what_was_added_under_the_old_one_is_outdated() -> None:
    one = folder_dataset("mine", label_space="ekman6")
    assert folder_dataset("mine", label_space="ekman6") == one
    assert folder_dataset("mine", label_space="mikels8").version != one.version
    assert table_dataset("mine", "a.csv", label_space="ekman6").version != one.version


MINE = 'folder_dataset("mine", label_space="ekman6")'


def test_a_name_that_would_be_read_as_a_part_of_a_file_is_refused(declared: Path, tree: Tree) -> None:
    tree.picture("joy/1.png", "joy/smile #1.png")
    with pytest.raises(DataError, match=r"smile #1\.png has a '#' in its name.*; rename it"):
        added(declared, tree.root, MINE)


def test_a_link_to_a_folder_does_not_take_a_class_away(declared: Path, tree: Tree, tmp_path: Path) -> None:
    tree.picture("joy/1.png")
    (tree.root / "sadness").symlink_to(tmp_path, target_is_directory=True)
    with pytest.raises(DataError, match="sadness is a link to a folder; put the folder itself"):
        added(declared, tree.root, MINE)


def test_a_name_that_is_not_utf8_is_refused(declared: Path, tree: Tree) -> None:
    tree.picture("joy/1.png")
    try:
        (tree.root / "joy/1.png").rename(os.fsdecode(os.fsencode(tree.root) + b"/joy/caf\xe9.png"))
    except OSError:
        pytest.skip("this file system takes UTF-8 names alone")
    with pytest.raises(DataError, match="is not UTF-8; rename the file"):
        added(declared, tree.root, MINE)


def test_rarer_suffixes_are_pictures_too(declared: Path, tree: Tree) -> None:
    tree.picture("joy/1.png")
    for number, suffix in enumerate(("jfif", "jpe", "avif")):
        Image.new("RGB", (9, 9), (number, 0, 0)).save(tree.root / f"joy/{number}.{suffix}")
    assert len(added(declared, tree.root, MINE)) == 4
