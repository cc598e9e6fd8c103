"""Captions without a captioner: the phrases that an image-text model finds nearest to a picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import resources
from pathlib import Path

import torch
from torch import Tensor

from ucdver import DataError

#: Sentences that are encoded at a time.
CHUNK = 64


class PhraseRetriever:
    """Ranks phrases by the cosine of a picture's and their embeddings, and joins the best.

    The built-in bank says what people and things look like and do, and names no emotion. A retrieved caption can say no
    more than its bank does; it costs a forward pass an image, and no generation.

    Args:
        embed: gives unit vectors [n, d] of texts, in the space of the pictures.
        bank: a text file with a sentence a line, or "" for the built-in one.
        top: how many sentences make a caption, best first.
    """

    def __init__(self, embed: Callable[[Sequence[str]], Tensor], bank: str, top: int) -> None:
        self.sentences = bank_sentences(bank)
        self._top = min(top, len(self.sentences))
        self._embedded = torch.cat([embed(self.sentences[i : i + CHUNK]) for i in range(0, len(self.sentences), CHUNK)])

    def captions(self, seen: Tensor) -> list[str]:
        """Return one caption for each unit vector of a picture, [B, d]."""
        best = (seen @ self._embedded.T).topk(self._top, dim=1).indices.tolist()
        return [". ".join(self.sentences[i] for i in row) + "." for row in best]


def bank_sentences(bank: str) -> list[str]:
    """Return the sentences of a file or of the built-in bank, without repetitions; an empty bank is a DataError."""
    if bank:
        try:
            text = Path(bank).expanduser().read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(
                f"the phrase bank '{bank}' cannot be read: {error}", "one sentence a line, as UTF-8"
            ) from error
    else:
        text = (resources.files("ucdver_kcdp") / "phrases.txt").read_text(encoding="utf-8")
    found = list(dict.fromkeys(line.strip().rstrip(".") for line in text.splitlines() if line.strip()))
    if not found:
        raise DataError(f"the phrase bank '{bank}' holds no sentence", "one sentence a line")
    return found
