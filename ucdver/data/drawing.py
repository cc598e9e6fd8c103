"""What draws the pictures of a data set: the decoder for files, or a loader of its own."""

from __future__ import annotations

from ucdver.data.decode import DECODE_VERSION
from ucdver.registry import load_callable
from ucdver.source import local_sha256
from ucdver.spec.base import sha256_of
from ucdver.spec.plugin import DatasetSpec


def drawing_sha256(spec: DatasetSpec) -> str:
    """Return the hash of what draws a data set's pictures: a part of every run's key."""
    # A loader belongs to its data set and may change with it; the decoder for files has a version of its own.
    loader = spec.loader
    drawn_by = [spec.name, spec.version, loader] if loader else []
    if loader and (edited := local_sha256(loader, lambda: load_callable(loader, f"the loader of '{spec.name}'"))):
        drawn_by.append(edited)
    return sha256_of({"decoder": DECODE_VERSION, "loader": drawn_by})
