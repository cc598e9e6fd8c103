"""The version of what a plugin hands over as a class, and the hash of the file that defines it."""

from __future__ import annotations

import hashlib
import inspect
from pathlib import Path

from ucdver.discovery import LOCAL_MODULE


def source_sha256(found: type) -> str:
    """Return the sha256 of the file that defines a class: provenance, to notice a change under one version."""
    file = inspect.getsourcefile(found)
    return hashlib.sha256(Path(file).read_bytes()).hexdigest() if file else ""


def version_of(version: str, target: str, found: type) -> str:
    """Return the version that a spec declares; that of a class in `ucdver_local.py` follows every edit of its file."""
    if target.partition(":")[0] != LOCAL_MODULE:
        return version
    return f"{version}+{source_sha256(found)[:12]}"
