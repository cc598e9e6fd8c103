"""Networks that differ in one thing alone."""

from __future__ import annotations

from torch import nn


def share_weights(one: nn.Module, other: nn.Module) -> None:
    """Give the other network every weight of the first that it has too: what differs then is how they are used."""
    own, theirs = other.state_dict(), one.state_dict()
    other.load_state_dict({k: theirs[k] if k in theirs and theirs[k].shape == v.shape else v for k, v in own.items()})
