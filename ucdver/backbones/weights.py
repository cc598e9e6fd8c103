"""Reading weights from a file without running what is in it, and loading them without letting a key slip."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from ucdver.errors import WeightsError

#: Where training scripts put the weights when they save more than the weights.
_WRAPPERS = ("state_dict", "model")


def read_weights(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a `.safetensors` file or of one that torch saved.

    Nothing is unpickled but tensors and plain containers. A file that is absent, damaged or holds anything
    else is a WeightsError.
    """
    if not path.is_file():
        raise WeightsError(f"there are no weights at '{path}'", "check the path after the @")
    try:
        found = load_file(path) if path.suffix == ".safetensors" else _read_torch(path)
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError, OSError) as error:
        first_line = str(error).partition("\n")[0]
        raise WeightsError(
            f"'{path}' cannot be read as weights: {first_line}", "save the state dict as safetensors"
        ) from error
    for wrapper in _WRAPPERS:
        if isinstance(found, dict) and isinstance(found.get(wrapper), dict):
            found = found[wrapper]
    if not isinstance(found, dict) or not found or not all(isinstance(v, Tensor) for v in found.values()):
        raise WeightsError(f"'{path}' holds no state dict", "save the state dict as safetensors")
    return dict(found)


def load_state(module: nn.Module, state: Mapping[str, Tensor], path: Path, drop: Iterable[str] = ()) -> None:
    """Load `state` into `module`; every key must fit, but for those below `drop` that the module lacks.

    A missing, an unexpected or a wrongly shaped tensor is a WeightsError that names the first of them and
    `path`.
    """
    expected = module.state_dict()
    prefixes = tuple(f"{prefix}." for prefix in drop)
    kept = {k: v for k, v in state.items() if k in expected or not k.startswith(prefixes)}
    missing = [key for key in expected if key not in kept]
    unexpected = [key for key in kept if key not in expected]
    if missing or unexpected:
        parts = [f"lacks {_first(missing)}"] if missing else []
        parts += [f"has the unexpected {_first(unexpected)}"] if unexpected else []
        raise WeightsError(f"'{path}' does not fit the network: it {' and '.join(parts)}")
    for key, value in kept.items():
        if value.shape != expected[key].shape:
            shapes = f"{list(value.shape)}, not {list(expected[key].shape)}"
            raise WeightsError(f"'{path}' does not fit the network: '{key}' is {shapes}")
    module.load_state_dict(kept)


def load_weights(module: nn.Module, path: Path, drop: Iterable[str] = ()) -> None:
    """Read the weights at `path` into `module`, as `read_weights` and `load_state` do."""
    load_state(module, read_weights(path), path, drop)


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file, as 64 hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _read_torch(path: Path) -> object:
    return torch.load(path, map_location="cpu", weights_only=True)


def _first(keys: list[str]) -> str:
    more = f" and {len(keys) - 1} more" if len(keys) > 1 else ""
    return f"'{keys[0]}'{more}"
