"""The version of what a plugin hands over as a class, and hashes of the file that defines it and of its weights."""

from __future__ import annotations

import functools
import hashlib
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from ucdver.discovery import LOCAL_MODULE, fenced
from ucdver.errors import PluginError

_KNOWN: WeakKeyDictionary[Callable[..., Any], str] = WeakKeyDictionary()


def source_sha256(found: Callable[..., Any]) -> str:
    """Return the sha256 of the file that defines a class or function: to notice a change under one version.

    It is read once, as soon as a method's class is loaded: a later edit is not what this process runs.
    """
    if found not in _KNOWN:
        _KNOWN[found] = _sha256(inspect.getsourcefile(_written(found)))
    return _KNOWN[found]


def version_of(version: str, target: str, found: type) -> str:
    """Return the version that a spec declares; that of a class in `ucdver_local.py` follows every edit of its file."""
    edited = local_sha256(target, lambda: found)
    return f"{version}+{edited[:12]}" if edited else version


def local_sha256(target: str, load: Callable[[], Callable[..., Any]]) -> str:
    """Return the sha256 of `ucdver_local.py` where a target lies in it, which has no version to raise; else nothing."""
    if target.partition(":")[0] != LOCAL_MODULE:
        return ""
    found = load()
    try:
        return source_sha256(found)
    except TypeError:
        # An instance with a `__call__`, or a function of C, which have no source to ask for.
        return _sha256(sys.modules[LOCAL_MODULE].__file__)


def weights_hash(owner: str, tell: Callable[[], str]) -> str:
    """Return the hash that a plugin's `weights_sha256` gives; what it raises but a WeightsError is a PluginError."""
    found = fenced(f"{owner}, weights_sha256", tell)
    if not isinstance(found, str):
        raise PluginError(f"{owner}, weights_sha256 must return a text, not {found!r}")
    return found


def _written(found: Callable[..., Any]) -> Callable[..., Any]:
    """Return what stands in the file below decorators, whose own code is another file's, and `functools.partial`."""
    bare = inspect.unwrap(found)
    return _written(bare.func) if isinstance(bare, functools.partial) else bare


def _sha256(file: str | None) -> str:
    return hashlib.sha256(Path(file).read_bytes()).hexdigest() if file else ""
