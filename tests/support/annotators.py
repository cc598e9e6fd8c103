"""Annotators for tests, and a catalog of `tiny` whose rows have texts and topics."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import torch
from pydantic import Field
from support import tiny_images
from torch import Tensor

from ucdver import Annotator, AnnotatorConfig, AnnotatorSpec, Item, SourceInput
from ucdver.data.annotator_specs import ANNOTATORS
from ucdver.data.catalog import Catalog
from ucdver.data.manifest import Row
from ucdver.registry import Registry


class Caption(Annotator):
    """Writes how red a picture is; counts the pictures it was shown, and stops at one if told to."""

    seen: ClassVar[int] = 0
    stop_at: ClassVar[int] = -1
    batch_size = 2

    def annotate(self, items: Sequence[Item]) -> list[str]:
        if 0 <= Caption.stop_at <= Caption.seen:
            raise KeyboardInterrupt
        Caption.seen += len(items)
        return [f"red {int(item.image[0].float().mean())} of {item.text}" for item in items]


class Width(Annotator):
    """The length of a caption, `width` times over."""

    class Config(AnnotatorConfig):
        width: int = Field(default=2, ge=1)
        broken: str = ""

    config: Config
    dtype = "float16"

    def annotate(self, items: Sequence[Item]) -> Tensor:
        captions = [item.annotation("caption") for item in items]
        lengths = torch.tensor([float(len(str(caption))) for caption in captions])
        wrong = {
            "nan": lengths[:, None] * torch.nan,
            "few": lengths[1:],
            "type": lengths.long(),
            "large": lengths * 1e6,
            "wide": lengths.long() * 2**40,
        }
        if self.config.broken:
            return wrong[self.config.broken]
        return lengths[:, None].expand(-1, self.config.width)


class Hearsay(Annotator):
    """Repeats the texts of the sources that it is shown, and says how many pictures it was asked about."""

    class Config(AnnotatorConfig):
        shown: tuple[str, ...] = ("image", "text")

    config: Config
    batch_size = 4
    made: ClassVar[int] = 0
    looked: ClassVar[int] = 0
    asked: ClassVar[int] = 0
    heard: str = ""

    def __init__(self, config: Config, device: torch.device) -> None:
        super().__init__(config, device)
        Hearsay.made += 1

    @classmethod
    def source_reads(cls, config: Config) -> tuple[SourceInput, ...]:
        return config.shown  # type: ignore[return-value]  # what a plugin may get wrong, too

    def see_sources(self, batches: Iterable[Sequence[Item]]) -> None:
        Hearsay.looked += 1
        items = [item for batch in batches for item in batch]
        self.heard = ", ".join(f"{item.text} ({int(item.image.float().mean())})" for item in items)

    def annotate(self, items: Sequence[Item]) -> list[str]:
        Hearsay.asked += len(items)
        return [f"{self.heard}: {int(item.image.float().mean())}" for item in items]


class HearsayWidth(Annotator):
    """The length of what `Hearsay` says."""

    def annotate(self, items: Sequence[Item]) -> Tensor:
        return torch.tensor([float(len(str(item.annotation("hearsay")))) for item in items])


def specs() -> list[AnnotatorSpec]:
    """Return ucdver's own and those above."""
    caption = AnnotatorSpec(
        name="caption",
        version="1",
        target="support.annotators:Caption",
        summary="how red",
        kind="text",
        reads=("image", "text"),
    )
    width = AnnotatorSpec(
        name="width",
        version="1",
        target="support.annotators:Width",
        summary="how long",
        kind="tensor",
        reads=("caption",),
    )
    hearsay = AnnotatorSpec(
        name="hearsay",
        version="1",
        target="support.annotators:Hearsay",
        summary="what the sources say",
        kind="text",
        reads=("image",),
    )
    heard = AnnotatorSpec(
        name="heard",
        version="1",
        target="support.annotators:HearsayWidth",
        summary="how much that is",
        kind="tensor",
        reads=("hearsay",),
    )
    return [*ANNOTATORS, caption, width, hearsay, heard]


def registry(given: Sequence[AnnotatorSpec] = ()) -> Registry:
    """Return a registry with `tiny` and the given annotators, or those above."""
    found = tiny_images.registry(tiny_images.spec(reader="support.annotators:read"))
    for spec in given or specs():
        found.annotators.add(spec.name, spec, "test")
    return found


def read(root: Path) -> Iterator[Row]:
    """The reader of `tiny` with a text and a topic: two rows a topic, and none in the domain `noisy`."""
    for row in tiny_images.read(root):
        topic = "" if row.domain == "noisy" else f"topic {int(row.id[-3:]) // 2}"
        yield replace(row, text=f"text {row.id[-3:]}", topic=topic)


def catalog(folder: Path, found: Registry | None = None, rows: Sequence[Row] | None = None) -> Catalog:
    """Return a catalog that holds `tiny`, drawn below `folder`."""
    return tiny_images.catalog(folder, rows, found or registry())
