"""The image store: every picture of a domain decoded once, into one uint8 memory map."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from filelock import FileLock
from PIL import Image

from ucdver.data.catalog import Catalog, how_to_get
from ucdver.data.decode import open_image
from ucdver.data.drawing import draw_row, drawing_sha256, open_loader
from ucdver.data.manifest import Manifest, Row, file_part, hash_files, hash_of, row_digest
from ucdver.data.threads import in_threads
from ucdver.errors import DataError
from ucdver.files import atomic_path, reserve, sweep
from ucdver.registry import Registry
from ucdver.spec.base import sha256_of
from ucdver.spec.plugin import DatasetSpec
from ucdver.spec.recipe import ImageRecipe
from ucdver.spec.task import Domain

__all__ = ["ImageStore", "open_image", "open_images", "open_npy"]

Draw = Callable[[Row], Image.Image]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class ImageStore:
    """The decoded images of one domain.

    Attributes:
        ids: row ids, in the order of the manifest; row i of `array` is the image of `ids[i]`.
        array: uint8 [N, C, H, W], mapped copy-on-write, so that nothing done to it reaches the disk.
        key: names the content: data fingerprint and decode recipe.
        home: the catalog's home folder.
    """

    ids: list[str]
    array: npt.NDArray[np.uint8]
    key: str
    home: Path


def open_images(
    catalog: Catalog,
    registry: Registry,
    domain: Domain,
    recipe: ImageRecipe,
    workers: int | None = None,
    progress: Progress | None = None,
) -> ImageStore:
    """Return the decoded images of `domain`, decoding them first where the cache does not hold them.

    Args:
        catalog: must already have the data set.
        registry: gives the data set's spec, and with it the loader that may replace the decoder.
        domain: whose rows, with or without a label.
        recipe: size, fit, background and channels.
        workers: threads; as many as there are processors by default, 8 at most.
        progress: called with (done, total) as pictures are decoded; not called where the cache holds them.

    Raises:
        DataError: a picture is damaged, or its file is not the one that the manifest was made from.
    """
    spec = registry.datasets.get(domain.dataset)
    manifest = catalog.manifest(domain.dataset)
    rows = manifest.rows(domain.name)
    key = f"{manifest.fingerprint(domain.name)[:16]}-{_recipe_hash(spec, recipe)[:16]}"
    path = catalog.home / "images" / f"{key}.npy"
    shape = (len(rows), recipe.channels, recipe.size, recipe.size)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Locked even to read: on some systems a file that is open cannot be replaced.
    with FileLock(path.with_name(f".{key}.lock")):
        array = open_npy(path, shape, np.uint8)
        if array is None:
            draw = _drawer(spec, manifest, catalog.root(domain.dataset), rows, recipe)
            sweep(path)
            with atomic_path(path) as temporary:
                _decode(rows, draw, temporary, shape, workers, progress)
            array = open_npy(path, shape, np.uint8)
    if array is None:
        raise DataError(f"{path} cannot be read back", "is the disk full or the folder removed?")
    return ImageStore([row.id for row in rows], array, key, catalog.home)


def open_npy(path: Path, shape: tuple[int, ...], dtype: type[np.generic]) -> npt.NDArray[Any] | None:
    """Map a .npy file copy-on-write; None where it is absent, damaged or of another shape or type."""
    if not path.is_file():
        return None
    if 0 in shape:
        return np.zeros(shape, dtype)
    try:
        array = np.load(path, mmap_mode="c", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    fits = array.shape == shape and array.dtype == dtype and path.stat().st_size == array.offset + array.nbytes
    return array if fits else None


def _recipe_hash(spec: DatasetSpec, recipe: ImageRecipe) -> str:
    return sha256_of({"drawing": drawing_sha256(spec), "recipe": recipe.model_dump(mode="json")})


def _drawer(spec: DatasetSpec, manifest: Manifest, root: Path, rows: Sequence[Row], recipe: ImageRecipe) -> Draw:
    """Return the function that draws one row's picture from a file that is what the manifest says it is."""
    if spec.loader is None:

        def from_file(row: Row) -> Image.Image:
            path = root / file_part(row.path)
            if not path.is_file():
                raise _changed(spec, root, f"{path} is gone")
            if row_digest(row, hash_of(spec, path)) != manifest.digests[row.id]:
                raise _replaced(spec, root, path)
            return open_image(path, recipe)

        return from_file

    files = hash_files(spec, root, rows)
    for row in rows:
        if row_digest(row, files[file_part(row.path)]) != manifest.digests[row.id]:
            raise _replaced(spec, root, root / file_part(row.path))
    load = open_loader(spec, root)
    return lambda row: draw_row(spec, load, row, recipe)


def _changed(spec: DatasetSpec, root: Path, problem: str) -> DataError:
    return DataError(f"data set '{spec.name}': {problem}", how_to_get(spec, root))


def _replaced(spec: DatasetSpec, root: Path, path: Path) -> DataError:
    # A scan goes by size and time of change, which a file put in the place of another may share with it.
    again = f"ucdver data check {spec.name} --again, and then: {how_to_get(spec, root)}"
    return DataError(f"data set '{spec.name}': {path} is not the file it was", again)


def _decode(
    rows: Sequence[Row],
    draw: Draw,
    path: Path,
    shape: tuple[int, ...],
    workers: int | None,
    progress: Progress | None,
) -> None:
    array = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
    reserve(path)

    def one(number: int) -> None:
        pixels = np.asarray(draw(rows[number]))
        array[number] = pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)

    decoded = chain.from_iterable(in_threads(one, range(len(rows)), workers))
    for done, _ in enumerate(decoded, start=1):
        if progress is not None:
            progress(done, len(rows))
    array.flush()
