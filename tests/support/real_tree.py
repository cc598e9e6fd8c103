"""Real trees of picture files in several formats, and the data set `real` that lists them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from ucdver.data.catalog import Catalog
from ucdver.data.manifest import Row
from ucdver.registry import Registry
from ucdver.spec.labels import LabelMap, LabelSpace
from ucdver.spec.plugin import DatasetSpec

SPACE = LabelSpace(name="three", classes=("joy", "fear", "anger"))
FORMATS = ("JPEG", "PNG", "GIF", "WebP")
FIELDS = ("id", "path", "domain", "label", "split")

#: For a folder in which the command line is tried: the same data set as a local plugin.
LOCAL = """
import ucdver
from support import real_tree

@ucdver.hookimpl
def ucdver_label_spaces():
    return [real_tree.SPACE]

@ucdver.hookimpl
def ucdver_datasets():
    return [real_tree.spec({changes})]
"""


def spec(**changes: object) -> DatasetSpec:
    """Return the spec of the data set `real`, with some fields changed."""
    values: dict[str, object] = {
        "name": "real",
        "version": "1",
        "reader": "support.real_tree:read",
        "domains": ("photo", "sticker"),
        "label_spaces": ("three",),
        "summary": "pictures in real files",
        "licence": "CC0",
        "obtain": "ask its makers",
    }
    return DatasetSpec.model_validate({**values, **changes})


def registry(*specs: DatasetSpec, maps: Sequence[LabelMap] = ()) -> Registry:
    """Return a registry with the space, the given maps, and the given data sets, or `real` alone."""
    found = Registry()
    found.label_spaces.add(SPACE.name, SPACE, "test")
    found.label_spaces.add("two", LabelSpace(name="two", classes=("good", "bad")), "test")
    for one in maps:
        found.label_maps.add(one.name, one, "test")
    for one in specs or (spec(),):
        found.datasets.add(one.name, one, "test")
    return found


def catalog(folder: Path, *specs: DatasetSpec, maps: Sequence[LabelMap] = ()) -> Catalog:
    """Return a catalog in `folder`/home that knows the data sets."""
    return Catalog(registry(*specs, maps=maps), folder / "home")


def picture(seed: int, size: tuple[int, int] = (96, 72)) -> Image.Image:
    """Return a picture with large and small shapes, another one for every seed."""
    rng = np.random.Generator(np.random.Philox(seed))
    coarse = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8))
    return coarse.resize(size, Image.Resampling.BICUBIC)


def encoded(image: Image.Image, kind: str = "JPEG", quality: int = 92) -> bytes:
    """Return the picture as the bytes of a file."""
    stream = io.BytesIO()
    image.save(stream, kind, quality=quality)
    return stream.getvalue()


def write(root: Path, path: str, data: bytes) -> None:
    """Write a file below the root."""
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_bytes(data)


def rows(count: int, domain: str = "photo") -> list[Row]:
    """Return `count` rows in all formats by turns, every fifth a test row."""
    return [
        Row(
            id=f"{domain}/{number:04d}",
            path=f"{domain}/{number:04d}.{FORMATS[number % 4].lower()}",
            domain=domain,
            labels={"three": SPACE.classes[number % 3]},
            split="train" if number % 5 else "test",
        )
        for number in range(count)
    ]


def grow(root: Path, given: Iterable[Row]) -> list[Row]:
    """Write a picture of its own for every row, and the list; return the rows."""
    kept = list(given)
    for number, row in enumerate(kept):
        kind = {"jpeg": "JPEG", "jpg": "JPEG"}.get(row.path.rpartition(".")[2], row.path.rpartition(".")[2])
        write(root, row.path, encoded(picture(number + 1000 * len(row.domain)), kind))
    write_list(root, kept)
    return kept


def write_list(root: Path, given: Iterable[Row]) -> None:
    """Write the list that `read` reads."""
    root.mkdir(parents=True, exist_ok=True)
    with (root / "rows.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(FIELDS)
        writer.writerows((row.id, row.path, row.domain, row.labels.get("three", ""), row.split) for row in given)


def add_row(given: Sequence[Row], path: str, label: str = "joy", split: str = "train", domain: str = "photo") -> Row:
    """Return one more row, called after its path."""
    return replace(given[0], id=f"{domain}/{path}", path=path, labels={"three": label}, split=split, domain=domain)


def read(root: Path) -> Iterator[Row]:
    """The reader: one row a line of rows.csv."""
    with (root / "rows.csv").open(newline="", encoding="utf-8") as stream:
        for line in csv.DictReader(stream):
            labels = {"three": line["label"]} if line["label"] else {}
            yield Row(line["id"], line["path"], line["domain"], labels, line["split"])
