"""Hashes of files, and of the parts of files that are pictures."""

from __future__ import annotations

import hashlib
import lzma
import zipfile
import zlib
from pathlib import Path

_ARRAYS = ".npz"
#: How files are hashed that hold many pictures; facts that were kept under another version are found anew.
PACKED_VERSION = 2


def hash_file(path: Path) -> str:
    """Return the sha256 of a file as 64 hexadecimal digits; of an npz that of its arrays, however they were packed.

    Two files that hold the same arrays differ in dates and compression: runs on them should compare all the same.
    """
    if path.suffix == _ARRAYS:
        try:
            return _hash_members(path)
        except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, RuntimeError, ValueError):
            # Damaged or locked: whoever reads it will say so, and until then it is what it is.
            pass
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _hash_members(path: Path) -> str:
    whole = hashlib.sha256()
    with zipfile.ZipFile(path) as archive:
        for name in sorted(archive.namelist()):
            with archive.open(name) as stream:
                part = hashlib.sha256()
                while block := stream.read(2**20):
                    part.update(block)
            whole.update(f"{name}\0{part.hexdigest()}\n".encode())
    return whole.hexdigest()


def file_part(path: str) -> str:
    """Return a row's path without the `#part` that only its loader understands."""
    return path.partition("#")[0]


def path_digest(path: str, file_digest: str) -> str:
    """Return the digest of what a row's path names, given the sha256 of its file."""
    _, hash_sign, part = path.partition("#")
    return hashlib.sha256(f"{file_digest}#{part}".encode()).hexdigest() if hash_sign else file_digest
