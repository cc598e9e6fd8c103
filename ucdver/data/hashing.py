"""Hashes of files, and of the parts of files that are pictures."""

from __future__ import annotations

import hashlib
from pathlib import Path


def hash_file(path: Path) -> str:
    """Return the sha256 of a file as 64 hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def file_part(path: str) -> str:
    """Return a row's path without the `#part` that only its loader understands."""
    return path.partition("#")[0]


def path_digest(path: str, file_digest: str) -> str:
    """Return the digest of what a row's path names, given the sha256 of its file."""
    _, hash_sign, part = path.partition("#")
    return hashlib.sha256(f"{file_digest}#{part}".encode()).hexdigest() if hash_sign else file_digest
