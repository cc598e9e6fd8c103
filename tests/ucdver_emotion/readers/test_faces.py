"""FER2013 with its pixels in a table, FER+, RAF-DB, AffectNet, CAER-S."""

from __future__ import annotations

import gzip
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from ucdver import DataError, Domain, ImageRecipe
from ucdver.data.catalog import Catalog
from ucdver.data.images import open_images
from ucdver.plugins import load_registry
from ucdver_emotion.readers.fer import loader, read_fer2013

from .conftest import Add, Tree

ROOT = Path(__file__).resolve().parents[3]


def face(value: int) -> str:
    return " ".join(["0"] * 47 + [str(value)] + ["7"] * (48 * 47))


FER = f"emotion,pixels,Usage\n3,{face(255)},Training\n6,{face(1)},PublicTest\n0,{face(2)},PrivateTest\n"


@pytest.mark.parametrize("packed", [False, True])
def test_fer2013_is_one_table_packed_or_not(tree: Tree, add: Add, tmp_path: Path, packed: bool) -> None:
    if packed:
        (tree.root / "fer2013.csv.gz").write_bytes(gzip.compress(FER.encode()))
    else:
        tree.text("fer2013.csv", FER)
    rows = add("fer2013")
    assert {name: (row.labels["ekman7"], row.split) for name, row in rows.items()} == {
        "00001": ("joy", "train"),
        "00002": ("neutral", "val"),
        "00003": ("anger", "test"),
    }
    registry = load_registry()
    catalog = Catalog(registry, tmp_path / "home")
    recipe = ImageRecipe(size=48, channels=1)
    store = open_images(catalog, registry, Domain(dataset="fer2013", name="face"), recipe, workers=1)
    pixels = dict(zip(store.ids, store.array, strict=True))
    assert pixels["00001"][0, 0, 47] == 255
    assert pixels["00003"][0, 0, 47] == 2
    assert (pixels["00002"][0, 1:] == 7).all()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (FER.replace("3,", "7,", 1), "row 1: emotion '7'"),
        (FER.replace("PublicTest", "Public"), "row 2: emotion '6' or usage 'Public'"),
        (FER.replace(" 7,PrivateTest", ",PrivateTest"), "row 3: it does not have 48 x 48"),
        (FER.replace("Usage", "use", 1), "no column Usage; the columns found are: emotion, pixels, use"),
    ],
)
def test_a_damaged_fer2013_is_refused_with_its_row(tree: Tree, add: Add, text: str, says: str) -> None:
    tree.text("fer2013.csv", text)
    with pytest.raises(DataError, match=says):
        add("fer2013")


def test_a_fer2013_that_was_cut_off_or_damaged_while_packed_is_refused(tree: Tree, add: Add) -> None:
    packed = gzip.compress(FER.encode())
    for content in (packed[:-20], packed[:30] + b"\xff" * 40 + packed[70:], b"not packed at all"):
        (tree.root / "fer2013.csv.gz").write_bytes(content)
        with pytest.raises(DataError, match=r"fer2013\.csv\.gz cannot be read.*get the file again"):
            add("fer2013")


def test_pixels_that_are_none_are_refused_when_drawn(tree: Tree) -> None:
    tree.text("fer2013.csv", FER.replace(face(1), face(256)))
    with pytest.raises(DataError, match="row 2: its pixels are not 48 x 48 numbers from 0 to 255"):
        loader(tree.root)
    tree.text("fer2013.csv", FER)
    with pytest.raises(DataError, match="is not a row"):
        loader(tree.root)("fer2013.csv#4", ImageRecipe())


def test_the_real_fer2013(tmp_path: Path) -> None:
    folder = Path(os.environ.get("UCDVER_SHARED", ROOT.parent / "shared")) / "data"
    if not (folder / "fer2013.csv.gz").is_file():
        pytest.skip(f"no fer2013.csv.gz in {folder}")
    rows = list(read_fer2013(folder))
    assert Counter(row.split for row in rows) == {"train": 6000, "val": 3589}
    # The class counts of the official PublicTest.
    public = Counter(row.labels["ekman7"] for row in rows if row.split == "val")
    assert sorted(public.values()) == [56, 415, 467, 496, 607, 653, 895]
    drawn = np.asarray(loader(folder)(rows[-1].path, ImageRecipe()))
    assert drawn.shape == (48, 48) and drawn.std() > 5


PLUS = (
    "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF\n"
    "Training,a.png,1,8,0,0,0,0,0,1,0,0\n"
    "PublicTest,b.png,5,5,0,0,0,0,0,0,0,0\n"
    "PrivateTest,,0,1,0,0,0,0,0,0,0,9\n"
)


def test_ferplus_follows_fer2013_row_by_row_and_keeps_the_votes(tree: Tree, add: Add) -> None:
    tree.text("fer2013.csv", FER)
    tree.text("fer2013new.csv", PLUS)
    rows = add("ferplus")
    assert [dict(rows[name].labels) for name in sorted(rows)] == [{"ferplus8": "happiness"}, {}, {}]
    assert rows["00001"].soft["ferplus8"]["happiness"] == pytest.approx(0.8)
    assert rows["00003"].soft["ferplus8"]["happiness"] == 1
    tree.text("fer2013new.csv", PLUS.replace("PublicTest", "Training"))
    with pytest.raises(DataError, match=r"row 2 is 'PublicTest' in .* and 'Training' in"):
        add("ferplus")
    tree.text("fer2013new.csv", PLUS.partition("PrivateTest")[0])
    with pytest.raises(DataError, match=r"has 2 rows, and .* 3"):
        add("ferplus")


def test_rafdb_reads_the_partition_list_and_the_aligned_faces(tree: Tree, add: Add) -> None:
    tree.picture("basic/Image/aligned/train_00001_aligned.jpg", "basic/Image/aligned/test_0002_aligned.jpg")
    tree.text("basic/EmoLabel/list_patition_label.txt", "train_00001.jpg 5\ntest_0002.jpg 1\n")
    assert {name: (row.labels["ekman7"], row.split) for name, row in add("rafdb").items()} == {
        "train_00001.jpg": ("sadness", "train"),
        "test_0002.jpg": ("surprise", "test"),
    }
    tree.text("basic/EmoLabel/list_patition_label.txt", "train_00001.jpg 8\n")
    with pytest.raises(DataError, match="line 1"):
        add("rafdb")


def test_affectnet_in_its_two_layouts(tree: Tree, add: Add) -> None:
    for place, number, label in (("train_set", 1, "1"), ("train_set", 2, "7"), ("val_set", 3, "9")):
        tree.picture(f"{place}/images/{number}.jpg")
        (tree.root / place / "annotations").mkdir(exist_ok=True)
        np.save(tree.root / place / "annotations" / f"{number}_exp.npy", np.array(label))
    rows = add("affectnet")
    assert [(dict(row.labels), row.split) for _, row in sorted(rows.items())] == [
        ({"affectnet8": "happiness"}, "train"),
        ({"affectnet8": "contempt"}, "train"),
        ({}, "test"),
    ]
    (tree.root / "train_set/annotations/1_exp.npy").unlink()
    with pytest.raises(DataError, match="every picture needs its annotation"):
        add("affectnet")
    tree.picture("Manually_Annotated_Images/4/x.jpg", "Manually_Annotated_Images/5/y.jpg")
    tree.text("training.csv", "subDirectory_filePath,face_x,expression\n4/x.jpg,0,0\n")
    tree.text("validation.csv", "subDirectory_filePath,face_x,expression\n5/y.jpg,0,3\n")
    assert {name: (row.labels["affectnet8"], row.split) for name, row in add("affectnet").items()} == {
        "4/x.jpg": ("neutral", "train"),
        "5/y.jpg": ("surprise", "test"),
    }


def test_an_annotation_that_holds_objects_is_not_unpickled(tree: Tree, add: Add) -> None:
    tree.picture("train_set/images/1.jpg", "val_set/images/2.jpg")
    (tree.root / "train_set/annotations").mkdir()
    np.save(tree.root / "train_set/annotations/1_exp.npy", np.array({"a": 1}, dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="cannot be read"):
        add("affectnet")


def test_caers_calls_happy_joy(tree: Tree, add: Add) -> None:
    tree.picture("CAER-S/train/Happy/1.png", "CAER-S/test/Sad/2.png")
    assert {(row.labels["ekman7"], row.split) for row in add("caers").values()} == {
        ("joy", "train"),
        ("sadness", "test"),
    }
