"""Hashes stand for what is in a file, not for how it was packed."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np

from ucdver.data.hashing import hash_file


def test_a_files_hash_is_its_sha256(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"pixels")
    assert hash_file(path) == hashlib.sha256(b"pixels").hexdigest()


def test_arrays_hash_alike_however_they_were_packed_and_never_when_one_differs(tmp_path: Path) -> None:
    images, labels = np.arange(24, dtype=np.uint8).reshape(2, 3, 4), np.array([1, 2])
    np.savez(tmp_path / "plain.npz", images=images, labels=labels)
    np.savez_compressed(tmp_path / "packed.npz", labels=labels, images=images)
    os.utime(tmp_path / "packed.npz", (0, 0))
    alike = {hash_file(tmp_path / name) for name in ("plain.npz", "packed.npz")}
    assert len(alike) == 1
    for number, (one, other) in enumerate([(images + 1, labels), (images.reshape(3, 2, 4), labels), (labels, images)]):
        np.savez(tmp_path / f"{number}.npz", images=one, labels=other)
        assert hash_file(tmp_path / f"{number}.npz") not in alike


def test_a_damaged_file_of_arrays_has_a_hash_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez_compressed(path, images=np.arange(10_000, dtype=np.int64))
    whole, content = hash_file(path), bytearray(path.read_bytes())
    content[300] ^= 255
    path.write_bytes(content)
    assert hash_file(path) != whole
    path.write_bytes(content[:500])
    assert hash_file(path) == hashlib.sha256(content[:500]).hexdigest()
