"""Self-attention over [prompt; knowledge] for all prompts at once, averaged over positions."""

from __future__ import annotations

import torch
from torch import Tensor


def pooled_attention(
    of_prompts: Tensor, of_knowledge: Tensor, prompt_weights: Tensor, knowledge_weights: Tensor, heads: int
) -> Tensor:
    """Return [B, K, d]: for image b and prompt k the weighted mean, over positions, of what each attends to.

    The same as multi-head self-attention on each of the B * K sequences [prompt k; knowledge b] and a mean of its
    output. But what knowledge tokens think of one another does not depend on the prompt, so those scores are computed
    once an image, and only what divides them is another for each prompt; and the mean is taken of the probabilities,
    before they meet the values.

    Args:
        of_prompts: query, key and value of the prompts, [K, L, 3 d].
        of_knowledge: those of the knowledge, [B, T, 3 d].
        prompt_weights: [B, K, L], what each prompt position counts in the mean.
        knowledge_weights: [B, K, T]; with the former they sum to one over positions.
        heads: of the attention.
    """
    query_p, key_p, value_p = _split(of_prompts, heads)
    query_k, key_k, value_k = _split(of_knowledge, heads)
    classes, _, length, _ = query_p.shape
    keys = key_p.transpose(0, 1).flatten(1, 2)
    queries = query_p.transpose(0, 1).flatten(1, 2)

    # Queries of the knowledge: [B, H, T, T] among themselves, [B, H, T, K L] with every prompt.
    among, across = query_k @ key_k.mT, query_k @ keys.mT
    highest = torch.maximum(among.amax(3, keepdim=True), across.amax(3, keepdim=True)).detach()
    among, across = (among - highest).exp(), (across - highest).exp()
    across = across.reshape(*across.shape[:3], classes, length)
    total = (among.sum(3, keepdim=True) + across.sum(4)).clamp(min=torch.finfo(among.dtype).tiny)
    shares = knowledge_weights.transpose(1, 2).unsqueeze(1) / total
    on_knowledge = shares.mT @ among
    on_prompts = (shares.unsqueeze(4) * across).sum(2)

    # Queries of the prompts, each of which sees its own prompt and the knowledge.
    own = (query_p @ key_p.mT).transpose(0, 1).expand(len(of_knowledge), -1, -1, -1, -1)
    seen = (queries @ key_k.mT).reshape(*own.shape[:4], key_k.shape[2])
    probabilities = torch.cat([own, seen], dim=4).softmax(4)
    mean = (prompt_weights.unsqueeze(1).unsqueeze(4) * probabilities).sum(3)
    on_prompts, on_knowledge = on_prompts + mean[..., :length], on_knowledge + mean[..., length:]

    attended: Tensor = on_knowledge @ value_k + torch.einsum("bhkl,khle->bhke", on_prompts, value_p)
    return attended.transpose(1, 2).flatten(2)


def _split(projected: Tensor, heads: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return query (scaled), key and value [n, H, L, d / H] of projections [n, L, 3 d]."""
    query, key, value = (part.reshape(*part.shape[:2], heads, -1).transpose(1, 2) for part in projected.chunk(3, dim=2))
    return query * query.shape[3] ** -0.5, key, value
