"""The fusion block: one transformer block over all tokens, of which only the first token is ever used."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from ucdver_tgca_pvt.blocks import EPS
from ucdver_tgca_pvt.tgca import TopicContext

#: Up to so many tokens the map between agents and keys is made in full, so that a few queries need no mean for every
#: agent; of more it would not fit beside the rest (at 996 tokens, 12 heads and 16 pictures it has 762 MB).
WHOLE_MAP = 128


class FusionAttention(nn.Module):
    """Topic-guided attention, or plain multi-head attention.

    With C = H + context(H), Q = Wq H, A = Wq C, K = Wk H and V = Wv H, topic-guided attention is
    softmax(Q A^T / sqrt d) softmax(A K^T / sqrt d) V: the topic's tokens stand between queries and keys.
    """

    def __init__(self, width: int, heads: int, topic_guided: bool) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)
        self.context = TopicContext(width) if topic_guided else None

    def forward(self, h: Tensor, weights: Tensor | None, first: int | None = None) -> Tensor:
        """Return tokens [B, first or N, C] of normed tokens h [B, N, C]; with `first`, those alone are computed.

        Args:
            h: normed tokens.
            weights: of `group_weights`; None where every picture is its own topic.
            first: how many tokens' results are wanted; None for all.
        """
        q, k, v = (self._split(layer(x)) for layer, x in ((self.query, h[:, :first]), (self.key, h), (self.value, h)))
        if self.context is not None:
            agents = self._split(self.query(h + self.context(h, weights)))
            mixed = self._through(agents, q, k, v)
        else:
            mixed = F.scaled_dot_product_attention(q, k, v)
        result: Tensor = self.out(mixed.transpose(1, 2).flatten(2))
        return result

    @staticmethod
    def _through(agents: Tensor, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Return softmax(Q A^T / sqrt d) softmax(A K^T / sqrt d) V, multiplied from the cheaper end."""
        if k.shape[2] > WHOLE_MAP or q.shape[2] == k.shape[2]:
            return F.scaled_dot_product_attention(q, agents, F.scaled_dot_product_attention(agents, k, v))
        scale = q.shape[-1] ** -0.5
        asked = (q * scale @ agents.transpose(-1, -2)).softmax(-1)
        found = (agents * scale @ k.transpose(-1, -2)).softmax(-1)
        mixed: Tensor = asked @ found @ v
        return mixed

    def _split(self, x: Tensor) -> Tensor:
        return x.view(*x.shape[:2], self.heads, -1).transpose(1, 2)


class FeedForward(nn.Module):
    """Two linear layers with an exact GELU, dropout after each."""

    def __init__(self, width: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Return tokens of the same shape."""
        mapped: Tensor = self.dropout(self.fc2(self.dropout(F.gelu(self.fc1(x)))))
        return mapped


class FusionBlock(nn.Module):
    """Norm, attention, norm, MLP on residual paths; only token 0 is computed, since only it is used."""

    def __init__(self, width: int, heads: int, hidden: int, dropout: float, topic_guided: bool) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(width, eps=EPS)
        self.attn = FusionAttention(width, heads, topic_guided)
        self.ffn_norm = nn.LayerNorm(width, eps=EPS)
        self.ffn = FeedForward(width, hidden, dropout)

    def forward(self, tokens: Tensor, weights: Tensor | None) -> Tensor:
        """Return token 0 [B, C] of tokens [B, N, C]; `weights` as in `FusionAttention`."""
        mixed = self.attn(self.attention_norm(tokens), weights, first=1)
        token = tokens[:, 0] + mixed[:, 0]
        result: Tensor = token + self.ffn(self.ffn_norm(token))
        return result
