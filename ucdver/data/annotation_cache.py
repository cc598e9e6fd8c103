"""Annotations on disk: shards while they are computed, one file a domain when they are whole, links that runs open.

Below `annotations/` of the home folder each annotator has a folder, named by itself and the hash of what it declares:

    NAME-HASH/shards/       what is computed so far; removed once it stands in a domain's file
    NAME-HASH/domains/      KEY.npy (tensors) or KEY.jsonl (texts), and KEY.keys.npy, what each row was made from
    links/                  from (hash in a run's spec, domain, fingerprint) to a domain's file
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ucdver.data.images import open_npy
from ucdver.errors import DataError
from ucdver.files import atomic_path, atomic_write_text, reserve
from ucdver.spec.base import canonical_json, sha256_of
from ucdver.spec.run import RunSpec
from ucdver.spec.task import Domain

#: What one row was made from, a sha256.
RowKey = bytes
Values = npt.NDArray[Any] | list[str]

_AGAIN = "compute it: ucdver prepare SUITE"


class AnnotationStore:
    """The files of one annotator; whoever writes holds the lock at `lock`.

    Args:
        home: the catalog's home folder.
        name: the annotator's name.
        own_hash: the hash of its declared values.
        text: whether it gives texts.
    """

    def __init__(self, home: Path, name: str, own_hash: str, text: bool) -> None:
        self.folder = home / "annotations" / f"{name}-{own_hash[:16]}"
        self.lock = self.folder / ".lock"
        self._shards = self.folder / "shards"
        self._domains = self.folder / "domains"
        self._suffix = "jsonl" if text else "npy"

    def domain_file(self, keys: Sequence[RowKey]) -> Path:
        """Return the file of the rows with these keys, in this order; it need not exist."""
        name = hashlib.sha256(b"".join(keys)).hexdigest()[:16]
        return self._domains / f"{name}.{self._suffix}"

    def read(self, keys: Sequence[RowKey]) -> Values | None:
        """Return the rows with these keys, tensors as a memory map; None where they are not there as a whole."""
        path = self.domain_file(keys)
        whole = _stored_keys(_keys_file(path)) == list(keys)
        return _read(path, len(keys)) if whole else None

    def write_shard(self, keys: Sequence[RowKey], values: Values) -> None:
        """Keep rows that were computed just now."""
        name = hashlib.sha256(b"".join(keys)).hexdigest()[:16]
        if isinstance(values, list):
            lines = [json.dumps([key.hex(), text]) for key, text in zip(keys, values, strict=True)]
            atomic_write_text(self._shards / f"{name}.jsonl", "\n".join(lines) + "\n")
            return
        with atomic_path(self._shards / f"{name}.npz") as temporary:
            np.savez(temporary, keys=_as_array(keys), values=values)

    def sources(self) -> Iterator[tuple[list[RowKey], Values]]:
        """Yield all rows there are, of any domain, in pieces."""
        for path in sorted(self._domains.glob("[!.]*.keys.npy")):
            keys = _stored_keys(path)
            values = _read(path.with_name(f"{path.name.removesuffix('.keys.npy')}.{self._suffix}"), len(keys))
            if values is not None:
                yield keys, values
        for path in sorted(self._shards.glob("[!.]*")):
            shard = _read_shard(path)
            if shard is not None:
                yield shard

    def assemble(self, keys: Sequence[RowKey]) -> None:
        """Write the file of a domain, all of whose rows there are by now, and remove its shards."""
        path = self.domain_file(keys)
        with atomic_path(_keys_file(path)) as temporary:
            np.save(temporary, _as_array(keys), allow_pickle=False)
        places: dict[RowKey, list[int]] = {}
        for number, key in enumerate(keys):
            places.setdefault(key, []).append(number)
        with atomic_path(path) as temporary:
            if self._suffix == "jsonl":
                self._assemble_texts(temporary, places, len(keys))
            else:
                self._assemble_tensors(temporary, places, len(keys))
        for shard in self._shards.glob("[!.]*"):
            # Shards of another domain stay: its turn was cut short.
            held = _read_shard(shard)
            if held is None or places.keys() >= set(held[0]):
                shard.unlink()

    def sweep(self) -> None:
        """Remove what a killed process was about to write."""
        for folder in (self._shards, self._domains):
            for path in folder.glob(".tmp-*"):
                path.unlink()

    def _assemble_texts(self, path: Path, places: dict[RowKey, list[int]], count: int) -> None:
        texts = [""] * count
        for keys, values in self.sources():
            for key, text in zip(keys, values, strict=True):
                for number in places.get(key, ()):
                    texts[number] = text
        path.write_text("".join(json.dumps(text) + "\n" for text in texts), encoding="utf-8")

    def _assemble_tensors(self, path: Path, places: dict[RowKey, list[int]], count: int) -> None:
        whole: np.memmap[Any, Any] | None = None
        for keys, values in self.sources():
            assert isinstance(values, np.ndarray)
            if whole is None:
                shape = (count, *values.shape[1:])
                whole = np.lib.format.open_memmap(path, mode="w+", dtype=values.dtype, shape=shape)
                reserve(path)
            pairs = [(number, row) for row, key in enumerate(keys) for number in places.get(key, ())]
            if pairs:
                into, rows = np.array(pairs).T
                whole[into] = values[rows]
        if whole is not None:
            whole.flush()


def _as_array(keys: Sequence[RowKey]) -> npt.NDArray[np.uint8]:
    return np.frombuffer(b"".join(keys), np.uint8).reshape(len(keys), -1)


def _keys_file(path: Path) -> Path:
    return path.with_name(f"{path.stem}.keys.npy")


def _stored_keys(path: Path) -> list[RowKey]:
    """Return the keys of a domain's file; none where they are damaged, and the rows are then computed again."""
    try:
        return [row.tobytes() for row in np.load(path, allow_pickle=False)]
    except (OSError, ValueError, EOFError):
        return []


def _read_shard(path: Path) -> tuple[list[RowKey], Values] | None:
    """Return the rows of a shard, or None where it is damaged, and they are then computed again."""
    try:
        if path.suffix == ".jsonl":
            rows = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]
            return [bytes.fromhex(key) for key, _ in rows], [text for _, text in rows]
        with np.load(path, allow_pickle=False) as shard:
            return [row.tobytes() for row in shard["keys"]], shard["values"]
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
        return None


def _read(path: Path, count: int) -> Values | None:
    if not path.is_file():
        return None
    if path.suffix == ".jsonl":
        lines = path.read_text(encoding="utf-8").split("\n")[:-1]
        try:
            return [str(json.loads(line)) for line in lines] if len(lines) == count else None
        except ValueError:
            return None
    try:
        header = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return open_npy(path, (count, *header.shape[1:]), header.dtype.type)


def _link(home: Path, spec: RunSpec, name: str, domain: Domain) -> Path:
    made_of = [spec.annotations[name], str(domain), spec.data[str(domain)], spec.pictures.get(domain.dataset, "")]
    return home / "annotations" / "links" / f"{name}-{sha256_of(made_of)[:32]}.json"


def write_link(home: Path, spec: RunSpec, name: str, domain: Domain, file: Path | None, reason: str = "") -> None:
    """Note where the annotations lie that a run declares, or why there are none."""
    inside = file.relative_to(home / "annotations").as_posix() if file else ""
    atomic_write_text(_link(home, spec, name, domain), canonical_json({"file": inside, "reason": reason}) + "\n")


def open_annotations(home: Path, spec: RunSpec, name: str, domain: Domain) -> npt.NDArray[Any]:
    """Return the annotations [N, ...] of all rows of a domain, as a memory map.

    Raises:
        DataError: they were not computed, or it failed.
    """
    link = _link(home, spec, name, domain)
    what = f"annotation '{name}' of {domain}"
    if not link.is_file():
        raise DataError(f"{what} has not been computed", _AGAIN)
    try:
        found = json.loads(link.read_text(encoding="utf-8"))
        file, reason = Path(found["file"]), str(found["reason"])
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{link} is damaged: {error}", _AGAIN) from error
    if reason:
        raise DataError(f"{what} could not be computed: {reason}", _AGAIN)
    if file.is_absolute() or ".." in file.parts:
        raise DataError(f"{link} leads out of its folder", _AGAIN)
    path = home / "annotations" / file
    keys = _stored_keys(_keys_file(path))
    values = _read(path, len(keys)) if keys else None
    if not isinstance(values, np.ndarray):
        raise DataError(f"{what} is gone from {path}, or damaged", _AGAIN)
    return values
