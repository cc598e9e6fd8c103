"""The annotator of knowledge: an image's caption and triples as the tokens that the U-Net's cross-attention reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ucdver import Annotator, AnnotatorConfig, Item
from ucdver_kcdp.diffusion import STABLE_DIFFUSION
from ucdver_kcdp.text_embedding import CHUNK, Kind, TextEncoder, load_text_encoder, text_encoder_sha256
from ucdver_kcdp.triples import read_triples


@dataclass(frozen=True)
class Knowledge:
    """Tokens [B, T, d] and their mask [B, T], 1 at real ones: first half the caption, second half the triples."""

    tokens: Tensor
    mask: Tensor

    @classmethod
    def unpack(cls, packed: Tensor) -> Knowledge:
        """Return the knowledge of packed [B, T, d + 1], as the annotator stores it: the mask is the last channel."""
        return cls(packed[..., :-1], packed[..., -1])

    def caption(self) -> Knowledge:
        """Return the caption's half."""
        half = self.tokens.shape[1] // 2
        return Knowledge(self.tokens[:, :half], self.mask[:, :half])

    def triples(self) -> Knowledge:
        """Return the triples' half."""
        half = self.tokens.shape[1] // 2
        return Knowledge(self.tokens[:, half:], self.mask[:, half:])


class ClipKnowledge(Annotator):
    """Caption tokens, then the mean of the triples' tokens, with the mask as one more channel: [2 L, d + 1], float16.

    An image without a triple has its caption's tokens twice, as in the release. For CLIP L is 77 and d 768.
    """

    class Config(AnnotatorConfig):
        """`model`: the diffusion pipeline whose text encoder is used; keep it the same as the method's `model`."""

        model: str = STABLE_DIFFUSION

    dtype = "float16"
    batch_size = 256
    kind: ClassVar[Kind] = "clip"
    #: What joins a triple's words; in the release nothing.
    separator: ClassVar[str] = " "
    #: The release sums the triples, so that the norm grows with their number.
    summed: ClassVar[bool] = False
    #: The annotators that are read.
    caption: ClassVar[str] = "kcdp_caption"
    triples: ClassVar[str] = "kcdp_triples"
    config: Config

    def __init__(self, config: Config, device: torch.device) -> None:
        super().__init__(config, device)
        self.encoder = load_text_encoder(self.kind, config.model, device)

    @classmethod
    def weights_sha256(cls, config: Config, *, fetch: bool) -> str:
        """Return the text encoder's hash."""
        return text_encoder_sha256(cls.kind, config.model, fetch=fetch)

    def annotate(self, items: Sequence[Item]) -> Tensor:
        """Return the packed knowledge float32 [n, 2 L, d + 1] of n items."""
        captions = [str(item.annotation(self.caption)) for item in items]
        texts = [
            [triple.text(self.separator) for triple in read_triples(str(item.annotation(self.triples)))] or [caption]
            for item, caption in zip(items, captions, strict=True)
        ]
        return torch.cat([encode(self.encoder, captions), self._pooled(texts)], dim=1)

    def _pooled(self, texts: Sequence[Sequence[str]]) -> Tensor:
        """Return the packed mean (or sum) [n, L, d + 1] of each item's texts; a token is real if it is so in one."""
        counts = torch.tensor([len(own) for own in texts])
        owner = torch.repeat_interleave(torch.arange(len(texts)), counts)
        packed = encode(self.encoder, [text for own in texts for text in own])
        tokens = torch.zeros(len(texts), *packed.shape[1:]).index_add(0, owner, packed)
        mask = (tokens[..., -1:] > 0).to(tokens.dtype)
        pooled = tokens[..., :-1] if self.summed else tokens[..., :-1] / counts.view(-1, 1, 1)
        return torch.cat([pooled, mask], dim=2)


class ReleasedKnowledge(ClipKnowledge):
    """As the release computes it: fused words, summed triples."""

    separator = ""
    summed = True


class FusedKnowledge(ClipKnowledge):
    """Fused words alone of what the release does."""

    separator = ""


class SummedKnowledge(ClipKnowledge):
    """Summed triples alone of what the release does."""

    summed = True


class MiniLMKnowledge(ClipKnowledge):
    """Of MiniLM's hidden states, 384 wide."""

    class Config(ClipKnowledge.Config):
        """`model`: a folder in place of the installed package's."""

        model: str = ""

    kind = "minilm"


class HashedKnowledge(ClipKnowledge):
    """Of vectors without meaning, one a word: a control, and what runs without any weights."""

    class Config(ClipKnowledge.Config):
        """`model` is not read."""

        model: str = ""

    kind = "hashed"


def encode(encoder: TextEncoder, texts: Sequence[str]) -> Tensor:
    """Return packed tokens [n, L, d + 1] of texts, on the CPU, each distinct text being encoded once."""
    distinct = list(dict.fromkeys(texts))
    parts = [encoder.encode(distinct[i : i + CHUNK]) for i in range(0, len(distinct), CHUNK)]
    packed = torch.cat([torch.cat([tokens, mask.unsqueeze(2)], dim=2).cpu() for tokens, mask in parts])
    rows = {text: i for i, text in enumerate(distinct)}
    return packed[[rows[text] for text in texts]]
