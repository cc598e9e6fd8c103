from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ucdver import DataError, ImageRecipe
from ucdver_emotion.draw import loader

NS = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
COLOURS = {"white": (255, 255, 255), "black": (0, 0, 0), "grey": (128, 128, 128)}
Drawer = Callable[..., Image.Image]


@pytest.fixture
def draw(tmp_path: Path) -> Drawer:
    """Write an SVG body (or bytes) into a file and draw it."""
    open_drawer = loader(tmp_path)

    def drawer(body: str | bytes, view: str = "0 0 32 32", name: str = "x.svg", **recipe: object) -> Image.Image:
        content = body if isinstance(body, bytes) else f'<svg {NS} viewBox="{view}">{body}</svg>'.encode()
        (tmp_path / name).write_bytes(content)
        return open_drawer(name, ImageRecipe(**recipe))

    return drawer


def webp(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", lossless=True, exact=True)
    return buffer.getvalue()


@pytest.mark.parametrize("size", [8, 33, 64, 200])
@pytest.mark.parametrize("background", ["white", "black", "grey"])
def test_size_mode_and_background_are_those_of_the_recipe(draw: Drawer, size: int, background: str) -> None:
    image = draw('<circle cx="16" cy="16" r="8" fill="#f00"/>', size=size, background=background)
    assert image.size == (size, size) and image.mode == "RGB"
    assert image.getpixel((0, 0)) == COLOURS[background]
    assert image.getpixel((size // 2, size // 2)) == (255, 0, 0)


def test_a_disc_covers_the_area_it_should(draw: Drawer) -> None:
    image = draw('<circle cx="16" cy="16" r="12" fill="#000"/>', size=128)
    ink = 1 - np.asarray(image, dtype=float)[..., 0].mean() / 255
    assert ink == pytest.approx(np.pi * 12**2 / 32**2, abs=0.005)


@pytest.mark.parametrize(("background", "ink"), [("white", 0), ("black", 255), ("grey", 0)])
def test_one_colour_art_shows_on_every_background(draw: Drawer, background: str, ink: int) -> None:
    body = '<rect width="32" height="32" fill="currentColor"/>'
    assert draw(body, size=16, background=background).getpixel((8, 8)) == (ink,) * 3


@pytest.mark.parametrize(
    ("fit", "corner", "left"),
    [
        ("pad", (255, 255, 255), (0, 0, 255)),
        ("centre", (255, 255, 255), (0, 0, 255)),
        ("crop", (0, 255, 0), (0, 255, 0)),
        ("stretch", (0, 0, 255), (0, 0, 255)),
    ],
)
def test_a_wide_picture_is_fitted_as_asked(
    draw: Drawer, fit: str, corner: tuple[int, ...], left: tuple[int, ...]
) -> None:
    # Blue in the outer quarters, green in the middle half.
    body = '<rect width="64" height="32" fill="#00f"/><rect x="16" width="32" height="32" fill="#0f0"/>'
    drawn = draw(body, view="0 0 64 32", size=64, fit=fit)
    wide = Image.new("RGBA", (64, 32), (0, 0, 255, 255))
    wide.paste((0, 255, 0, 255), (16, 0, 48, 32))
    decoded = draw(webp(wide), name="x.webp", size=64, fit=fit)
    for image in (drawn, decoded):
        assert image.getpixel((2, 2)) == corner
        assert image.getpixel((4, 32)) == left
        assert image.getpixel((32, 32)) == (0, 255, 0)


def test_the_viewbox_may_start_anywhere(draw: Drawer) -> None:
    body = '<rect x="100" y="50" width="10" height="10" fill="#f00"/>'
    assert draw(body, view="100 50 10 10", size=10).getcolors() == [(100, (255, 0, 0))]


def test_gradients_and_uses_inside_the_document_are_drawn(draw: Drawer) -> None:
    body = (
        '<defs><linearGradient id="g"><stop stop-color="#f00"/><stop offset="1" stop-color="#00f"/>'
        "</linearGradient>"
        '<rect id="r" width="32" height="32"/></defs><use href="#r" fill="url(#g)"/>'
    )
    image = np.asarray(draw(body, size=32)).astype(int)
    assert image[16, 1, 0] > 200 > 60 > image[16, 30, 0] and image[16, 30, 2] > 200


def test_webp_alpha_is_laid_over_the_background(draw: Drawer) -> None:
    half = webp(Image.new("RGBA", (16, 16), (255, 0, 0, 128)))
    expected = {"white": (255, 127, 127), "black": (128, 0, 0), "grey": (192, 64, 64)}
    for background, colour in expected.items():
        image = draw(half, name="x.webp", size=16, background=background)
        assert np.abs(np.array(image.getpixel((8, 8))) - colour).max() <= 1
        assert image.mode == "RGB" and image.size == (16, 16)


def test_centred_bitmaps_are_not_enlarged(draw: Drawer) -> None:
    small = webp(Image.new("RGBA", (16, 16), (255, 0, 0, 255)))
    image = np.asarray(draw(small, name="x.webp", size=32, fit="centre"))
    assert (image[8:24, 8:24] == (255, 0, 0)).all()
    assert (np.delete(image.reshape(-1, 3), np.arange(1024).reshape(32, 32)[8:24, 8:24].ravel(), 0) == 255).all()


def test_the_hidden_colour_of_transparent_pixels_does_not_bleed(draw: Drawer) -> None:
    # A white disc whose transparent surroundings are coloured a strong green, made smaller.
    pixels = np.zeros((64, 64, 4), dtype=np.uint8)
    pixels[..., 1] = 255
    y, x = np.mgrid[:64, :64]
    pixels[(x - 32) ** 2 + (y - 32) ** 2 < 400] = 255
    image = np.asarray(draw(webp(Image.fromarray(pixels)), name="x.webp", size=24, background="black")).astype(int)
    assert np.abs(image[..., 1] - image[..., 0]).max() <= 2


@pytest.mark.parametrize(
    "body",
    [
        '<image href="{file}" width="32" height="32"/>',
        '<image xlink:href="{file}" width="32" height="32"/>',
        '<use href="{file}#a"/>',
        '<use xlink:href="https://example.invalid/a.svg#a"/>',
        '<rect width="32" height="32" fill="url({file}#g)"/>',
        '<rect width="32" height="32" style="fill: URL( \'{file}\' )"/>',
        "<style>@import '{file}';</style>",
        "<script>1</script>",
        "<foreignObject/>",
        '<text x="2" y="20">:-)</text>',
        '<filter id="f"><feImage href="{file}"/></filter>',
    ],
)
def test_a_picture_that_reaches_outside_itself_is_refused(draw: Drawer, tmp_path: Path, body: str) -> None:
    file = tmp_path / "secret.png"
    Image.new("RGB", (8, 8), (0, 255, 0)).save(file)
    with pytest.raises(DataError, match=r"x\.svg"):
        draw(body.replace("{file}", str(file)))


def test_entities_are_refused_before_parsing(draw: Drawer) -> None:
    bomb = f'<!DOCTYPE svg [<!ENTITY a "aaaa">]><svg {NS} viewBox="0 0 1 1">&a;</svg>'.encode()
    with pytest.raises(DataError, match="entities"):
        draw(bomb)
    with pytest.raises(DataError, match="UTF-8"):
        draw(bomb.decode().encode("utf-16"))


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_entities_are_not_hidden_by_an_encoding_without_a_mark(draw: Drawer, encoding: str) -> None:
    bomb = f'<!DOCTYPE svg [<!ENTITY a "M0 0h1v1z">]><svg {NS} viewBox="0 0 1 1"><path d="&a;"/></svg>'
    with pytest.raises(DataError, match=r"is not an SVG picture in UTF-8"):
        draw(bomb.encode(encoding))


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"<svg", "x.svg"),
        (b"<html/>", "x.svg"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "x.svg"),
        (b"", "x.svg"),
        (b"RIFF0000WEBP", "x.webp"),
        (b"", "x.webp"),
    ],
)
def test_damaged_files_are_named(draw: Drawer, content: bytes, name: str) -> None:
    with pytest.raises(DataError, match=name):
        draw(content, name=name)


def test_a_truncated_webp_is_named(draw: Drawer) -> None:
    noise = np.random.Generator(np.random.Philox(0)).integers(0, 256, (64, 64, 4), dtype=np.uint8)
    with pytest.raises(DataError, match=r"x\.webp is not a WebP picture"):
        draw(webp(Image.fromarray(noise))[:200], name="x.webp")


def test_missing_files_and_paths_out_of_the_root_are_refused(tmp_path: Path) -> None:
    (tmp_path / "outside.svg").write_text(f'<svg {NS} viewBox="0 0 1 1"/>')
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "link.svg").symlink_to(tmp_path / "outside.svg")
    open_drawer = loader(tmp_path / "root")
    for path in ("../outside.svg", str(tmp_path / "outside.svg"), "link.svg"):
        with pytest.raises(DataError, match="lies outside"):
            open_drawer(path, ImageRecipe())
    with pytest.raises(DataError, match=r"gone\.svg cannot be read"):
        open_drawer("gone.svg", ImageRecipe())
