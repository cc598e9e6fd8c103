"""CESA, alignment in subspaces: what KCDP++ (the journal extension) puts in the place of CLIEA's learned projection.

Of KCDP++ there is a figure and a paragraph, and neither paper nor code at the time of writing. Known: visual and
textual features are projected by CCA, V' = V W_V and K' = K W_K, and their alignment is scored by "localCKA". Sizes,
the set that CKA is taken over and the temperature are ours, and said to be so beside each.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ucdver import no_autocast
from ucdver_kcdp.cliea import TEMPERATURE

#: Ours: how much of the running covariances survives a batch, once a hundred have been seen; before that they are plain
#: means, so that nothing is left of how they began.
DECAY = 0.99
#: Ours: what is added to the covariances' diagonals, as a part of their mean, before they are inverted.
RIDGE = 1e-2


def cca(xx: Tensor, yy: Tensor, xy: Tensor, rank: int, ridge: float = RIDGE) -> tuple[Tensor, Tensor]:
    """Return the canonical directions W_x [p, rank] and W_y [q, rank] of covariances [p, p], [q, q] and [p, q].

    W_x' C_xx W_x and W_y' C_yy W_y are the identity (up to the ridge), and W_x' C_xy W_y is diagonal with the canonical
    correlations, largest first (Hotelling, Biometrika 28, 1936).
    """
    whiten_x, whiten_y = (_inverse_root(c, ridge) for c in (xx.double(), yy.double()))
    u, _, vh = torch.linalg.svd(whiten_x @ xy.double() @ whiten_y, full_matrices=False)
    return (whiten_x @ u[:, :rank]).to(xx.dtype), (whiten_y @ vh[:rank].T).to(xx.dtype)


def _inverse_root(covariance: Tensor, ridge: float) -> Tensor:
    size = len(covariance)
    loaded = covariance + ridge * covariance.diagonal().mean().clamp(min=1e-12) * torch.eye(size).to(covariance)
    values, vectors = torch.linalg.eigh(loaded)
    root: Tensor = vectors * values.clamp(min=1e-12).rsqrt() @ vectors.T
    return root


def local_cka(anchors_x: Tensor, anchors_y: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Return [B, K]: the linear CKA of the M anchor pairs together with the one pair (x_b, y_bk).

    A pair that fits the anchors keeps the CKA high (Maniparambil et al., CVPR 2024). Adding one pair to M centred ones
    changes each cross product by a rank-one term, so nothing of size M is formed for each of the B * K candidates.

    Args:
        anchors_x: [M, r]. anchors_y: [M, r].
        x: [B, r]. y: [B, K, r].
    """
    count = len(anchors_x)
    mean_x, mean_y = anchors_x.mean(0), anchors_y.mean(0)
    centred_x, centred_y = anchors_x - mean_x, anchors_y - mean_y
    dx, dy = x - mean_x, y - mean_y
    part = count / (count + 1)
    size_x, size_y = dx.square().sum(1, keepdim=True), dy.square().sum(2)

    def norm(a: Tensor, b: Tensor, bent: Tensor, sizes: Tensor) -> Tensor:
        """Return |A'B + part da db'|^2, where bent is da' A'B db and sizes |da|^2 |db|^2."""
        return (a.T @ b).square().sum() + 2 * part * bent + part**2 * sizes

    cross = torch.einsum("br,rs,bks->bk", dx, centred_x.T @ centred_y, dy)
    xx = torch.einsum("br,rs,bs->b", dx, centred_x.T @ centred_x, dx).unsqueeze(1)
    yy = torch.einsum("bkr,rs,bks->bk", dy, centred_y.T @ centred_y, dy)
    both = norm(centred_x, centred_y, cross, size_x * size_y)
    return (
        both
        / (norm(centred_x, centred_x, xx, size_x.square()) * norm(centred_y, centred_y, yy, size_y.square())).sqrt()
    )


class CESA(nn.Module):
    """Scores the fit of every class's prompt by local CKA in CCA's subspaces, which are fitted in closed form.

    Covariances of (visual feature, true class's embedding) run over the source batches; the subspaces are fitted anew
    when an epoch begins, and begin as random orthonormal ones. The latest source pairs are the anchors.

    Args:
        visual_width: D.
        prompts: tokens [K, L, d]. prompt_mask: [K, L], 1 at real tokens.
        rank: of the subspaces; ours.
        anchors: M, how many source pairs the CKA is taken with; ours.
        temperature: what M * CKA is divided by.
    """

    prompts: Tensor
    prompt_mask: Tensor
    mean_v: Tensor
    mean_k: Tensor
    vv: Tensor
    kk: Tensor
    vk: Tensor
    to_v: Tensor
    to_k: Tensor
    anchors_v: Tensor
    anchors_k: Tensor
    batches: Tensor

    def __init__(
        self,
        visual_width: int,
        prompts: Tensor,
        prompt_mask: Tensor,
        rank: int = 32,
        anchors: int = 64,
        temperature: float = TEMPERATURE,
    ) -> None:
        super().__init__()
        width = prompts.shape[2]
        rank = min(rank, width, visual_width)
        self.temperature = temperature
        start = {
            "prompts": prompts,
            "prompt_mask": prompt_mask,
            "mean_v": torch.zeros(visual_width),
            "mean_k": torch.zeros(width),
            "vv": torch.eye(visual_width),
            "kk": torch.eye(width),
            "vk": torch.zeros(visual_width, width),
            "to_v": torch.linalg.qr(torch.randn(visual_width, rank))[0],
            "to_k": torch.linalg.qr(torch.randn(width, rank))[0],
            "anchors_v": torch.randn(anchors, visual_width),
            "anchors_k": torch.randn(anchors, width),
            "batches": torch.zeros(()),
        }
        for name, value in start.items():
            self.register_buffer(name, value)

    @property
    def scale(self) -> float:
        """What a logit is multiplied with to be a CKA."""
        return self.temperature / len(self.anchors_v)

    def forward(self, visual: Tensor, knowledge: Tensor, mask: Tensor) -> Tensor:
        """Return logits [B, K]; see `Alignment` in cliea.py."""
        emotions = self.emotions(knowledge, mask)
        with no_autocast(visual):
            scores = local_cka(
                (self.anchors_v - self.mean_v) @ self.to_v,
                (self.anchors_k - self.mean_k) @ self.to_k,
                (visual.float() - self.mean_v) @ self.to_v,
                (emotions - self.mean_k) @ self.to_k,
            )
        # One pair among M moves CKA by about 1 / M.
        return scores * len(self.anchors_v) / self.temperature

    def emotions(self, knowledge: Tensor, mask: Tensor) -> Tensor:
        """Return [B, K, d]: the mean of prompt's and knowledge's real tokens, without anything learnt."""
        with no_autocast(knowledge):
            own, real = self.prompt_mask.float(), mask.float()
            prompts = torch.einsum("kl,kld->kd", own, self.prompts.float())
            known = torch.einsum("bt,btd->bd", real, knowledge.float())
            return (prompts + known.unsqueeze(1)) / (own.sum(1) + real.sum(1, keepdim=True)).unsqueeze(2)

    @torch.no_grad()
    def observe(self, visual: Tensor, knowledge: Tensor, mask: Tensor, labels: Tensor) -> None:
        """Let the covariances run on, and put the batch's pairs in the place of the oldest anchors."""
        emotions = self.emotions(knowledge, mask)
        true = emotions[torch.arange(len(labels), device=labels.device), labels]
        seen = visual.detach().float()
        self.batches += 1
        weight = (1 / self.batches).clamp_min(1 - DECAY)
        self.mean_v.lerp_(seen.mean(0), weight)
        self.mean_k.lerp_(true.mean(0), weight)
        v, k = seen - self.mean_v, true - self.mean_k
        with no_autocast(seen):
            for held, now in ((self.vv, v.T @ v), (self.kk, k.T @ k), (self.vk, v.T @ k)):
                held.lerp_(now / len(labels), weight)
        self.anchors_v.copy_(torch.cat([self.anchors_v, seen])[-len(self.anchors_v) :])
        self.anchors_k.copy_(torch.cat([self.anchors_k, true])[-len(self.anchors_k) :])

    @torch.no_grad()
    def refit(self) -> None:
        """Fit the subspaces to the covariances as they are now; before any batch they stay as drawn."""
        if bool(self.batches):
            to_v, to_k = cca(self.vv, self.kk, self.vk, self.to_v.shape[1])
            self.to_v.copy_(to_v)
            self.to_k.copy_(to_k)
