"""Pictures are turned as their EXIF says, whatever else is in it."""

from __future__ import annotations

import threading
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from ucdver.data.decode import fit_image, open_grey
from ucdver.data.images import open_image
from ucdver.errors import DataError
from ucdver.spec.recipe import ImageRecipe

STRETCH = ImageRecipe(size=16, fit="stretch")


def opened(path: Path, **recipe: Any) -> np.ndarray[Any, Any]:
    return np.asarray(open_image(path, STRETCH.model_copy(update=recipe))).astype(int)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_exif_orientation_is_applied(tmp_path: Path, orientation: int) -> None:
    # The upright picture is dark in its top left quarter; the stored one is what a turned camera would write.
    upright = np.full((16, 16), 255, np.uint8)
    upright[:8, :8] = 0
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.T,
        6: np.rot90(upright),
        7: np.rot90(upright, 2).T,
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[274] = orientation
    Image.fromarray(np.ascontiguousarray(stored)).save(tmp_path / "x.png", exif=exif)
    np.testing.assert_array_equal(opened(tmp_path / "x.png")[..., 0], upright)


def photograph(mode: str = "RGB") -> Image.Image:
    noise = np.random.Generator(np.random.Philox(0)).integers(0, 256, (40, 64, 4), dtype=np.uint8)
    return Image.fromarray(noise, "RGBA").convert(mode)


def oddly(exif: bytes) -> bytes:
    """Return EXIF, or a file that holds it, with the maker as a fraction: it can be read, and not be written again."""
    at = exif.index(b"\x01\x0f\x00\x02") + 2
    return exif[:at] + b"\x00\x05\x00\x00\x00\x01" + exif[at + 6 :]


@pytest.mark.parametrize(
    ("suffix", "mode"), [("jpg", "RGB"), ("jpg", "L"), ("png", "RGBA"), ("png", "P"), ("tiff", "L")]
)
def test_a_turned_picture_has_the_pixels_that_pillows_own_turning_gives(tmp_path: Path, suffix: str, mode: str) -> None:
    path, recipe, exif = tmp_path / f"x.{suffix}", ImageRecipe(size=24, fit="pad"), Image.Exif()
    exif[274] = 6
    photograph(mode).save(path, exif=exif)
    with Image.open(path) as image:
        expected = fit_image(ImageOps.exif_transpose(image), recipe)
    np.testing.assert_array_equal(np.asarray(open_image(path, recipe)), np.asarray(expected))


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
def test_a_tag_that_cannot_be_written_again_keeps_no_picture_from_being_turned(tmp_path: Path, suffix: str) -> None:
    stored, exif = photograph(), Image.Exif()
    exif[0x010F], exif[0x0112] = "Canon camera", 6
    for name, written in (("odd", oddly(exif.tobytes())), ("plain", exif.tobytes())):
        stored.save(tmp_path / f"{name}.{suffix}", exif=written)
    odd, plain = tmp_path / f"odd.{suffix}", tmp_path / f"plain.{suffix}"
    np.testing.assert_array_equal(opened(odd), opened(plain))
    assert open_grey(odd, odd, 64, threading.Lock())[0] == (40, 64)


@pytest.mark.parametrize("written", [b"Exif\0\0no TIFF at all", b"II*\0\xff\xff\xff\x7f"])
def test_exif_that_cannot_be_read_leaves_the_picture_as_it_is_stored(tmp_path: Path, written: bytes) -> None:
    for suffix in ("jpg", "png"):
        broken, without = tmp_path / f"broken.{suffix}", tmp_path / f"without.{suffix}"
        photograph().save(broken, exif=written)
        photograph().save(without)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of EXIF that is cut off
            np.testing.assert_array_equal(opened(broken), opened(without))
            assert open_grey(broken, broken, 64, threading.Lock())[0] == (64, 40)


def test_an_avif_whose_exif_cannot_be_written_again_is_told(tmp_path: Path) -> None:
    # Pillow's plugin does so while it opens one that is turned.
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "Canon camera", 6
    photograph().save(tmp_path / "x.avif", exif=exif)
    (tmp_path / "x.avif").write_bytes(oddly((tmp_path / "x.avif").read_bytes()))
    with pytest.raises(DataError, match=r"x\.avif is damaged"):
        opened(tmp_path / "x.avif")
