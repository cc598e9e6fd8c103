"""The objectives: what is summed for the source, and what for the target."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F

from ucdver import PseudoLabels
from ucdver_kcdp.cliea import contrastive_loss
from ucdver_kcdp.moe import Balance, Routed, balance_loss


@dataclass(frozen=True)
class Trade:
    """Weights of the losses.

    The figure's L is L_sup (source) + L_ccl (source) + L_ce (target). The release adds 0.1 times the balance loss on
    both sides, and counts the source's cross entropy twice in domain adaptation, where `supervised` is 2 then.
    """

    supervised: float = 1.0
    contrastive: float = 1.0
    target: float = 1.0
    balance: float = 0.1
    form: Balance = "importance"


def source_losses(
    routed: Routed,
    alignment: Tensor | None,
    labels: Tensor,
    trade: Trade,
    counterfactuals: bool = True,
    scale: float = 1.0,
) -> dict[str, Tensor]:
    """Return the source's losses by name, "source_total" being their weighted sum.

    Args:
        routed: what the experts say of the source images, [B, K].
        alignment: the alignment's logits [B, K], or None where there is none (universal cross-domain).
        labels: int64 [B].
        trade: the weights.
        counterfactuals, scale: see `contrastive_loss`.
    """
    supervised = F.cross_entropy(routed.logits, labels)
    balance = balance_loss(routed, trade.form)
    total = trade.supervised * supervised + trade.balance * balance
    losses = {"supervised": supervised, "balance": balance}
    if alignment is not None:
        losses["contrastive"] = contrastive_loss(alignment, labels, counterfactuals, scale)
        total = total + trade.contrastive * losses["contrastive"]
    return {"source_total": total, **losses}


def target_losses(routed: Routed, pseudo: PseudoLabels, trade: Trade) -> dict[str, Tensor]:
    """Return the target's losses by name, "target_total" being their weighted sum, and how much was believed.

    The mean is over all images, so that a batch in which little is believed weighs little.
    """
    losses = F.cross_entropy(routed.logits, pseudo.labels, reduction="none")
    mean = (pseudo.weights * losses).mean()
    balance = balance_loss(routed, trade.form)
    return {
        "target_total": trade.target * mean + trade.balance * balance,
        "target": mean,
        "target_balance": balance,
        "believed": (pseudo.weights > 0).float().mean(),
        "confidence": pseudo.confidence.mean(),
    }
