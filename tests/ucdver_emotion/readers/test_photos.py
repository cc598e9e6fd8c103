"""EmoSet, FI, Emotion6, EmotionROI: lists that contradict each other, and folders that are not the truth."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from PIL import Image

from ucdver import DataError
from ucdver_emotion.readers.emotion6 import read_emotion6

from .conftest import Add, Tree

ORDER = ["amusement", "awe", "contentment", "excitement", "anger", "disgust", "fear", "sadness"]


def emoset(tree: Tree, info: Any = None) -> None:
    a, b, c = (f"{name}/{name}_0000{i}" for i, name in enumerate(("awe", "fear", "sadness"), start=1))
    tree.picture(*(f"image/{name}.jpg" for name in (a, b, c)))
    tree.json(f"annotation/{a}.json", {"image_id": "x", "emotion": "awe", "scene": "mountain", "object": ["Tree"]})
    tree.json(f"annotation/{b}.json", {"emotion": "fear", "brightness": 0.3})
    # Four columns as in the README, three as in the files, and an index instead of the name.
    tree.json("train.json", [["awe", "awe_00001", f"image/{a}.jpg", f"annotation/{a}.json"]])
    tree.json("val.json", [["fear", f"image/{b}.jpg", f"annotation/{b}.json"]])
    tree.json("test.json", [[7, f"image/{c}.jpg", f"annotation/{c}.json"]])
    if info is not None:
        tree.json("info.json", info)


INDEX = {name: number for number, name in enumerate(ORDER)}


@pytest.mark.parametrize("info", [None, {"label2idx": INDEX}, {"emotion": {"label2idx": INDEX}, "scene": {}}])
def test_emoset_rows_of_three_and_four_columns_with_absent_annotations(tree: Tree, add: Add, info: Any) -> None:
    emoset(tree, info)
    rows = add("emoset")
    assert {name: (row.labels["mikels8"], row.split, row.topic) for name, row in rows.items()} == {
        "awe/awe_00001.jpg": ("awe", "train", "mountain"),
        "fear/fear_00002.jpg": ("fear", "val", ""),
        "sadness/sadness_00003.jpg": ("sadness", "test", ""),
    }


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("test.json", [["fear", "image/awe/awe_00001.jpg"]], "in the folder 'awe'"),
        ("test.json", [[0, "image/awe/awe_00001.jpg"]], "in the folder 'awe'"),
        ("test.json", [["awe", "awe/awe_00001.jpg"]], "no element is image/EMOTION/FILE"),
        ("test.json", {"rows": []}, "is not a list of rows"),
        ("annotation/fear/fear_00002.json", {"emotion": "awe"}, "says 'awe'"),
        ("info.json", {"label2idx": {"awe": 0}}, "no label2idx of Mikels' eight"),
    ],
)
def test_emoset_that_contradicts_itself_is_refused(tree: Tree, add: Add, name: str, value: Any, says: str) -> None:
    emoset(tree)
    tree.json(name, value)
    with pytest.raises(DataError, match=says):
        add("emoset")


def test_fi_lists_with_capitals_on_a_disk_without(tree: Tree, add: Add, caplog: pytest.LogCaptureFixture) -> None:
    tree.picture("emotion_dataset/amusement/a.jpg", "emotion_dataset/sadness/b.jpg")
    tree.json("train.json", [["Amusement/a.jpg", 0], ["Amusement/gone.jpg", 0]])
    tree.json("test.json", [["Sadness/b.jpg", 7]])
    with caplog.at_level(logging.WARNING):
        rows = add("fi")
    assert {name: (row.labels["mikels8"], row.split) for name, row in rows.items()} == {
        "amusement/a.jpg": ("amusement", "train"),
        "sadness/b.jpg": ("sadness", "test"),
    }
    assert "'fi': 1 of 3 pictures are not there or are empty" in caplog.text


def test_fi_leaves_out_the_placeholder_of_removed_pictures(
    tree: Tree, add: Add, caplog: pytest.LogCaptureFixture
) -> None:
    tree.picture("amusement/a.jpg", "awe/twin.jpg", "Fear/c.jpg")
    for name in ("amusement/x.jpg", "awe/y.jpg", "Fear/z.jpg"):
        Image.new("RGB", (9, 9)).save(tree.root / name)
    (tree.root / "awe/twin2.jpg").write_bytes((tree.root / "awe/twin.jpg").read_bytes())
    tree.text("Fear/empty.jpg", "")
    with caplog.at_level(logging.WARNING):
        rows = add("fi")
    # Two alike are a duplicate, which is for others to judge; three are the same notice of a web site.
    assert sorted(rows) == ["amusement/a.jpg", "awe/twin.jpg", "awe/twin2.jpg", "fear/c.jpg"]
    assert "3 of 7 pictures are the placeholder" in caplog.text


def test_a_list_that_leads_out_of_the_folder_is_refused(tree: Tree, add: Add) -> None:
    tree.picture("awe/a.jpg")
    tree.json("train.json", [["awe/..", 2]])
    with pytest.raises(DataError, match="does not stay inside"):
        add("fi")


def test_fi_whose_index_contradicts_the_folder_is_refused(tree: Tree, add: Add) -> None:
    tree.picture("amusement/a.jpg")
    tree.json("train.json", [["Amusement/a.jpg", 1]])
    with pytest.raises(DataError, match="index 1 is 'anger', and its folder is 'Amusement'"):
        add("fi")


HEADER = (
    "[image_filename]\t[valence]\t[arousal]\t[prob. anger]\t[prob. disgust]\t[prob. fear]\t[prob. joy]"
    "\t[prob. sadness]\t[prob. surprise]\t[prob. neutral]\n"
)


def test_emotion6_keeps_what_people_saw_apart_from_the_search_word(tree: Tree, add: Add) -> None:
    tree.picture("images/joy/1.jpg", "images/joy/2.jpg", "images/anger/1.jpg")
    tree.text(
        "ground_truth.txt",
        HEADER
        + "joy/1.jpg\t6.5\t4\t0\t0\t0\t0.3\t0\t0.2\t0.5\n"
        + "joy/2.jpg\t3.1\t4\t0\t0\t0.1\t0.2\t0.7\t0\t0\n"
        + "anger/1.jpg\t5.0\t4\t0.4\t0.4\t0\t0\t0\t0\t0.2\n",
    )
    rows = add("emotion6")
    assert dict(rows["joy/1.jpg"].labels) == {
        "emotion6_keyword": "joy",
        "ekman6": "joy",
        "ekman7": "neutral",
        "emotion6_valence": "positive",
    }
    assert rows["joy/2.jpg"].labels["ekman6"] == "sadness"
    assert rows["joy/2.jpg"].labels["emotion6_keyword"] == "joy"
    # Two emotions with the largest share: there is no largest one.
    assert dict(rows["anger/1.jpg"].labels) == {"emotion6_keyword": "anger"}
    assert rows["joy/1.jpg"].soft["ekman6"]["joy"] == pytest.approx(0.6)
    assert rows["joy/1.jpg"].soft["ekman7"]["neutral"] == pytest.approx(0.5)


def test_emotion6_without_its_ground_truth_is_refused_and_never_read_by_folder(tree: Tree, add: Add) -> None:
    tree.picture("images/joy/1.jpg")
    with pytest.raises(DataError, match=r"no ground_truth\.txt"):
        add("emotion6")
    tree.text("ground_truth.txt", HEADER.replace("[prob. joy]", "[prob. glee]"))
    with pytest.raises(DataError, match=r"no column joy.*the columns found are: image_filename, valence"):
        list(read_emotion6(tree.root))


def test_emotionroi_in_its_two_layouts(tree: Tree, add: Add) -> None:
    tree.picture("images/joy/1.jpg", "images/fear/2.jpg")
    tree.text("training_testing_split/training.txt", "joy/1.jpg\n")
    tree.text("training_testing_split/testing.txt", "fear/2.jpg\n\n")
    first = {name: (dict(row.labels), row.split) for name, row in add("emotionroi").items()}
    assert first == {"joy/1.jpg": ({"ekman6": "joy"}, "train"), "fear/2.jpg": ({"ekman6": "fear"}, "test")}
    for name in ("training", "testing"):
        (tree.root / f"training_testing_split/{name}.txt").unlink()
    tree.json("train.json", [[3, "images/joy/1.jpg"]])
    tree.json("test.json", [[2, "fear/2.jpg"]])
    assert {name: (dict(row.labels), row.split) for name, row in add("emotionroi").items()} == first
    tree.json("test.json", [[4, "fear/2.jpg"]])
    with pytest.raises(DataError, match="label 4 in alphabetical order"):
        add("emotionroi")
