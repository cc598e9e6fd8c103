"""What draws the pictures of a data set: the decoder for files, or a loader of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PIL import Image

from ucdver.data.decode import DECODE_VERSION, fit_image
from ucdver.data.manifest import Row
from ucdver.discovery import fenced, worded
from ucdver.errors import DataError, PluginError
from ucdver.registry import load_callable
from ucdver.source import local_sha256
from ucdver.spec.base import sha256_of
from ucdver.spec.plugin import DatasetSpec
from ucdver.spec.recipe import ImageRecipe

#: What a data set's loader returns for its folder: it draws the picture at a row's path.
Loader = Callable[[str, ImageRecipe], Image.Image]


def drawing_sha256(spec: DatasetSpec) -> str:
    """Return the hash of what draws a data set's pictures: a part of every run's key."""
    # A loader belongs to its data set and may change with it; the decoder for files has a version of its own.
    loader = spec.loader
    drawn_by = [spec.name, spec.version, loader] if loader else []
    if loader and (edited := local_sha256(loader, lambda: load_callable(loader, f"the loader of '{spec.name}'"))):
        drawn_by.append(edited)
    return sha256_of({"decoder": DECODE_VERSION, "loader": drawn_by})


def open_loader(spec: DatasetSpec, root: Path) -> Loader:
    """Return what the loader of a data set that has one makes of its folder; a PluginError where that fails."""
    assert spec.loader is not None
    owner = f"the loader of dataset '{spec.name}'"
    load = load_callable(spec.loader, owner)
    opened: Loader = fenced(owner, lambda: load(root))
    if not callable(opened):
        raise PluginError(f"{owner} returned a {type(opened).__name__}, not the function that draws")
    return opened


def draw_row(spec: DatasetSpec, load: Loader, row: Row, recipe: ImageRecipe) -> Image.Image:
    """Return a row's picture, fitted; whatever the loader raises or returns instead of one is a DataError."""
    problem = f"data set '{spec.name}': '{row.id}' cannot be drawn"
    hint = "get the data again, or report it to the plugin's author"
    return worded(DataError, problem, lambda: fit_image(load(row.path, recipe), recipe), hint)
