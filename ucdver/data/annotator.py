"""The contract of an annotator: items without ids and labels in, one text or tensor for each out."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Literal, TypeVar

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor

from ucdver.errors import SpecError
from ucdver.spec.recipe import ImageRecipe

T = TypeVar("T")

#: What an annotator may be shown of the images of a task's sources.
SourceInput = Literal["image", "digest", "text"]

#: How the output of an annotator of kind `tensor` may be stored; methods are given float32 or int64.
StoredType = Literal["float16", "float32", "int32", "int64"]


class AnnotatorConfig(BaseModel):
    """Base of every annotator's `Config`: typed fields with defaults, unknown names refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Item:
    """What an annotator may see of one image. There is no label on it, no id, no split and no domain.

    Reading what the annotator's spec does not name in `reads` is a SpecError: the cache knows an annotation by what
    it was made from, so nothing else may reach it.
    """

    __slots__ = ("_annotations", "_digest", "_image", "_owner", "_text", "_topic")

    def __init__(
        self,
        owner: str,
        image: Tensor | None = None,
        digest: str | None = None,
        text: str | None = None,
        topic: str | None = None,
        annotations: Mapping[str, str | Tensor] | None = None,
    ) -> None:
        self._owner = owner
        self._image = image
        self._digest = digest
        self._text = text
        self._topic = topic
        self._annotations: dict[str, str | Tensor] = dict(annotations or {})

    @property
    def image(self) -> Tensor:
        """The picture, uint8 [C, H, W], as the annotator's `image_recipe` draws it."""
        return self._read("image", self._image)

    @property
    def digest(self) -> str:
        """The sha256 of the image's file, 64 hexadecimal digits."""
        return self._read("digest", self._digest)

    @property
    def text(self) -> str:
        """What the annotator `text` gives: the text that the release has with the image, or what was imported."""
        return self._read("text", self._text)

    @property
    def topic(self) -> str:
        """What the release files the image under; may be empty."""
        return self._read("topic", self._topic)

    def annotation(self, name: str) -> str | Tensor:
        """Return what another annotator gave for this image: a str, or a float32 or int64 tensor on the CPU."""
        value = self._annotations.get(name)
        if value is None:
            raise self._unread(name)
        return value

    def _read(self, name: str, value: T | None) -> T:
        if value is None:
            raise self._unread(name)
        return value

    def _unread(self, name: str) -> SpecError:
        return SpecError(f"annotator '{self._owner}' reads '{name}', which its spec does not name", "add it to reads")


class Annotator:
    """Base class of every annotator. It is made once, in the process that starts the runs, where something is to do.


    Args:
        config: an instance of the class's `Config`.
        device: where to compute.
    """

    Config: ClassVar[type[AnnotatorConfig]] = AnnotatorConfig
    #: How tensors are stored on disk.
    dtype: ClassVar[StoredType] = "float32"
    #: Items in one call of `annotate`; no part of the cache's name.
    batch_size: int = 32

    def __init__(self, config: Any, device: torch.device) -> None:
        self.config = config
        self.device = device

    @classmethod
    def weights_sha256(cls, config: Any, *, fetch: bool) -> str:
        """Return the hash of the weights that are used, or an empty string where there are none.

        It is asked for when runs are planned, and is in their keys. Without `fetch` nothing may be downloaded.

        Raises:
            WeightsError: they are not there and cannot be had; the runs that need them are then missing.
        """
        return ""

    @classmethod
    def image_recipe(cls, config: Any, suite: ImageRecipe) -> ImageRecipe:
        """Return how the images are drawn that it reads: as the suite's own, unless a subclass says otherwise."""
        return suite

    @classmethod
    def source_reads(cls, config: Any) -> tuple[SourceInput, ...]:
        """Return what it is shown of the training images of a task's sources beside an item itself; usually nothing.

        What it gives then belongs to these sources and is computed anew for others. It is never shown a target this
        way, nor a label.
        """
        return ()

    def see_sources(self, batches: Iterable[Sequence[Item]]) -> None:
        """Look at the training images of the task's sources, in place of those seen before, if any.

        It is called before `annotate` where `source_reads` names something, in inference mode; the items have what that
        names.
        """
        raise NotImplementedError(f"{type(self).__name__} has no see_sources(batches)")

    @abstractmethod
    def annotate(self, items: Sequence[Item]) -> Tensor | list[str]:
        """Return a tensor [len(items), ...], or as many texts, as the spec's kind says.

        It is called in inference mode. What it gives for an item must not depend on the other items.
        """
        raise NotImplementedError(f"{type(self).__name__} has no annotate(items)")
