"""Every kind of picture, drawn by Pillow into a real file, and every way in which one can be damaged."""

from __future__ import annotations

import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ucdver.data.decode import FORMATS, MAX_PIXELS, fit_image
from ucdver.data.images import open_image
from ucdver.errors import DataError
from ucdver.spec.recipe import ImageRecipe

STRETCH = ImageRecipe(size=16, fit="stretch")


def opened(path: Path, **recipe: Any) -> np.ndarray[Any, Any]:
    return np.asarray(open_image(path, STRETCH.model_copy(update=recipe))).astype(int)


def halves(left: Any, right: Any, mode: str) -> Image.Image:
    image = Image.new(mode, (16, 16), left)
    image.paste(right, (8, 0, 16, 16))
    return image


@pytest.mark.parametrize(
    ("image", "suffix", "left", "right"),
    [
        (halves((255, 0, 0), (0, 0, 255), "RGB"), "png", (255, 0, 0), (0, 0, 255)),
        (halves(60, 200, "L"), "png", (60,) * 3, (200,) * 3),
        (halves(0, 1, "1"), "png", (0,) * 3, (255,) * 3),
        (halves((0, 255, 255, 0), (0, 0, 0, 255), "CMYK"), "tiff", (255, 0, 0), (0, 0, 0)),
        (halves((0, 0, 0, 0), (255, 0, 0, 255), "RGBA"), "png", (255, 255, 255), (255, 0, 0)),
        (halves((0, 0, 0, 128), (0, 0, 0, 255), "RGBA"), "png", (127,) * 3, (0,) * 3),
        (halves((0, 0), (90, 255), "LA"), "png", (255,) * 3, (90,) * 3),
        (halves((255, 0, 0), (0, 0, 255), "RGB").quantize(4), "gif", (255, 0, 0), (0, 0, 255)),
        (halves((255, 0, 0), (0, 0, 255), "RGB"), "webp", (255, 0, 0), (0, 0, 255)),
        (halves((255, 0, 0), (0, 0, 255), "RGB"), "bmp", (255, 0, 0), (0, 0, 255)),
    ],
    ids=["rgb", "grey", "one-bit", "cmyk", "clear", "half-clear", "grey-alpha", "palette", "webp", "bmp"],
)
def test_every_colour_mode(tmp_path: Path, image: Image.Image, suffix: str, left: Any, right: Any) -> None:
    path = tmp_path / f"x.{suffix}"
    image.save(path, lossless=True)
    pixels = opened(path)
    assert pixels.shape == (16, 16, 3)
    np.testing.assert_allclose(pixels[8, 2], left, atol=2)
    np.testing.assert_allclose(pixels[8, 13], right, atol=2)


def test_a_cmyk_jpeg(tmp_path: Path) -> None:
    Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(tmp_path / "x.jpg", quality=95)
    np.testing.assert_allclose(opened(tmp_path / "x.jpg")[8, 8], (255, 0, 0), atol=6)


def test_a_transparent_palette_entry_shows_the_background(tmp_path: Path) -> None:
    palette = Image.new("P", (16, 16), 0)
    palette.putpalette([10, 20, 30, 200, 100, 0])
    palette.paste(1, (8, 0, 16, 16))
    for suffix in ("png", "gif"):
        palette.save(tmp_path / f"x.{suffix}", transparency=0)
        for background, value in (("white", 255), ("black", 0), ("grey", 128)):
            pixels = opened(tmp_path / f"x.{suffix}", background=background)
            assert pixels[8, 2].tolist() == [value] * 3
            assert pixels[8, 13].tolist() == [200, 100, 0]


def test_sixteen_bits_are_scaled_not_cut(tmp_path: Path) -> None:
    values = np.tile(np.linspace(200, 65535, 16).astype(np.uint16), (16, 1))
    for name in ("x.png", "x.tiff"):
        Image.fromarray(values).save(tmp_path / name)
        np.testing.assert_array_equal(opened(tmp_path / name)[3, :, 0], np.round(values[3] / 257.0))
    Image.fromarray(values).save(tmp_path / "t.png", transparency=int(values[0, 5]))
    assert opened(tmp_path / "t.png", background="black")[3, 5].tolist() == [0, 0, 0]
    assert opened(tmp_path / "t.png", background="black")[3, 6, 0] == round(values[3, 6] / 257.0)


@pytest.mark.parametrize("dtype", [np.float32, np.int32])
def test_pixels_without_a_scale_are_refused(tmp_path: Path, dtype: type) -> None:
    Image.fromarray(np.ones((8, 8), dtype)).save(tmp_path / "x.tiff")
    with pytest.raises(DataError, match=r"x\.tiff is damaged: .*no fixed scale; save it"):
        opened(tmp_path / "x.tiff")


def test_grey_of_sixteen_bits_in_a_pgm_is_scaled(tmp_path: Path) -> None:
    values = np.tile(np.linspace(200, 65535, 16).astype(">u2"), (16, 1))
    (tmp_path / "x.pgm").write_bytes(b"P5 16 16 65535\n" + values.tobytes())
    np.testing.assert_array_equal(opened(tmp_path / "x.pgm")[3, :, 0], np.round(values[3] / 257.0))


@pytest.mark.parametrize("suffix", ["gif", "png", "webp"])
def test_of_an_animation_the_first_frame_is_taken(tmp_path: Path, suffix: str) -> None:
    frames = [Image.new("RGB", (16, 16), colour) for colour in ((255, 0, 0), (0, 255, 0), (0, 0, 255))]
    frames[0].save(tmp_path / f"x.{suffix}", save_all=True, append_images=frames[1:], duration=50)
    np.testing.assert_allclose(opened(tmp_path / f"x.{suffix}")[8, 8], (255, 0, 0), atol=4)


def test_one_channel_is_the_luma_of_the_colour(tmp_path: Path) -> None:
    Image.new("RGB", (16, 16), (255, 0, 0)).save(tmp_path / "x.png")
    image = open_image(tmp_path / "x.png", STRETCH.model_copy(update={"channels": 1}))
    assert (image.mode, image.size, image.getpixel((3, 3))) == ("L", (16, 16), 76)


def test_the_three_fits(tmp_path: Path) -> None:
    # Three bars beside each other, 48 x 16: black, grey, black.
    wide = Image.new("L", (48, 16), 0)
    wide.paste(100, (16, 0, 32, 16))
    wide.save(tmp_path / "x.png")
    crop = opened(tmp_path / "x.png", fit="crop")[..., 0]
    assert set(crop.flatten()) == {100}
    stretch = opened(tmp_path / "x.png", fit="stretch")[..., 0]
    assert stretch[8, 8] >= 100 and stretch[8, 1] == 0 and (stretch[0] == stretch[15]).all()
    pad = opened(tmp_path / "x.png", fit="pad", size=48)[..., 0]
    assert (pad[:16] == 255).all() and (pad[32:] == 255).all()
    np.testing.assert_array_equal(pad[16:32], np.asarray(wide))
    grey = opened(tmp_path / "x.png", fit="pad", size=48, background="grey", channels=1)
    assert grey[0, 0] == 128


def test_shrinking_averages_what_it_drops(tmp_path: Path) -> None:
    checks = (np.indices((256, 256)).sum(0) % 2 * 255).astype(np.uint8)
    Image.fromarray(checks).save(tmp_path / "x.png")
    assert np.abs(opened(tmp_path / "x.png") - 127.5).max() < 4


@pytest.mark.parametrize(("side", "shown"), [(28, 16), (16, 16), (8, 8)])
def test_centre_keeps_the_pixels_of_what_is_small(side: int, shown: int) -> None:
    picture = np.random.Generator(np.random.Philox(0)).integers(1, 256, (16, 16), dtype=np.uint8)
    recipe = ImageRecipe(size=side, fit="centre", background="black", channels=1)
    fitted = np.asarray(fit_image(Image.fromarray(picture), recipe))
    edge = (side - shown) // 2
    inner = fitted[edge : edge + shown, edge : edge + shown]
    if side >= 16:
        np.testing.assert_array_equal(inner, picture)
    assert fitted.shape == (side, side) and fitted.sum(dtype=int) == inner.sum(dtype=int)


@pytest.mark.parametrize("size", [(1, 1), (1, 400), (400, 1)])
@pytest.mark.parametrize("fit", ["pad", "crop", "stretch", "centre"])
def test_the_thinnest_pictures(size: tuple[int, int], fit: Any) -> None:
    fitted = fit_image(Image.new("RGB", size, (9, 9, 9)), ImageRecipe(size=16, fit=fit))
    assert fitted.size == (16, 16)
    assert (9, 9, 9) in {fitted.getpixel((x, y)) for x in range(16) for y in range(16)}


@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "webp", "bmp", "tiff"])
@pytest.mark.parametrize("keep", [0.02, 0.5])
def test_a_truncated_file_is_named(tmp_path: Path, suffix: str, keep: float) -> None:
    path = tmp_path / f"cut.{suffix}"
    noise = np.random.Generator(np.random.Philox(0)).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * keep)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of some damage before it fails
        with pytest.raises(DataError, match=rf"cut\.{suffix} is .*get the file again"):
            opened(path)


def test_files_that_are_no_picture(tmp_path: Path) -> None:
    (tmp_path / "zero.png").write_bytes(b"")
    (tmp_path / "page.png").write_text("<html>404</html>")
    with pytest.raises(DataError, match=r"zero\.png is empty"):
        opened(tmp_path / "zero.png")
    with pytest.raises(DataError, match=r"page\.png is no picture"):
        opened(tmp_path / "page.png")
    with pytest.raises(DataError, match=r"none\.png is gone; put it back"):
        opened(tmp_path / "none.png")
    with pytest.raises(DataError, match=r"is damaged|is no picture"):
        opened(tmp_path)


def test_a_flipped_bit_is_found(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    Image.effect_noise((64, 64), 80).save(path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x40
    path.write_bytes(bytes(content))
    with pytest.raises(DataError, match=r"x\.png is damaged"):
        opened(path)


def bomb(path: Path, width: int, height: int) -> None:
    """Write a PNG whose header promises width x height pixels and which holds next to none."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + parts)


@pytest.mark.parametrize("side", [8001, 9600, 20_000])
def test_enormous_pictures_are_refused_from_their_header(tmp_path: Path, side: int) -> None:
    limit = Image.MAX_IMAGE_PIXELS
    bomb(tmp_path / "big.png", side, side)
    with pytest.raises(DataError, match=r"big\.png is too large .*64 megapixels"):
        opened(tmp_path / "big.png")
    assert limit == Image.MAX_IMAGE_PIXELS
    assert side * side > MAX_PIXELS


def test_pillows_own_warning_does_not_let_a_bomb_pass(tmp_path: Path) -> None:
    bomb(tmp_path / "big.png", 9600, 9600)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(DataError, match="it has 9600 x 9600 pixels"):
            opened(tmp_path / "big.png")


def test_a_damaged_avif_is_told_and_no_interpreter_is_called(tmp_path: Path) -> None:
    recipe, avif = ImageRecipe(size=8), tmp_path / "x.jpg"
    Image.new("RGB", (32, 32), "red").save(avif, format="AVIF")
    whole = avif.read_bytes()
    assert open_image(avif, recipe).getpixel((4, 4))[0] > 200
    at = whole.index(b"mdat") + 4
    avif.write_bytes(whole[:at] + bytes(len(whole) - at))
    eps = tmp_path / "y.jpg"
    Image.new("RGB", (8, 8)).save(eps, format="EPS")
    for path, told in ((avif, "is damaged"), (eps, "is no picture")):
        with pytest.raises(DataError, match=told):
            open_image(path, recipe)


def test_an_icon_is_not_opened_since_its_picture_would_be_decoded_before_its_size_is_known(tmp_path: Path) -> None:
    bomb(tmp_path / "big.png", 8001, 8001)
    inner = (tmp_path / "big.png").read_bytes()
    header = struct.pack("<HHH", 0, 1, 1) + struct.pack("<BBBBHHII", 0, 0, 0, 0, 1, 32, len(inner), 22)
    (tmp_path / "x.ico").write_bytes(header + inner)
    with pytest.raises(DataError, match=r"x\.ico is no picture"):
        opened(tmp_path / "x.ico")
    assert "ICO" not in FORMATS
