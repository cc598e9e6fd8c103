"""Checkpoints: everything a resumed run needs, written atomically and loaded without pickle."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ucdver.errors import DataError
from ucdver.files import atomic_path, atomic_write_text


@dataclass
class Checkpoint:
    """The state after `step` steps of phase number `phase`.

    Random numbers are no part of it: they are a function of (seed, phase, step).
    """

    key: str
    phase: int
    step: int
    seconds: float
    method: dict[str, Any]
    optimiser: dict[str, Any]
    scaler: dict[str, Any]


def checkpoint_path(folder: Path) -> Path:
    """Return where a run keeps its last checkpoint, `folder` being the run's."""
    return folder / "checkpoints" / "last.pt"


def point_path(folder: Path, done: int) -> Path:
    """Return where a run keeps its weights after `done` steps until training is over."""
    return folder / "checkpoints" / f"step-{done:06d}.pt"


def begun_with(folder: Path) -> str:
    """Return the sha256 of the method's source with which a run was begun; empty where that was not written down."""
    try:
        return _source_path(folder).read_text()
    except FileNotFoundError:
        return ""


def write_begun_with(folder: Path, sha256: str) -> None:
    """Write down with which source of its method a run is begun, before its first checkpoint."""
    atomic_write_text(_source_path(folder), sha256)


def _source_path(folder: Path) -> Path:
    # Beside the checkpoints, so that it goes when they do.
    return checkpoint_path(folder).with_name("source.sha256")


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write the checkpoint under a temporary name, flush it, and put it in the place of the last one."""
    with atomic_path(path) as temporary:
        torch.save(vars(checkpoint), temporary)


def load_checkpoint(path: Path, key: str) -> Checkpoint | None:
    """Return the checkpoint at `path`, None where there is none; a damaged or foreign one is a DataError."""
    if not path.exists():
        return None
    hint = f"remove {path} to start that run from the beginning"
    try:
        values = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError) as error:
        raise DataError(f"checkpoint {path} is damaged: {str(error).splitlines()[0]}", hint) from error
    if values.get("key") != key:
        raise DataError(f"checkpoint {path} belongs to another run", hint)
    return Checkpoint(**values)
