"""Self-attention over [prompt; knowledge] for all prompts at once, averaged over positions."""

from __future__ import annotations

import torch
from torch import Tensor


def pooled_attention(
    of_prompts: Tensor, of_knowledge: Tensor, prompt_weights: Tensor, knowledge_weights: Tensor | None, heads: int
) -> Tensor:
    """Return [B, K, d]: for image b and prompt k the weighted mean, over positions, of what each attends to.

    The same as multi-head self-attention on each of the B * K sequences [prompt k; knowledge b] and a mean of its
    output. But what knowledge tokens think of one another does not depend on the prompt, so those scores are computed
    once an image, and only what divides them is another for each prompt; the mean is taken of the probabilities,
    before they meet the values; and positions that count nothing in the mean are not asked at all.

    Args:
        of_prompts: query, key and value of the prompts, [K, L, 3 d].
        of_knowledge: those of the knowledge, [B, T, 3 d]; key and value alone, [B, T, 2 d], where it counts 0.
        prompt_weights: [B, K, R] with R <= L, what each of the first R prompt positions counts; the others count 0.
        knowledge_weights: [B, K, T]; with the former they sum to one over positions. None: the knowledge counts 0.
        heads: of the attention.
    """
    width = of_prompts.shape[2] // 3
    prompts, knowledge = _split(of_prompts, heads, width), _split(of_knowledge, heads, width)
    on_prompts, on_knowledge = _asked_by_prompts(prompts, knowledge, prompt_weights)
    if knowledge_weights is not None:
        more = _asked_by_knowledge(prompts, knowledge, knowledge_weights)
        on_prompts, on_knowledge = on_prompts + more[0], on_knowledge + more[1]
    attended: Tensor = on_knowledge @ knowledge[-1] + torch.einsum("bhkl,khle->bhke", on_prompts, prompts[-1])
    return attended.transpose(1, 2).flatten(2)


#: Query (scaled), key and value, each [n, H, L, d / H]; of knowledge that asks nothing, key and value.
_Parts = tuple[Tensor, ...]


def _asked_by_prompts(prompts: _Parts, knowledge: _Parts, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Return what prompt tokens attend to in their own prompt and in the knowledge: [B, H, K, L], [B, H, K, T]."""
    query, key = prompts[0][:, :, : weights.shape[2]], prompts[-2]
    own = (query @ key.mT).transpose(0, 1).expand(len(weights), -1, -1, -1, -1)
    seen = query.transpose(0, 1).flatten(1, 2) @ knowledge[-2].mT
    probabilities = torch.cat([own, seen.reshape(*own.shape[:4], seen.shape[3])], dim=4).softmax(4)
    # A sum: as a product it would be many of one row each.
    mean = (weights.unsqueeze(1).unsqueeze(4) * probabilities).sum(3)
    return mean[..., : key.shape[2]], mean[..., key.shape[2] :]


def _asked_by_knowledge(prompts: _Parts, knowledge: _Parts, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Return what knowledge tokens attend to in every prompt and among themselves: [B, H, K, L], [B, H, K, T]."""
    query, key = knowledge[0], knowledge[-2]
    classes, _, length, _ = prompts[-2].shape
    # Scores [B, H, T, T] among themselves, [B, H, T, K L] with every prompt.
    among, across = query @ key.mT, query @ prompts[-2].transpose(0, 1).flatten(1, 2).mT
    highest = torch.maximum(among.amax(3, keepdim=True), across.amax(3, keepdim=True)).detach()
    among, across = (among - highest).exp(), (across - highest).exp()
    across = across.reshape(*across.shape[:3], classes, length)
    total = (among.sum(3, keepdim=True) + across.sum(4)).clamp(min=torch.finfo(among.dtype).tiny)
    shares = weights.transpose(1, 2).unsqueeze(1) / total
    return (shares.unsqueeze(4) * across).sum(2), shares.mT @ among


def _split(projected: Tensor, heads: int, width: int) -> _Parts:
    """Return the parts of projections [n, L, 3 d] or [n, L, 2 d], d being the `width`."""
    parts = tuple(
        part.reshape(*part.shape[:2], heads, -1).transpose(1, 2)
        for part in projected.chunk(projected.shape[2] // width, dim=2)
    )
    return parts if len(parts) == 2 else (parts[0] * (width // heads) ** -0.5, *parts[1:])
