"""ArtPhoto, Abstract, ArtEmis, Emo8."""

from __future__ import annotations

import logging

import pytest

from ucdver import DataError

from .conftest import Add, Tree


def test_artphoto_takes_the_class_from_the_name_and_sad_is_sadness(tree: Tree, add: Add) -> None:
    tree.picture("testImages_artphoto/sad_0001.jpg", "testImages_artphoto/awe_0002.jpg")
    assert {name: row.labels["mikels8"] for name, row in add("artphoto").items()} == {
        "sad_0001.jpg": "sadness",
        "awe_0002.jpg": "awe",
    }
    tree.picture("testImages_artphoto/joy_0001.jpg")
    with pytest.raises(DataError, match="does not begin with CLASS_"):
        add("artphoto")


ABSTRACT = (
    "'','Amusement','Anger','Awe','Content','Disgust','Excitement','Fear','Sad'\n"
    "'abstract_0001.jpg',0,1,2,9,0,1,0,1\n"
    "'abstract_0002.jpg',0,1,5,0,0,5,0,3\n"
)


def test_abstract_reads_its_quoted_votes_and_gives_no_label_to_a_tie(tree: Tree, add: Add) -> None:
    tree.picture("testImages_abstract/abstract_0001.jpg", "testImages_abstract/abstract_0002.jpg")
    tree.text("testImages_abstract/ABSTRACT_groundTruth.csv", ABSTRACT)
    rows = add("abstract")
    assert dict(rows["abstract_0001.jpg"].labels) == {"mikels8": "contentment"}
    assert dict(rows["abstract_0002.jpg"].labels) == {}
    assert rows["abstract_0002.jpg"].soft["mikels8"]["excitement"] == pytest.approx(5 / 14)


def test_abstract_without_a_column_of_votes_names_those_found(tree: Tree, add: Add) -> None:
    tree.text("testImages_abstract/ABSTRACT_groundTruth.csv", ABSTRACT.replace("'Awe',", "'Wonder',"))
    with pytest.raises(DataError, match=r"no column awe; the columns found are: .*Wonder"):
        add("abstract")


def test_artemis_makes_a_histogram_a_painting_and_does_not_read_what_people_said(
    tree: Tree, add: Add, caplog: pytest.LogCaptureFixture
) -> None:
    tree.picture("wikiart/Baroque/a.jpg", "wikiart/Cubism/b.jpg")
    tree.text(
        "artemis_dataset_release_v0.csv",
        "art_style,painting,emotion,utterance,repetition\n"
        'Baroque,a,awe,"so, so grand",3\nBaroque,a,awe,grand,3\nBaroque,a,something else,dull,3\n'
        "Cubism,b,fear,x,2\nCubism,b,anger,y,2\nCubism,gone,fear,x,1\n",
    )
    with caplog.at_level(logging.WARNING):
        rows = add("artemis")
    assert sorted(rows) == ["Baroque/a", "Cubism/b"]
    assert dict(rows["Baroque/a"].labels) == {"artemis9": "awe"}
    assert rows["Baroque/a"].soft["artemis9"] == {"awe": pytest.approx(2 / 3), "something else": pytest.approx(1 / 3)}
    assert (rows["Baroque/a"].text, rows["Baroque/a"].split) == ("", "")
    assert dict(rows["Cubism/b"].labels) == {}
    assert "1 of 3 pictures" in caplog.text


def test_artemis_takes_the_splits_of_the_authors_code_where_they_are(tree: Tree, add: Add) -> None:
    tree.picture("wikiart/Baroque/a.jpg", "wikiart/Baroque/b.jpg")
    text = "art_style,painting,emotion,split\nBaroque,a,awe,train\nBaroque,b,fear,rest\n"
    tree.text("artemis_preprocessed.csv", text)
    assert {name: row.split for name, row in add("artemis").items()} == {"Baroque/a": "train", "Baroque/b": ""}
    tree.text("artemis_preprocessed.csv", text + "Baroque,a,awe,test\n")
    with pytest.raises(DataError, match="'Baroque/a' is in two splits"):
        add("artemis")
    tree.text("artemis_preprocessed.csv", text + "Baroque,b,fear,tset\n")
    with pytest.raises(DataError, match="row 3: 'tset' is no split; write one of train,"):
        add("artemis")


def test_emo8_is_read_in_sorted_order_with_its_splits(tree: Tree, add: Add) -> None:
    tree.picture("Emo8/train/Fear/b.jpg", "Emo8/val/awe/a.jpg", "Emo8/test/anger/c.png", "Emo8/train/.DS_Store.jpg")
    assert {name: (row.labels["mikels8"], row.split) for name, row in add("emo8").items()} == {
        "train/fear/b.jpg": ("fear", "train"),
        "val/awe/a.jpg": ("awe", "val"),
        "test/anger/c.png": ("anger", "test"),
    }


@pytest.mark.parametrize("name", ["train/joy/a.jpg", "trian/awe/a.jpg", "a.jpg", "train/more/awe/a.jpg"])
def test_a_folder_that_is_neither_class_nor_split_is_refused(tree: Tree, add: Add, name: str) -> None:
    tree.picture("Emo8/train/awe/b.jpg", f"Emo8/{name}")
    with pytest.raises(DataError, match="neither a class nor below a split"):
        add("emo8")
