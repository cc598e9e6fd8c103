"""Seeds as functions of what they are for, so that no random state has to be handed about or saved."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from ucdver.spec.base import canonical_json


def derive_seed(*parts: int | str) -> int:
    """Return a seed in [0, 2^63) that depends on every part, on their order and on their types."""
    digest = hashlib.sha256(canonical_json(list(parts)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def run_seed(task: str, seed: int) -> int:
    """Return the seed of a run: the same for every method on a task, independent between tasks.

    Methods of one task so start from the same network and see the same order of images, while the errors of two
    tasks are independent, which the interval of an average over tasks rests on.
    """
    return derive_seed("run", task, seed)


def generator(*parts: int | str) -> np.random.Generator:
    """Return a numpy generator of its own (Philox, counter based) for `parts`."""
    return np.random.Generator(np.random.Philox(key=derive_seed(*parts)))


def _cuda_in_use() -> bool:
    return bool(torch.cuda.is_initialized())  # type: ignore[no-untyped-call]


def _seed_torch(seed: int) -> None:
    # torch.manual_seed would also queue a seed for a CUDA that is not in use yet, and that could not be taken
    # back.
    torch.default_generator.manual_seed(seed)
    if _cuda_in_use():
        torch.cuda.manual_seed_all(seed)


@contextmanager
def scoped_seed(*parts: int | str) -> Iterator[None]:
    """Seed torch's default generators (CPU, and CUDA where in use) inside; restore them exactly outside."""
    cpu = torch.get_rng_state()
    cuda = torch.cuda.get_rng_state_all() if _cuda_in_use() else None
    _seed_torch(derive_seed(*parts))
    try:
        yield
    finally:
        torch.set_rng_state(cpu)
        if cuda is not None:
            torch.cuda.set_rng_state_all(cuda)


def seed_step(seed: int, phase: int, step: int) -> None:
    """Seed torch's default generators for one step; call it inside `scoped_seed`, which undoes it."""
    _seed_torch(derive_seed("step", seed, phase, step))
