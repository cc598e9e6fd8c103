"""Notices the first loss that is not finite, without asking the device at every step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ucdver.errors import NonFiniteLossError


@dataclass
class _Seen:
    """What is known, on the device, of the steps whose losses bear the same names."""

    bad_step: Tensor
    bad_terms: Tensor


class LossGuard:
    """Keeps the first bad step and its loss terms on the device until `check` is called.

    A step only enqueues a few scalar operations; the host waits for the device in `check` and `latest` alone, which the
    loop calls when it logs or saves. Steps may have different terms.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._seen: dict[tuple[str, ...], _Seen] = {}
        self._names: tuple[str, ...] = ()
        self._terms = torch.empty(0, device=device)

    def watch(self, step: int, losses: Mapping[str, Tensor]) -> None:
        """Take note of the losses of one step."""
        self._names = tuple(losses)
        self._terms = terms = torch.stack([loss.detach().float() for loss in losses.values()])
        seen = self._seen.get(self._names)
        if seen is None:
            seen = _Seen(torch.tensor(-1, device=self._device), torch.zeros_like(terms))
            self._seen[self._names] = seen
        new = ~torch.isfinite(terms).all() & (seen.bad_step < 0)
        seen.bad_step = torch.where(new, step, seen.bad_step)
        seen.bad_terms = torch.where(new, terms, seen.bad_terms)

    def check(self) -> None:
        """Raise NonFiniteLossError, naming the first bad step and every loss term in it, if there was one."""
        bad = {int(seen.bad_step): (names, seen.bad_terms) for names, seen in self._seen.items()}
        bad.pop(-1, None)
        if bad:
            step = min(bad)
            names, values = bad[step]
            terms = ", ".join(f"{n} = {v:g}" for n, v in zip(names, values.tolist(), strict=True))
            raise NonFiniteLossError(
                f"the loss is not finite at step {step}: {terms}",
                "lower the learning rate or set recipe.optim.clip_norm",
            )

    def latest(self) -> dict[str, float]:
        """Return the loss terms of the latest step."""
        return dict(zip(self._names, self._terms.tolist(), strict=True))
