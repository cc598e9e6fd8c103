"""Calls into an annotator's code: what it raises is told in words, and what it gives is held against its spec."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from ucdver.data.annotation_cache import Values
from ucdver.data.annotations import ResolvedAnnotator
from ucdver.data.annotator import Annotator, Item
from ucdver.errors import DataError, PluginError, UcdverError

T = TypeVar("T")


def guarded(annotator: ResolvedAnnotator, doing: str, call: Callable[[], T]) -> T:
    """Call a plugin's code; what it raises, but for an error in words, becomes a PluginError that names it."""
    try:
        return call()
    except UcdverError:
        raise
    except Exception as error:
        name, kind = annotator.spec.name, type(error).__name__
        raise PluginError(f"annotator '{name}' could not {doing}: {kind}: {error}") from error


def checked(annotator: ResolvedAnnotator, made: Annotator, items: list[Item], ids: Sequence[str]) -> Values:
    """Return what an annotator gives for a batch, refusing what is not of its kind, number or type."""
    name = annotator.spec.name
    given = guarded(annotator, "annotate", lambda: made.annotate(items))
    if annotator.spec.kind == "text":
        if not isinstance(given, list) or not all(isinstance(text, str) for text in given) or len(given) != len(ids):
            raise PluginError(f"annotator '{name}' must return a list of {len(ids)} texts")
        return given
    shape, least = ("V, N, ...", 3) if annotator.spec.views else ("...", 1)
    if not isinstance(given, Tensor) or given.dim() < least or len(given) != len(ids):
        raise PluginError(f"annotator '{name}' must return a tensor [{len(ids)}, {shape}], one row an image")
    wanted = np.dtype(made.dtype)
    if given.is_floating_point() != (wanted.kind == "f") or given.is_complex():
        raise PluginError(f"annotator '{name}' stores {made.dtype} and returned {given.dtype}")
    if wanted.kind in "iu" and given.numel() and given.dtype is not torch.bool:
        limits = np.iinfo(wanted)
        if int(given.min()) < limits.min or int(given.max()) > limits.max:
            raise PluginError(f"annotator '{name}' gave a number that {made.dtype} cannot hold")
    values = given.detach().cpu().to(getattr(torch, made.dtype)).numpy()
    bad = np.flatnonzero(~np.isfinite(values).reshape(len(ids), -1).all(axis=1))
    if bad.size:
        raise DataError(f"annotator '{name}' gave a value for image '{ids[bad[0]]}' that is not finite in {made.dtype}")
    return values
