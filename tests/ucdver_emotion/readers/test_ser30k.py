"""SER30K: two layouts, pictures that are no plain JPEG, and labels whose order only the counts tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from ucdver import DataError, ImageRecipe
from ucdver.data.decode import open_image
from ucdver_emotion.histograms import HISTOGRAMS
from ucdver_emotion.readers.ser30k import ORDER, read

from .conftest import Add, Tree

OTHER = ("anger", "disgust", "fear", "joy", "sadness", "surprise", "neutral")


def entries(counts: Mapping[int, int], start: int = 0) -> list[dict[str, object]]:
    numbers = [label for label, count in sorted(counts.items()) for _ in range(count)]
    return [
        {"topic": "cats", "file_name": f"{start + i}.png", "text": "", "anno1": n, "anno2": n, "anno3": 7, "anno": n}
        for i, n in enumerate(numbers)
    ]


def numbered(order: Sequence[str]) -> dict[int, int]:
    published = HISTOGRAMS["ser30k"].classes["test"]
    return {number: published[name] for number, name in enumerate(order, start=1)}


def release(tree: Tree, test: Mapping[int, int], place: str = "SER_Dataset/Annotations/image-level") -> None:
    (tree.root / "SER_Dataset/Images").mkdir(parents=True)
    tree.json(f"{place}/train.json", {"annotations": entries({1: 1}, 100_000)})
    tree.json(f"{place}/val.json", {"annotations": entries({2: 1}, 200_000)})
    tree.json(f"{place}/test.json", {"annotations": entries(test)})


@pytest.mark.parametrize("place", ["SER_Dataset/Annotations/image-level", "SER_Dataset/Annotations"])
def test_the_published_counts_confirm_the_order_in_the_new_and_the_old_layout(tree: Tree, place: str) -> None:
    release(tree, numbered(ORDER), place)
    rows = read(tree.root)
    assert sum(row.split == "test" for row in rows) == 6148
    assert {row.labels["ekman7"] for row in rows if row.split == "train"} == {"surprise"}
    first = rows[0]
    assert (first.topic, first.group, first.domain) == ("cats", "cats", "sticker")
    assert first.soft["ekman7"] == {"surprise": pytest.approx(2 / 3), "neutral": pytest.approx(1 / 3)}


def test_counts_that_decide_for_another_order_are_refused_with_what_to_write(tree: Tree) -> None:
    release(tree, numbered(OTHER))
    with pytest.raises(DataError, match=rf"decide for the label order {' '.join(OTHER)}.*write those seven names"):
        read(tree.root)
    tree.text("SER_Dataset/label_order.txt", "\n".join(OTHER))
    assert {row.labels["ekman7"] for row in read(tree.root) if row.split == "train"} == {"anger"}


def test_a_written_order_that_the_counts_contradict_is_refused_too(tree: Tree) -> None:
    release(tree, numbered(ORDER))
    tree.text("SER_Dataset/label_order.txt", "\n".join(OTHER))
    with pytest.raises(DataError, match="decide for the label order surprise joy"):
        read(tree.root)


def test_counts_that_are_not_the_published_ones_need_a_written_order(tree: Tree, add: Add) -> None:
    release(tree, {4: 1, 5: 1})
    with pytest.raises(DataError, match="so the order of the labels 1 to 7 is not known"):
        add("ser30k")
    tree.text("SER_Dataset/label_order.txt", "\n".join(ORDER))
    tree.picture(*(f"SER_Dataset/Images/cats/{n}.png" for n in (0, 1, 100_000, 200_000)))
    assert {row.labels["ekman7"] for row in add("ser30k").values() if row.split == "test"} == {"fear", "sadness"}
    tree.text("SER_Dataset/label_order.txt", "joy\nfear\n")
    with pytest.raises(DataError, match="must name, in seven lines"):
        add("ser30k")


@pytest.mark.parametrize("entry", [{"anno": 8}, {"anno": "1"}, {"anno1": 0}, {"topic": ""}, {"file_name": None}])
def test_an_entry_that_is_none_is_refused(tree: Tree, entry: dict[str, object]) -> None:
    release(tree, numbered(ORDER))
    tree.json("SER_Dataset/Annotations/image-level/train.json", {"annotations": [{**entries({1: 1})[0], **entry}]})
    with pytest.raises(DataError, match=r"train\.json, entry 1"):
        read(tree.root)


@pytest.mark.parametrize(("mode", "suffix"), [("P", "gif"), ("RGBA", "png"), ("L", "png"), ("CMYK", "jpg")])
def test_stickers_of_any_mode_can_be_drawn(tree: Tree, mode: str, suffix: str) -> None:
    tree.picture(f"s.{suffix}", mode=mode)
    drawn = open_image(Path(tree.root / f"s.{suffix}"), ImageRecipe(size=8))
    assert (drawn.mode, drawn.size) == ("RGB", (8, 8))
