"""The version of what a plugin hands over as a class, and the hash of the file that defines it."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from ucdver.discovery import LOCAL_MODULE

_KNOWN: WeakKeyDictionary[Callable[..., Any], str] = WeakKeyDictionary()


def source_sha256(found: Callable[..., Any]) -> str:
    """Return the sha256 of the file that defines a class or function: to notice a change under one version.

    It is read once, as soon as a method's class is loaded: a later edit is not what this process runs.
    """
    if found not in _KNOWN:
        file = inspect.getsourcefile(found)
        _KNOWN[found] = hashlib.sha256(Path(file).read_bytes()).hexdigest() if file else ""
    return _KNOWN[found]


def version_of(version: str, target: str, found: type) -> str:
    """Return the version that a spec declares; that of a class in `ucdver_local.py` follows every edit of its file."""
    edited = local_sha256(target, lambda: found)
    return f"{version}+{edited[:12]}" if edited else version


def local_sha256(target: str, load: Callable[[], Callable[..., Any]]) -> str:
    """Return the sha256 of `ucdver_local.py` where a target lies in it, which has no version to raise; else nothing."""
    return source_sha256(load()) if target.partition(":")[0] == LOCAL_MODULE else ""
