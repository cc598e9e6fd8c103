"""A data set of tiny drawn pictures, its reader, loader and fetcher, and a registry that knows it."""

from __future__ import annotations

import csv
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from ucdver.data.catalog import Catalog
from ucdver.data.labels import label_source
from ucdver.data.manifest import Row
from ucdver.registry import Registry
from ucdver.spec.labels import LabelMap, LabelSpace
from ucdver.spec.plugin import DatasetSpec
from ucdver.spec.protocol import Phase, Protocol, Setting, SplitRule
from ucdver.spec.recipe import ImageRecipe, Recipe
from ucdver.spec.run import MethodChoice, RunSpec
from ucdver.spec.task import Domain, Task

SPACE = LabelSpace(name="tiny3", classes=("red", "green", "blue"))
COARSE = LabelSpace(name="tiny2", classes=("warm", "cold"))
TO_COARSE = LabelMap(
    name="tiny3-to-tiny2", source="tiny3", target="tiny2", table={"red": "warm", "green": None, "blue": "cold"}
)
DOMAINS = ("plain", "noisy", "dark", "lonely")
FIELDS = ("id", "path", "domain", "label", "split", "group")


def spec(**changes: object) -> DatasetSpec:
    """Return the spec of the data set `tiny`, with some fields changed."""
    values: dict[str, object] = {
        "name": "tiny",
        "version": "1",
        "reader": "support.tiny_images:read",
        "domains": DOMAINS,
        "label_spaces": ("tiny3",),
        "summary": "squares of one colour",
        "licence": "CC0",
        "obtain": "draw it yourself",
    }
    return DatasetSpec.model_validate({**values, **changes})


def registry(*specs: DatasetSpec) -> Registry:
    """Return a registry with the spaces, the map and the given data sets, or `tiny` alone."""
    found = Registry()
    for space in (SPACE, COARSE):
        found.label_spaces.add(space.name, space, "test")
    found.label_maps.add(TO_COARSE.name, TO_COARSE, "test")
    for one in specs or (spec(),):
        found.datasets.add(one.name, one, "test")
    return found


def draw(root: Path, rows: Iterable[Row], seed: int = 0) -> Path:
    """Draw a picture for each row and write the list that `read` reads."""
    rng = np.random.Generator(np.random.Philox(seed))
    for row in rows:
        path = root / row.path
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 256, (10, 12, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
    write_list(root, rows)
    return root


def write_list(root: Path, rows: Iterable[Row]) -> None:
    """Write the list that `read` reads."""
    with (root / "rows.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(FIELDS)
        for row in rows:
            label = row.labels.get("tiny3", "")
            writer.writerow([row.id, row.path, row.domain, label, row.split, row.group])


def rows(per_domain: int = 9, domains: Sequence[str] = ("plain", "noisy", "dark")) -> list[Row]:
    """Return rows of every domain: class by turns, one group for each number, a third of them test."""
    return [
        Row(
            id=f"{domain}/{number:03d}",
            path=f"pictures/{domain}/{number:03d}.png",
            domain=domain,
            labels={"tiny3": SPACE.classes[number % 3]},
            split="test" if number % 3 == 0 else "train",
            group=f"g{number}",
        )
        for domain in domains
        for number in range(per_domain)
    ]


def relabelled(given: Iterable[Row], change: Callable[[Row], str]) -> list[Row]:
    """Return the rows with other labels; an empty one means none."""
    return [replace(row, labels={"tiny3": change(row)} if change(row) else {}) for row in given]


def read(root: Path) -> Iterator[Row]:
    """The reader: one row a line of rows.csv."""
    with (root / "rows.csv").open(newline="", encoding="utf-8") as stream:
        for line in csv.DictReader(stream):
            labels = {"tiny3": line["label"]} if line["label"] else {}
            yield Row(line["id"], line["path"], line["domain"], labels, line["split"], line["group"])


def load(root: Path) -> Callable[[str, ImageRecipe], Image.Image]:
    """The loader of a data set whose pictures are numbers in one JSON file: `colours.json#name`."""
    colours = json.loads((root / "colours.json").read_text())

    def picture(path: str, recipe: ImageRecipe) -> Image.Image:
        return Image.new("RGB", (recipe.size, recipe.size), tuple(colours[path.partition("#")[2]]))

    return picture


def fetch(root: Path) -> None:
    """The fetcher: draws the data set slowly, and notes each call beside where it puts it."""
    with (root.parent / "calls.txt").open("a") as stream:
        stream.write(f"{os.getpid()}\n")
    time.sleep(0.2)
    draw(root, rows(3))


def fetch_half(root: Path) -> None:
    """A fetcher that fails when part of the data is there."""
    (root / "half.png").write_bytes(b"half")
    raise OSError("the connection was reset")


def catalog(folder: Path, given: Sequence[Row] | None = None, found: Registry | None = None) -> Catalog:
    """Return a catalog that holds `tiny`, drawn below `folder`."""
    root = draw(folder / "tiny", rows() if given is None else given)
    made = Catalog(found or registry(), folder / "home")
    made.add("tiny", root)
    return made


def run_spec(
    held: Catalog,
    sources: Sequence[str] = ("tiny:plain",),
    targets: Sequence[str] = ("tiny:noisy",),
    setting: Setting = "uda",
    split: SplitRule | None = None,
    space: str = "tiny3",
) -> RunSpec:
    """Return a spec that declares what the catalog holds."""
    task = Task(
        id="t",
        sources=tuple(Domain.model_validate(s) for s in sources),
        targets=tuple(Domain.model_validate(t) for t in targets),
        label_space=space,
    )
    phase = Phase(name="only", source=True, target=setting != "uc")
    domains = (*task.sources, *task.targets)
    return RunSpec(
        task=task,
        classes=held.registry.label_spaces.get(space).classes,
        protocol=Protocol(id="p", setting=setting, phases=(phase,), split=split or SplitRule()),
        method=MethodChoice(name="none", version="1"),
        recipe=Recipe(image=ImageRecipe(size=8)),
        seed=0,
        data={str(d): held.manifest(d.dataset).fingerprint(d.name) for d in domains},
        labels={name: label_source(name, task, held.registry) for name in task.datasets},
    )
