"""Captions: what a vision-language model says of an image, or where else its words come from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor

from ucdver import (
    Annotator,
    AnnotatorConfig,
    ImageRecipe,
    Item,
    SourceInput,
    WeightsError,
    folder_sha256,
    sha256_if_here,
)
from ucdver_kcdp.captioner import Captioner, Decoding
from ucdver_kcdp.clip_space import ClipSpace
from ucdver_kcdp.emotion_words import without_emotion_words
from ucdver_kcdp.model_files import model_folder
from ucdver_kcdp.neighbours import Neighbours
from ucdver_kcdp.retrieval import PhraseRetriever, bank_sentences
from ucdver_kcdp.structured import StructuredCaptioner

CAPTIONER = "Salesforce/blip-image-captioning-large"
#: What the paper's release used: 16 GB of weights.
RELEASED_CAPTIONER = "Salesforce/instructblip-flan-t5-xl"
RETRIEVER = "openai/clip-vit-base-patch32"
FILES = ("*.json", "*.safetensors", "merges.txt", "vocab.txt", "*.model", "qformer_tokenizer/*")

#: Asks for what is to be seen. A captioner without instructions (BLIP) is asked nothing.
NEUTRAL = "Describe in one sentence who or what is shown in the picture, and what they do."
#: Asks for the three things that the release asks for, in words of our own. Its answers often name the emotion, so the
#: "knowledge" then holds a zero-shot prediction: show the captioner alone beside any result got with it.
EMOTION = (
    "What is the subject of the picture? What are its facial expression and its body movement? What does the picture "
    "mean emotionally? Answer with one descriptive sentence."
)
_PROMPTS = {"neutral": NEUTRAL, "emotion": EMOTION}

_TABLE = "[annotator.kcdp_caption]"
#: What asks CLIP and no captioner.
_RETRIEVED = ("retrieval", "phrases")


class Captions(Annotator):
    """One caption an image."""

    class Config(AnnotatorConfig):
        """Where captions come from, and how.

        `source`: a captioning `model` (BLIP, BLIP-2 or InstructBLIP: a folder or a hub name); `structured`: BLIP-2 or
        InstructBLIP writes a scene graph, and then what it sees in the `regions` that it looked at most, whose sides
        are a `region_share` of the picture's; `retrieval`: the texts of the training images of the task's sources that
        CLIP finds most like it, but for itself; `phrases`: the sentences of a phrase bank that CLIP finds to fit best;
        `text`: the text that the data set has. Captions made elsewhere are imported for `kcdp_caption`, and then
        nothing here is asked. `prompt`: `neutral`, `emotion` (as the release asks), or a text of your own. `size`: the
        side of the pictures that are read, in pixels. The decoding's defaults are the release's: beams, repetition
        penalty, 30 to 50 new tokens. `retriever`: the CLIP that looks, for `retrieval` and `phrases`; `bank` (of
        `phrases`): a text file, a sentence a line, in place of the built-in one; `top`: how many texts make a caption.
        `emotion_words`: `mask` takes out words that name emotions, to see what they alone do.
        """

        source: Literal["model", "structured", "retrieval", "phrases", "text"] = "model"
        model: str = CAPTIONER
        prompt: str = "neutral"
        size: int = Field(default=384, ge=32, le=1024)
        beams: int = Field(default=5, ge=1)
        repetition_penalty: float = Field(default=5.0, ge=1)
        min_new_tokens: int = Field(default=30, ge=0)
        max_new_tokens: int = Field(default=50, ge=1)
        regions: int = Field(default=2, ge=1, le=8)
        region_share: float = Field(default=0.5, gt=0, le=1)
        retriever: str = RETRIEVER
        bank: str = ""
        top: int = Field(default=3, ge=1)
        emotion_words: Literal["keep", "mask"] = "keep"

        @model_validator(mode="after")
        def _check(self) -> Self:
            if self.bank and self.source != "phrases":
                raise ValueError(f"a phrase bank is read with source = 'phrases', not with '{self.source}'")
            return self

    # As the release.
    batch_size = 16
    config: Config

    def __init__(self, config: Config, device: torch.device) -> None:
        super().__init__(config, device)
        self._captioner: _Captioner | None = None
        if config.source in ("model", "structured"):
            self._captioner = _captioner(config, device)
        elif config.source in _RETRIEVED:
            folder = model_folder(config.retriever, FILES, f"'retriever' in {_TABLE}", fetch=True)
            self._space = ClipSpace(folder, device)
            if config.source == "phrases":
                self._captioner = _Phrases(self._space, PhraseRetriever(self._space.texts, config.bank, config.top))

    @classmethod
    def weights_sha256(cls, config: Config, *, fetch: bool) -> str:
        """Return the hash of the model that is asked, and of the phrase bank; empty for the data set's own text."""
        if config.source == "text":
            return ""
        field = "retriever" if config.source in _RETRIEVED else "model"

        def compute() -> str:
            folder = model_folder(getattr(config, field), FILES, f"'{field}' in {_TABLE}", fetch=fetch)
            own = folder_sha256(folder, FILES)
            if config.source != "phrases":
                return own
            return hashlib.sha256("\n".join([own, *bank_sentences(config.bank)]).encode()).hexdigest()

        return sha256_if_here(compute, fetch=fetch)

    @classmethod
    def image_recipe(cls, config: Config, suite: ImageRecipe) -> ImageRecipe:
        """Return the suite's drawing, at the captioner's size; the suite's own where no model looks."""
        return suite if config.source == "text" else suite.model_copy(update={"size": config.size})

    @classmethod
    def source_reads(cls, config: Config) -> tuple[SourceInput, ...]:
        """Return the pictures and their texts, for `retrieval` alone."""
        return ("image", "text") if config.source == "retrieval" else ()

    def see_sources(self, batches: Iterable[Sequence[Item]]) -> None:
        """Keep the sources' features and texts."""
        self._captioner = Neighbours(self._space.pictures, self.config.top, batches)

    def annotate(self, items: Sequence[Item]) -> list[str]:
        """Return one caption an item."""
        if self.config.source == "text":
            found = [item.text for item in items]
        else:
            # None only where `retrieval` was not shown the sources, and a target's own text must not stand in.
            assert self._captioner is not None, "see_sources comes first"
            found = self._captioner.captions([item.image for item in items])
        return [without_emotion_words(text) for text in found] if self.config.emotion_words == "mask" else found


class _Captioner(Protocol):
    """Whatever writes captions of pictures, each uint8 [C, H, W]."""

    def captions(self, images: Sequence[Tensor]) -> list[str]: ...


def _captioner(config: Captions.Config, device: torch.device) -> _Captioner:
    """Return what writes captions by the model of a configuration."""
    structured = config.source == "structured"
    folder = model_folder(config.model, FILES, f"'model' in {_TABLE}", fetch=True)
    model = Captioner(folder, config.model, _TABLE, device, looks=structured)
    how = Decoding(config.beams, config.repetition_penalty, config.min_new_tokens, config.max_new_tokens)
    if not model.is_instructed and config.prompt == "emotion":
        raise WeightsError(
            f"'{config.model}' follows no instruction, and prompt = \"emotion\" asks a question",
            f"name InstructBLIP or BLIP-2 in {_TABLE}, or set prompt to the beginning of a sentence",
        )
    # BLIP is no instructed model: a prompt is the beginning of what it writes, so the neutral question is left out.
    unasked = not model.is_instructed and config.prompt == "neutral"
    prompt = "" if unasked else _PROMPTS.get(config.prompt, config.prompt)
    if structured:
        return StructuredCaptioner(model, prompt, how, config.regions, config.region_share)
    return _Plain(model, prompt, how)


@dataclass(frozen=True)
class _Phrases:
    """The phrases of a bank."""

    space: ClipSpace
    bank: PhraseRetriever

    def captions(self, images: Sequence[Tensor]) -> list[str]:
        return self.bank.captions(self.space.pictures(images))


@dataclass(frozen=True)
class _Plain:
    """One question for every picture."""

    model: Captioner
    prompt: str
    how: Decoding

    def captions(self, images: Sequence[Tensor]) -> list[str]:
        return self.model.write(images, [self.prompt] * len(images), self.how)
