"""CLIP's text encoder, for texts and for prompts some of whose tokens are vectors that are no word's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ucdver import SpecError


class TextTower(nn.Module):
    """Embeds texts, and prompts that are put together from token vectors.

    Args:
        body: transformers' text model.
        projection: from its width to that of the shared embedding.
        tokenizer: of the same model.
    """

    def __init__(self, body: Any, projection: nn.Module, tokenizer: Any) -> None:
        super().__init__()
        self.body = body
        self.projection = projection
        self.tokenizer = tokenizer
        self.width = int(body.config.hidden_size)
        self.positions = int(body.config.max_position_embeddings)

    def encode(self, texts: Sequence[str]) -> Tensor:
        """Return embeddings of length one, [n, D], of n texts; none depends on the others."""
        vectors, ends = self.words(texts)
        embeddings: Tensor = self(vectors, ends)
        return embeddings

    def words(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Return the token vectors [n, T, width] of texts, start and end among them, and the place [n] of each end.

        What follows an end is padding. A text that is too long for the model is a SpecError.
        """
        read = self.tokenizer(list(texts), padding=True, return_tensors="pt")
        if read["input_ids"].shape[1] > self.positions:
            longest = max(texts, key=len)
            raise SpecError(f"the prompt '{longest}' has more than {self.positions} tokens", "shorten it")
        device = next(self.parameters()).device
        ends = read["attention_mask"].sum(1) - 1
        table: nn.Module = self.body.embeddings.token_embedding
        vectors: Tensor = table(read["input_ids"].to(device))
        return vectors, ends.to(device)

    def forward(self, vectors: Tensor, ends: Tensor) -> Tensor:
        """Return embeddings of length one, [n, D].

        Args:
            vectors: token vectors [n, T, width], start and end among them, without positions.
            ends: int64 [n], where the end token of each stands; what follows it does not matter.
        """
        placeholder = torch.zeros(vectors.shape[:2], dtype=torch.int64, device=vectors.device)
        with _handed(self.body.embeddings.token_embedding, vectors):
            states = self.body(input_ids=placeholder).last_hidden_state
        found = states[torch.arange(len(states), device=states.device), ends]
        return F.normalize(self.projection(found).float(), dim=1)


@contextmanager
def _handed(table: nn.Module, vectors: Tensor) -> Iterator[None]:
    """Let a token table return `vectors`: transformers' text model takes no vectors in place of tokens."""
    handle = table.register_forward_hook(lambda module, given, found: vectors)
    try:
        yield
    finally:
        handle.remove()
