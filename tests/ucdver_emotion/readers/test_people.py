"""UnBiasedEmo, WEBEmo, FindingEmo, Twitter I and II: undocumented columns, and links that are dead."""

from __future__ import annotations

import logging

import pytest

from ucdver import DataError

from .conftest import Add, Tree


def test_unbiasedemo_groups_by_the_object(tree: Tree, add: Add) -> None:
    tree.picture("images/love/car/1.jpg", "images/anger/car/1.jpg", "images/fear/dog_2.jpg")
    assert {name: (row.labels["parrott6"], row.group) for name, row in add("unbiasedemo").items()} == {
        "love/car/1.jpg": ("love", "car"),
        "anger/car/1.jpg": ("anger", "car"),
        "fear/dog_2.jpg": ("fear", "dog"),
    }
    tree.picture("images/disgust/car/1.jpg")
    with pytest.raises(DataError, match="is not at EMOTION/OBJECT/FILE"):
        add("unbiasedemo")


def test_webemo_by_folder_and_by_list(tree: Tree, add: Add, caplog: pytest.LogCaptureFixture) -> None:
    tree.picture("train/zest/a.jpg", "test/envy/b.jpg")
    by_folder = {(row.labels["webemo25"], row.split) for row in add("webemo").values()}
    assert by_folder == {("zest", "train"), ("envy", "test")}
    tree.text("train.csv", "Image,Emotion\ntrain/zest/a.jpg,Zest\ntrain/zest/gone.jpg,zest\n")
    tree.text("test.csv", "image,emotion\ntest/envy/b.jpg,envy\n")
    with caplog.at_level(logging.WARNING):
        assert {(row.labels["webemo25"], row.split) for row in add("webemo").values()} == by_folder
    assert "1 of 2 pictures" in caplog.text
    tree.text("test.csv", "image,emotion,split\ntest/envy/b.jpg,envy,Validate\n")
    assert ("envy", "val") in {(row.labels["webemo25"], row.split) for row in add("webemo").values()}
    tree.text("test.csv", "image,emotion,split\ntest/envy/b.jpg,envy,held out\n")
    with pytest.raises(DataError, match="row 1: 'held out' is no split"):
        add("webemo")
    tree.text("test.csv", "image,emotion\ntest/envy/b#1.jpg,envy\n")
    with pytest.raises(DataError, match="has a '#' in its name"):
        add("webemo")
    tree.text("test.csv", "picture,mood\nx,y\n")
    with pytest.raises(DataError, match="the columns found are: picture, mood"):
        add("webemo")


def test_webemo_lists_called_after_no_split_are_told_of(tree: Tree, add: Add, caplog: pytest.LogCaptureFixture) -> None:
    tree.picture("a.jpg", "b.jpg")
    tree.text("list.csv", "image,label\na.jpg,rage\n")
    assert add("webemo")["a.jpg"].split == ""
    assert "list.csv is in no split: it has no column 'split' and is called after none" in caplog.text
    tree.text("train.csv", "image,label\nb.jpg,zest\n")
    with pytest.raises(
        DataError, match=r"list\.csv has no column 'split' and is called after none; call it train, val"
    ):
        add("webemo")


FINDINGEMO = (
    "index,user,image_path,reject,age,valence,arousal,emotion\n"
    "0,u1,/Run_1/a.jpg,Keep,Adult,2,4,Ecstasy\n"
    "1,u2,/Run_1/b.jpg,Keep,Adult,-1,4,Grief\n"
    "2,u3,/Run_1/b.jpg,Keep,Adult,1,4,Rage\n"
    "3,u3,/Run_2/c.jpg,Reject,Adult,1,4,Joy\n"
    "4,u3,/Run_2/gone.jpg,Keep,Adult,1,4,Joy\n"
)


def test_findingemo_skips_dead_links_and_reads_three_spaces(
    tree: Tree, add: Add, caplog: pytest.LogCaptureFixture
) -> None:
    tree.picture("Run_1/a.jpg", "Run_1/b.jpg", "Run_2/c.jpg")
    tree.text("annotations_single.ann", FINDINGEMO)
    with caplog.at_level(logging.WARNING):
        rows = add("findingemo")
    assert sorted(rows) == ["Run_1/a.jpg", "Run_1/b.jpg"]
    assert dict(rows["Run_1/a.jpg"].labels) == {"plutchik24": "ecstasy", "plutchik8": "joy", "sentiment2": "positive"}
    assert dict(rows["Run_1/b.jpg"].labels) == {}
    assert rows["Run_1/b.jpg"].soft["plutchik8"] == {"sadness": 0.5, "anger": 0.5}
    assert "1 of 3 pictures are not there" in caplog.text


def test_findingemo_with_other_columns_names_those_found(tree: Tree, add: Add) -> None:
    tree.text("annotations_single.ann", "photo,emotion\na.jpg,joy\n")
    with pytest.raises(DataError, match=r"no column image_path or image or .*; the columns found are: photo, emotion"):
        add("findingemo")
    tree.text("annotations_single.ann", "image,emotion\na.jpg,ennui\n")
    with pytest.raises(DataError, match="'ennui' is not one of Plutchik's 24"):
        add("findingemo")


@pytest.mark.parametrize("header", ["name,total,positive votes,negative votes", "name,total,num_pos,num_neg"])
def test_twitter1_reads_the_order_of_the_votes_from_the_header(tree: Tree, add: Add, header: str) -> None:
    tree.picture("Agg_AMT_Candidates/a.jpg", "Agg_AMT_Candidates/b.jpg")
    tree.text("amt_result.csv", f"{header}\na.jpg,5,5,0\nb.jpg,5,2,3\n")
    rows = add("twitter1")
    assert dict(rows["a.jpg"].labels) == dict.fromkeys(("sentiment2", "twitter1_agree4", "twitter1_agree5"), "positive")
    assert dict(rows["b.jpg"].labels) == {"sentiment2": "negative"}
    assert rows["b.jpg"].soft["sentiment2"] == {"negative": 0.6, "positive": 0.4}


def test_twitter1_whose_header_does_not_tell_is_refused(tree: Tree, add: Add) -> None:
    (tree.root / "Agg_AMT_Candidates").mkdir()
    tree.text("amt_result.csv", "name,total,first,second\na.jpg,5,5,0\n")
    with pytest.raises(
        DataError, match="which column counts negative votes; the columns found are: name, total, first"
    ):
        add("twitter1")


def test_twitter2_by_folder_and_by_list(tree: Tree, add: Add) -> None:
    tree.picture("positive/a.jpg", "negative/b.jpg")
    assert sorted(row.labels["sentiment2"] for row in add("twitter2").values()) == ["negative", "positive"]
    tree.text("labels.csv", "image,sentiment\npositive/a.jpg,-1\nnegative/b.jpg,Positive\n")
    assert {name: row.labels["sentiment2"] for name, row in add("twitter2").items()} == {
        "positive/a.jpg": "negative",
        "negative/b.jpg": "positive",
    }
