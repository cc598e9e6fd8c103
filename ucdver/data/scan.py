"""Reading every file of a data set once: its hash, whether it can be decoded, its size, and what it shows.

Threads do it, since reading, hashing and decoding leave the interpreter free. No more pictures are held than threads
work on, so memory does not grow with the number of files, and what is found is written down as it is found.
"""

from __future__ import annotations

import hashlib
import io
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import PIL
from PIL import Image

from ucdver.data.decode import DECODE_VERSION, open_grey
from ucdver.data.drawing import drawing_sha256, open_loader
from ucdver.data.hashing import PACKED_VERSION, hash_file
from ucdver.data.paths import Found
from ucdver.data.perceptual import HASH_VERSION, perceptual_hash
from ucdver.data.scan_cache import Facts, ScanCache, Stamp
from ucdver.data.threads import in_threads
from ucdver.discovery import attempt
from ucdver.errors import DataError
from ucdver.spec.plugin import DatasetSpec
from ucdver.spec.recipe import ImageRecipe

Progress = Callable[[int, int], None]
Look = Callable[[str], Facts]

# A larger file is hashed in pieces and then read a second time by the decoder, not held in memory.
_BUFFERED = 64 << 20
# Twice the side that the perceptual hash looks at, so that a scaled JPEG still gives all it needs.
_SIDE = 64
# Files that one thread does in one go: a hand-over costs some 50 microseconds, a small JPEG about 500.
_CHUNK = 16


@dataclass(frozen=True)
class Scan:
    """What is known of files: facts by key, and how many of those were read now and not known before."""

    facts: Mapping[str, Facts]
    read: int


def scan_header(spec: DatasetSpec, root: Path) -> dict[str, str]:
    """Return what the facts about a data set's files depend on besides the files."""
    drawn_by = f"{spec.loader} {drawing_sha256(spec)}, packed {PACKED_VERSION}" if spec.loader else ""
    # Of Pillow, since a picture that one version cannot decode may be whole to another.
    version = f"1.{DECODE_VERSION}.{HASH_VERSION}, Pillow {PIL.__version__}"
    return {"scan": version, "root": str(root), "loader": drawn_by}


def scan_path(folder: Path, root: Path) -> Path:
    """Return where below a data set's own folder the log of the files in `root` is."""
    return folder / f"scan-{hashlib.sha256(str(root).encode()).hexdigest()[:12]}.jsonl"


def stamps_of(found: Mapping[str, Found]) -> list[Stamp]:
    """Return the stamps of those paths that lead to files, empty ones too."""
    return [Stamp(part, one.size, one.mtime_ns) for part, one in found.items() if one.state in ("file", "empty")]


def scan(
    stamps: Sequence[Stamp],
    look: Look,
    cache: ScanCache,
    *,
    again: bool = False,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Scan:
    """Return the facts of every stamp's key, from the cache where it has them.

    Args:
        stamps: the files as they are now.
        look: reads one; called in threads.
        cache: gets what is found, a few files at a time, so that nothing is done twice after a kill.
        again: read all of them, known or not.
        workers: threads; as many as there are processors by default, 8 at most.
        progress: called with (done, total), first with those that were known.
    """
    facts: dict[str, Facts] = {}
    unknown: list[Stamp] = []
    for stamp in stamps:
        known = None if again else cache.get(stamp)
        if known is None:
            unknown.append(stamp)
        else:
            facts[stamp.key] = known
    done = len(facts)
    if progress is not None and unknown:
        progress(done, len(stamps))
    for chunk in in_threads(lambda stamp: (stamp, look(stamp.key)), unknown, workers, _CHUNK):
        # What the disk or its permissions refused, or a loader failed to draw, may be there the next time.
        cache.add((stamp, one) for stamp, one in chunk if one.sha256)
        facts.update((stamp.key, one) for stamp, one in chunk)
        done += len(chunk)
        if progress is not None:
            progress(done, len(stamps))
    return Scan(facts, len(unknown))


def hashing(root: Path) -> Look:
    """Return what only hashes a file, for those that hold other things than one picture."""

    def look(key: str) -> Facts:
        try:
            return Facts(hash_file(root / key))
        except OSError as error:
            return _not_read(error)

    return look


def _not_read(error: OSError) -> Facts:
    return Facts("", problem=f"not to be read: {error.strerror or error}")


class PictureReader:
    """Reads the files below `root`, each of which is one picture."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._large = threading.Lock()

    def __call__(self, key: str) -> Facts:
        """Return the facts of the file at `key`; one that cannot be decoded has a `problem`."""
        path = self._root / key
        try:
            with path.open("rb") as stream:
                if os.fstat(stream.fileno()).st_size > _BUFFERED:
                    return self._facts(hash_file(path), stream, path)
                data = stream.read()
        except OSError as error:
            return _not_read(error)
        return self._facts(hashlib.sha256(data).hexdigest(), io.BytesIO(data), path)

    def _facts(self, sha256: str, stream: BinaryIO, path: Path) -> Facts:
        try:
            (width, height), grey = open_grey(stream, path, _SIDE, self._large)
        except DataError as error:
            return Facts(sha256, problem=error.problem.removeprefix(f"{path} is "))
        return Facts(sha256, width, height, perceptual_hash(grey))


class DrawnReader:
    """Draws the rows of a data set that has a loader; the hash is of the pixels.

    Raises:
        PluginError: the loader cannot be imported, or opens nothing.
    """

    def __init__(self, spec: DatasetSpec, root: Path) -> None:
        self._draw = open_loader(spec, root)
        self._recipe = ImageRecipe(size=_SIDE)

    def __call__(self, key: str) -> Facts:
        """Return the facts of the picture at a row's path; one that cannot be drawn has a `problem`."""
        found, error = attempt(lambda: self._pixels(key))
        if isinstance(error, MemoryError):
            raise error
        if error is not None:
            # Without a hash, so that it is not remembered: the fault may lie in what the loader reads or imports.
            return Facts("", problem=f"not drawn by its loader: {type(error).__name__}: {error}")
        pixels, flat = found
        sheet = Image.new("RGBA", flat.size, "white")
        grey = Image.alpha_composite(sheet, flat.convert("RGBA")).convert("L")
        return Facts(hashlib.sha256(pixels).hexdigest(), phash=perceptual_hash(grey))

    def _pixels(self, key: str) -> tuple[bytes, Image.Image]:
        picture = self._draw(key, self._recipe)
        picture.load()
        pixels = f"{picture.mode} {picture.size} ".encode() + picture.tobytes()
        return pixels, picture.convert("RGBA") if picture.has_transparency_data else picture.convert("RGB")
