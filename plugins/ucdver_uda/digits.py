"""MNIST and USPS from one `digits.npz`: the domain pair with published numbers to check methods against."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ucdver import DataError, ImageRecipe, Row

FILE = "digits.npz"
SPACE = "digits10"
DOMAINS = ("mnist", "usps")
SPLITS = ("train", "test")
HINT = "'ucdver show dataset digits' says which arrays digits.npz must hold"


def read(root: Path) -> Iterator[Row]:
    """Yield one row an image, domain by domain, in the order of the arrays; a damaged file is a DataError."""
    labels = _arrays(root, [f"{domain}_{split}_y" for domain in DOMAINS for split in SPLITS], ndim=1)
    images = _arrays(root, [f"{domain}_{split}" for domain in DOMAINS for split in SPLITS], ndim=3)
    for domain in DOMAINS:
        for split in SPLITS:
            key = f"{domain}_{split}"
            if len(labels[f"{key}_y"]) != len(images[key]):
                raise DataError(
                    f"'{FILE}' has {len(images[key])} images but {len(labels[f'{key}_y'])} labels in '{key}'"
                )
            for number, label in enumerate(labels[f"{key}_y"].tolist()):
                if not 0 <= label <= 9:
                    raise DataError(f"'{FILE}' has the label {label} in '{key}_y', number {number}", HINT)
                yield Row(
                    id=f"{domain}/{split}/{number:05d}",
                    path=f"{FILE}#{key}/{number}",
                    domain=domain,
                    labels={SPACE: str(label)},
                    split=split,
                )


def loader(root: Path) -> Callable[[str, ImageRecipe], Image.Image]:
    """Open `digits.npz` once and return what draws a row's picture, light on dark as in the originals.

    The picture is square, `recipe.size` a side (bilinear), in mode L or RGB as `recipe.channels` says.
    """
    images = _arrays(root, [f"{domain}_{split}" for domain in DOMAINS for split in SPLITS], ndim=3)

    def draw(path: str, recipe: ImageRecipe) -> Image.Image:
        key, _, number = path.removeprefix(f"{FILE}#").partition("/")
        if key not in images or not number.isdecimal() or int(number) >= len(images[key]):
            raise DataError(
                f"'{path}' is not an image of '{FILE}'",
                "add the data set again: ucdver data add digits --root DIR",
            )
        picture = Image.fromarray(images[key][int(number)])
        picture = picture.resize((recipe.size, recipe.size), Image.Resampling.BILINEAR)
        return picture.convert("RGB") if recipe.channels == 3 else picture

    return draw


def _arrays(root: Path, keys: list[str], ndim: int) -> dict[str, NDArray[np.uint8]]:
    path = root / FILE
    if not path.is_file():
        raise DataError(f"there is no '{FILE}' in {root}", HINT)
    found: dict[str, NDArray[np.uint8]] = {}
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            for key in keys:
                if key not in archive:
                    raise DataError(f"'{path}' has no array '{key}'", HINT)
                found[key] = archive[key]
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"'{path}' cannot be read: {error}", "it is damaged, or not an npz file") from error
    for key, array in found.items():
        if array.dtype != np.uint8 or array.ndim != ndim:
            raise DataError(f"'{key}' in '{path}' is {array.dtype} with {array.ndim} axes, not uint8 with {ndim}", HINT)
    return found
