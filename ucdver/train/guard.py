"""Notices the first loss that is not finite, without asking the device at every step."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from ucdver.errors import NonFiniteLossError


class LossGuard:
    """Keeps the first bad step and its loss terms on the device until `check` is called.

    A step only enqueues a few scalar operations; the host waits for the device in `check` and `latest` alone, which the
    loop calls when it logs or saves.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._names: tuple[str, ...] = ()
        self._terms = torch.empty(0, device=device)
        self._bad_terms = torch.empty(0, device=device)
        self._bad_step = torch.tensor(-1, device=device)

    def watch(self, step: int, losses: Mapping[str, Tensor]) -> None:
        """Take note of the losses of one step."""
        names = tuple(losses)
        terms = torch.stack([loss.detach().float() for loss in losses.values()])
        if names != self._names:
            self.check()
            self._names = names
            self._bad_terms = torch.zeros_like(terms)
        new = ~torch.isfinite(terms).all() & (self._bad_step < 0)
        self._bad_step = torch.where(new, step, self._bad_step)
        self._bad_terms = torch.where(new, terms, self._bad_terms)
        self._terms = terms

    def check(self) -> None:
        """Raise NonFiniteLossError, naming the first bad step and every loss term in it, if there was one."""
        step = int(self._bad_step)
        if step >= 0:
            terms = ", ".join(f"{n} = {v:g}" for n, v in zip(self._names, self._bad_terms.tolist(), strict=True))
            raise NonFiniteLossError(
                f"the loss is not finite at step {step}: {terms}",
                "lower the learning rate or set recipe.optim.clip_norm",
            )

    def latest(self) -> dict[str, float]:
        """Return the loss terms of the latest step."""
        return dict(zip(self._names, self._terms.tolist(), strict=True))
