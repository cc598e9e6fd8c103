"""From any picture file to a square of 8-bit colour, the same for every file of a kind."""

from __future__ import annotations

import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from ucdver.errors import DataError
from ucdver.spec.recipe import ImageRecipe

#: Raised whenever a pixel may come out differently; it is part of the name of every decoded cache.
DECODE_VERSION = 1
MAX_PIXELS = 64_000_000
_LEAVE_OUT = "ucdver data check NAME --quarantine"
_AGAIN = f"get the file again, or leave it out: {_LEAVE_OUT}"
# Pictures of more pixels are decoded one at a time by `open_grey`, whose threads would else need gigabytes together.
_MANY_PIXELS = 16_000_000
# What the EXIF orientation asks for.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
BACKGROUNDS = {"white": 255, "black": 0, "grey": 128}

# What Pillow's decoders raise on damaged files, apart from OSError.
_DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    OverflowError,
    struct.error,
    # Of the AVIF plugin, which writes the EXIF of some pictures anew while it opens them.
    RuntimeError,
    AttributeError,
)
#: What is opened, whatever a file is called. Not EPS, of which an interpreter of programs would be called; nor ICO,
#: whose plugin decodes the PNG inside while it opens the file, before its size can be looked at.
FORMATS = ("AVIF", "BMP", "DIB", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TGA", "TIFF", "WEBP")


def open_image(path: Path, recipe: ImageRecipe) -> Image.Image:
    """Return the picture in a file as `RGB` (or `L`, for one channel) of side `recipe.size`.

    The first frame of an animation is taken, the EXIF orientation applied, transparency laid on the recipe's
    background; colour profiles are not applied.

    Raises:
        DataError: the file is empty, truncated, no picture, of unscaled 32-bit pixels, or over 64 megapixels.
    """
    with damage_told(path):
        if path.stat().st_size == 0:
            raise DataError(f"{path} is empty", _AGAIN)
        with Image.open(path, formats=FORMATS) as image:
            # Pillow knows the size from the header; nothing is decoded yet.
            _check_size(path, image.size)
            image.load()
            # Before it is turned: what an image was opened as, which its depth depends on, is lost with a copy.
            return fit_image(_turned(_eight_bits(image), _orientation(image)), recipe)


def open_grey(
    stream: Path | BinaryIO, path: Path, side: int, large: threading.Lock
) -> tuple[tuple[int, int], Image.Image]:
    """Return the (width, height) of a picture and a quick grey one (`L`) of at least `side` pixels where it has them.

    A JPEG is decoded at the smallest scale that will do, which reads all of its bytes but computes few pixels, so
    that damage is found as `open_image` finds it. Transparency is laid on white.

    Args:
        stream: the file, or its content.
        path: how it is called in errors.
        side: of the smaller picture, in pixels.
        large: held while a picture of very many pixels is decoded; threads that decode together share it.

    Raises:
        DataError: as `open_image`.
    """
    with damage_told(path), Image.open(stream, formats=FORMATS) as image:
        _check_size(path, image.size)
        width, height = image.size
        image.draft("L", (side, side))
        with large if image.width * image.height > _MANY_PIXELS else nullcontext():
            image.load()
            plain = image.mode == "L" and not image.has_transparency_data
            grey = image.copy() if plain else _flatten(_eight_bits(image), 255).convert("L")
        orientation = _orientation(image)
    return ((height, width) if orientation in (5, 6, 7, 8) else (width, height)), _turned(grey, orientation)


@contextmanager
def damage_told(path: Path) -> Iterator[None]:
    """Turn what Pillow raises for a damaged picture into a DataError that names `path`."""
    try:
        yield
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_large(path, str(error)) from error
    except FileNotFoundError as error:
        raise DataError(
            f"{path} is gone", "put it back, or leave it out: remove its row, or 'ucdver data add' anew"
        ) from error
    except _DAMAGE as error:
        reason = "no picture that can be read" if isinstance(error, UnidentifiedImageError) else f"damaged: {error}"
        raise DataError(f"{path} is {reason}", _AGAIN) from error


def fit_image(image: Image.Image, recipe: ImageRecipe) -> Image.Image:
    """Return any picture as `RGB` or `L` of side `recipe.size`; ValueError where its pixels have no scale."""
    background = BACKGROUNDS[recipe.background]
    opaque = _flatten(_eight_bits(image), background)
    coloured = opaque if recipe.channels == 3 else opaque.convert("L")
    side = recipe.size
    if recipe.fit == "stretch":
        return coloured.resize((side, side), Image.Resampling.BICUBIC)
    if recipe.fit == "crop":
        return ImageOps.fit(coloured, (side, side), Image.Resampling.BICUBIC)
    scale = side / max(coloured.size)
    if recipe.fit == "centre":
        scale = min(scale, 1.0)
    width, height = (max(1, round(length * scale)) for length in coloured.size)
    canvas = Image.new(coloured.mode, (side, side), (background,) * 3 if recipe.channels == 3 else background)
    inner = coloured.resize((width, height), Image.Resampling.BICUBIC)
    canvas.paste(inner, ((side - width) // 2, (side - height) // 2))
    return canvas


def _check_size(path: Path, size: tuple[int, int]) -> None:
    if size[0] * size[1] > MAX_PIXELS:
        raise _too_large(path, f"it has {size[0]} x {size[1]} pixels")


def _too_large(path: Path, detail: str) -> DataError:
    return DataError(
        f"{path} is too large to be decoded safely: {detail}",
        f"make it smaller than {MAX_PIXELS // 1_000_000} megapixels, or leave it out: {_LEAVE_OUT}",
    )


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation of a loaded picture, 1 (upright) to 8; 1 where its EXIF cannot be read."""
    try:
        # Only read: `ImageOps.exif_transpose` writes the other tags anew, and fails where one of them is odd.
        found = image.getexif().get(ExifTags.Base.Orientation, 1)
        return int(found) if found in _TURNS else 1
    except _DAMAGE:
        return 1


def _turned(image: Image.Image, orientation: int) -> Image.Image:
    """Return the picture upright."""
    return image.transpose(_TURNS[orientation]) if orientation in _TURNS else image


def _eight_bits(image: Image.Image) -> Image.Image:
    """Bring grey of 16 bits to 8, with the one transparent value it may have as alpha."""
    if image.mode not in ("F", "I") and not image.mode.startswith("I;16"):
        return image
    values = np.asarray(image)
    # A 32-bit picture says nowhere what its white is. PNG and PPM of 16 bits are opened as such by some
    # Pillows.
    scaled = image.mode.startswith("I;16") or (image.mode == "I" and image.format in ("PNG", "PPM"))
    if not scaled:
        raise ValueError("its 32-bit pixels have no fixed scale; save it with 8 or 16 bits")
    grey = Image.fromarray(((values.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8))
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        grey.putalpha(Image.fromarray(np.where(values == transparent, 0, 255).astype(np.uint8)))
    return grey


def _flatten(image: Image.Image, background: int) -> Image.Image:
    """Lay the picture on the background where it has transparency, and return it as RGB."""
    if not image.has_transparency_data:
        return image.convert("RGB")
    layer = image.convert("RGBA")
    sheet = Image.new("RGBA", layer.size, (background, background, background, 255))
    return Image.alpha_composite(sheet, layer).convert("RGB")
