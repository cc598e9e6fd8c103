"""The annotators of `kcdp_small`: those of `kcdp`, with the project's own small models for defaults."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import torch
from pydantic import Field
from torch import Tensor

from ucdver import Annotator, AnnotatorConfig, ImageRecipe, Item, SourceInput, efficientnet_lite0_sha256
from ucdver_kcdp.features import Features, Latents
from ucdver_kcdp.knowledge import ClipKnowledge
from ucdver_kcdp.model_files import EMOJI_SMALL
from ucdver_kcdp.neighbours import Neighbours
from ucdver_kcdp.retrieval import PhraseRetriever, bank_sentences
from ucdver_kcdp.text_embedding import text_encoder_sha256
from ucdver_kcdp.triples import Triples

#: The side at which the small U-Net was trained.
SIDE = 64
#: Versions of a picture whose features are kept: the picture and seven augmented ones, 221 kB.
VIEWS = 8


#: In place of a phrase bank: the texts of the nearest source images.
SOURCES = "sources"


class SmallCaptions(Annotator):
    """The phrases that the small image-text model finds nearest to a picture, best first."""

    class Config(AnnotatorConfig):
        """`bank`: a text file, a sentence a line, in place of the built-in one, which names no emotion, or `sources`,
        and captions are the texts of the source images most like the picture, never a target's; `top`: how many
        sentences make a caption; `size`: the side of the pictures that are read, in pixels.
        """

        bank: str = ""
        top: int = Field(default=2, ge=1)
        size: int = Field(default=128, ge=32, le=1024)

    batch_size = 32
    config: Config

    def __init__(self, config: Config, device: torch.device) -> None:
        super().__init__(config, device)
        # Here, since it imports timm, which what is asked of the class needs not.
        from ucdver_kcdp.image_text import ImageText

        self._model = ImageText(device)
        self._neighbours: Neighbours | None = None
        if config.bank != SOURCES:
            self._bank = PhraseRetriever(self._model.texts, config.bank, config.top)

    @classmethod
    def weights_sha256(cls, config: Config, *, fetch: bool) -> str:
        """Return the hash of the encoders, of what was learnt, and of the phrase bank."""
        parts = [
            efficientnet_lite0_sha256(),
            text_encoder_sha256("minilm_small", "", fetch=True),
            *([] if config.bank == SOURCES else bank_sentences(config.bank)),
        ]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    @classmethod
    def image_recipe(cls, config: Config, suite: ImageRecipe) -> ImageRecipe:
        """Return the suite's drawing, at `size`."""
        return suite.model_copy(update={"size": config.size})

    @classmethod
    def source_reads(cls, config: Config) -> tuple[SourceInput, ...]:
        """Return the pictures and their texts, where captions are theirs."""
        return ("image", "text") if config.bank == SOURCES else ()

    def see_sources(self, batches: Iterable[Sequence[Item]]) -> None:
        """Keep the sources' features and texts."""
        self._neighbours = Neighbours(self._seen, self.config.top, batches)

    def annotate(self, items: Sequence[Item]) -> list[str]:
        """Return one caption an item."""
        images = [item.image for item in items]
        return self._neighbours.captions(images) if self._neighbours else self._bank.captions(self._seen(images))

    def _seen(self, images: Sequence[Tensor]) -> Tensor:
        return self._model.pictures(torch.stack(list(images)).expand(-1, 3, -1, -1).float() / 255)


class SmallTriples(Triples):
    """The triples of those captions."""

    caption = "kcdp_small_caption"


class SmallKnowledge(ClipKnowledge):
    """Of MiniLM's hidden states in the image-text model's space: [40, 128 + 1]."""

    class Config(ClipKnowledge.Config):
        """`model` is not read."""

        model: str = ""

    kind = "minilm_small"
    caption = "kcdp_small_caption"
    triples = "kcdp_small_triples"


class SmallFeatures(Features):
    """Of the small U-Net, at the size at which it was trained: 28 kB a view."""

    class Config(Features.Config):
        """As those of `kcdp_features`, but for the defaults."""

        model: str = EMOJI_SMALL
        size: int = Field(default=SIDE, ge=0, le=2048)
        views: int = Field(default=VIEWS, ge=1, le=64)

    batch_size = 32
    knowledge = "kcdp_small_knowledge"
    text_encoder = "minilm_small"


class SmallPlainFeatures(SmallFeatures):
    """Without knowledge: the context is the empty prompt's."""

    knowledge = ""


class SmallLatents(Latents):
    """Of the small autoencoder."""

    class Config(Latents.Config):
        """As those of `kcdp_latents`, but for the defaults."""

        model: str = EMOJI_SMALL
        size: int = Field(default=SIDE, ge=0, le=2048)

    batch_size = 32
