"""CLIEA, counterfactual-enhanced language-image emotional alignment: which emotion prompt fits image and knowledge?

Image X, its knowledge K and its visual feature V are held, and the prompt P is intervened on: P of the true class is
the factual, those of the other classes are the counterfactuals P*. Each gives an emotional embedding E of prompt and
knowledge; the alignment of V with the factual one is made to win. On the target, the prompt that wins is the
pseudo-label.
"""

from __future__ import annotations

from typing import Literal, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ucdver import SpecError
from ucdver_kcdp.shared_attention import pooled_attention

Pool = Literal["mean", "masked_mean", "label_tokens"]

#: Temperature and heads of the release.
TEMPERATURE = 0.07
HEADS = 8


class Alignment(Protocol):
    """What gives the fit [B, K] of every class's prompt to an image: CLIEA, or CESA in its place."""

    @property
    def scale(self) -> float:
        """What a logit is multiplied with to be the fit itself, at most 1: a cosine, or a CKA."""
        ...

    def __call__(self, visual: Tensor, knowledge: Tensor, mask: Tensor) -> Tensor:
        """Return logits [B, K] for visual [B, D], knowledge [B, T, d] and mask [B, T] (1 at real tokens)."""
        ...

    def observe(self, visual: Tensor, knowledge: Tensor, mask: Tensor, labels: Tensor) -> None:
        """Be shown labelled source images in training, in case something is to be remembered of them."""
        ...

    def refit(self) -> None:
        """Be told that an epoch begins."""
        ...


class CLIEA(nn.Module):
    """Self-attention over [prompt; knowledge], pooled to one embedding a class; a linear map of the visual feature.

    Args:
        visual_width: D, of the visual feature.
        prompts: tokens [K, L, d] of the emotion prompts.
        prompt_mask: [K, L], 1 at real tokens.
        pool: over which positions the attention's output is averaged. `mean`: all, padding included, as released;
            `masked_mean`: real tokens; `label_tokens`: the prompt's real tokens, which have attended to the knowledge.
        temperature: the cosine is divided by it.
        heads: of the attention.
    """

    prompts: Tensor
    prompt_mask: Tensor

    def __init__(
        self,
        visual_width: int,
        prompts: Tensor,
        prompt_mask: Tensor,
        pool: Pool = "mean",
        temperature: float = TEMPERATURE,
        heads: int = HEADS,
    ) -> None:
        super().__init__()
        if prompts.shape[2] % heads:
            raise SpecError(
                f"{heads} heads do not divide the prompts' {prompts.shape[2]} channels", "set another 'heads'"
            )
        self.pool = pool
        self.temperature = temperature
        self.register_buffer("prompts", prompts)
        self.register_buffer("prompt_mask", prompt_mask)
        #: Positions up to the last one that is real in any prompt; all of them where costs are counted without data.
        self.reach = prompt_mask.shape[1] if prompt_mask.is_meta else int(prompt_mask.sum(0).nonzero().max()) + 1
        self.attention = nn.MultiheadAttention(prompts.shape[2], heads, batch_first=True)
        self.mapping = nn.Linear(visual_width, prompts.shape[2])

    @property
    def scale(self) -> float:
        """What a logit is multiplied with to be a cosine."""
        return self.temperature

    def forward(self, visual: Tensor, knowledge: Tensor, mask: Tensor) -> Tensor:
        """Return logits [B, K]; see `Alignment`."""
        return alignment_logits(self.mapping(visual), self.emotions(knowledge, mask), self.temperature)

    def emotions(self, knowledge: Tensor, mask: Tensor) -> Tensor:
        """Return the emotional embeddings [B, K, d] of every prompt with each image's knowledge [B, T, d]."""
        layer = self.attention
        of_prompts = F.linear(self.prompts.to(knowledge.dtype), layer.in_proj_weight, layer.in_proj_bias)
        own, known = self._weights(mask.to(knowledge.dtype))
        # Knowledge that counts nothing is only asked: it needs no queries, the first third of the projection.
        first = 0 if known is not None else layer.embed_dim
        of_knowledge = F.linear(knowledge, layer.in_proj_weight[first:], layer.in_proj_bias[first:])
        pooled = pooled_attention(of_prompts, of_knowledge, own, known, layer.num_heads)
        # An affine map of a mean is the mean of the maps.
        emotions: Tensor = layer.out_proj(pooled)
        return emotions

    def _weights(self, mask: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return what each position counts: prompt [B, K, R] and knowledge [B, K, T], None where it counts nothing."""
        own = self.prompt_mask.to(mask.dtype).expand(len(mask), -1, -1)
        known = mask.unsqueeze(1).expand(-1, len(self.prompt_mask), -1)
        if self.pool == "label_tokens":
            own = own[..., : self.reach]
            return own / own.sum(2, keepdim=True), None
        if self.pool == "mean":
            own, known = torch.ones_like(own), torch.ones_like(known)
        count = own.sum(2, keepdim=True) + known.sum(2, keepdim=True)
        return own / count, known / count

    def observe(self, visual: Tensor, knowledge: Tensor, mask: Tensor, labels: Tensor) -> None:
        """Remember nothing: what CLIEA knows is learnt by gradient."""

    def refit(self) -> None:
        """Do nothing, for the same reason."""


def alignment_logits(visual: Tensor, emotions: Tensor, temperature: float = TEMPERATURE) -> Tensor:
    """Return the cosines [B, K] of visual [B, d] with emotions [B, K, d], over the temperature."""
    return F.cosine_similarity(visual.unsqueeze(1).float(), emotions.float(), dim=2) / temperature


def contrastive_loss(logits: Tensor, labels: Tensor, counterfactuals: bool = True, scale: float = 1.0) -> Tensor:
    """Return the mean loss of alignment logits [B, K] with labels [B].

    The factual prompt against its counterfactuals, cross entropy. Without `counterfactuals` (an ablation) the factual
    alignment alone is drawn to its largest value: 1 - logit * `scale`, which is 1 - cosine with `Alignment.scale`.
    """
    if counterfactuals:
        return F.cross_entropy(logits, labels)
    return (1 - scale * logits.gather(1, labels.unsqueeze(1))).mean()
