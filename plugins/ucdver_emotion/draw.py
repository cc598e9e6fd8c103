"""Drawing an emoji at the recipe's size and on its background: SVG through resvg, WebP through Pillow."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import resvg_py
from PIL import Image

from ucdver import DataError, ImageRecipe

_BACKGROUND = {"white": (255, 255, 255), "black": (0, 0, 0), "grey": (128, 128, 128)}
# What the one-colour sets are drawn in (`currentColor`): the colour that shows on the background.
_INK = {"white": "#000000", "black": "#ffffff", "grey": "#000000"}
# A drawing has no pixels of its own to keep, so that to centre it is to pad it.
_ASPECT = {"pad": "xMidYMid meet", "centre": "xMidYMid meet", "crop": "xMidYMid slice", "stretch": "none"}
_SVG = "{http://www.w3.org/2000/svg}svg"
# `image` and friends load files, and text would depend on the fonts of the machine.
_REFUSED = frozenset({"image", "feImage", "foreignObject", "script", "style", "text", "tspan", "textPath"})
_OUTSIDE = re.compile(r"url\(\s*['\"]?\s*(?!#)", re.IGNORECASE)
_REFETCH = "remove the folder of the emoji, then ucdver data fetch emoji"


def loader(root: Path) -> Callable[[str, ImageRecipe], Image.Image]:
    """Return a function that draws the picture at a row's `path` as RGB, `recipe.size` pixels square.

    The function raises a DataError that names the file when it is missing, damaged, refers to anything
    outside itself, or lies outside `root`.
    """
    base = root.resolve()

    def draw(path: str, recipe: ImageRecipe) -> Image.Image:
        file = (base / path).resolve()
        if not file.is_relative_to(base):
            raise DataError(f"'{path}' lies outside {base}")
        try:
            content = file.read_bytes()
        except OSError as error:
            raise DataError(f"{file} cannot be read: {error.strerror}", _REFETCH) from error
        drawn = draw_svg(content, recipe, file) if file.suffix == ".svg" else draw_bitmap(content, recipe, file)
        canvas = Image.new("RGBA", drawn.size, (*_BACKGROUND[recipe.background], 255))
        return Image.alpha_composite(canvas, drawn).convert("RGB")

    return draw


def draw_svg(content: bytes, recipe: ImageRecipe, file: Path) -> Image.Image:
    """Return an SVG document as RGBA, `recipe.size` square, on nothing; `file` is named in errors."""
    document = _checked_svg(content, file)
    document.set("width", str(recipe.size))
    document.set("height", str(recipe.size))
    document.set("preserveAspectRatio", _ASPECT[recipe.fit])
    document.set("color", _INK[recipe.background])
    text = ElementTree.tostring(document, encoding="unicode")
    try:
        png = resvg_py.svg_to_bytes(svg_string=text, skip_system_fonts=True)
    except ValueError as error:
        raise DataError(f"{file} cannot be drawn: {error}", _REFETCH) from error
    with Image.open(io.BytesIO(bytes(png))) as image:
        return image.convert("RGBA")


def draw_bitmap(content: bytes, recipe: ImageRecipe, file: Path) -> Image.Image:
    """Return a WebP picture as RGBA, `recipe.size` square, on nothing; `file` is named in errors."""
    try:
        with Image.open(io.BytesIO(content), formats=["WEBP"]) as opened:
            image = opened.convert("RGBA")
    except (OSError, Image.DecompressionBombError) as error:
        raise DataError(f"{file} is not a WebP picture: {error}", _REFETCH) from error
    size, (width, height) = recipe.size, image.size
    if recipe.fit == "crop":
        side = min(width, height)
        left, top = (width - side) // 2, (height - side) // 2
        image = image.crop((left, top, left + side, top + side))
    elif recipe.fit in ("pad", "centre"):
        side = max(width, height, size if recipe.fit == "centre" else 0)
        square = Image.new("RGBA", (side, side))
        square.paste(image, ((side - width) // 2, (side - height) // 2))
        image = square
    # Pillow weighs colours by their alpha here, so what is transparent does not bleed into the edges.
    return image.resize((size, size), Image.Resampling.LANCZOS)


def _checked_svg(content: bytes, file: Path) -> ElementTree.Element:
    """Parse an SVG and refuse what could load a file, run a script or hang on the machine's fonts."""
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        # In another encoding the words looked for below would not be found.
        raise DataError(f"{file} is not an SVG picture in UTF-8", _REFETCH) from error
    if b"\0" in content:
        # Every second byte of UTF-16, by which the parser knows it even without a mark at its beginning.
        raise DataError(f"{file} is not an SVG picture in UTF-8", _REFETCH)
    # No icon declares entities; without them a small file cannot unfold into a huge one.
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise DataError(f"{file} declares entities, which a picture of this data set never does", _REFETCH)
    try:
        document = ElementTree.fromstring(content)
    except ElementTree.ParseError as error:
        raise DataError(f"{file} is not an SVG picture: {error}", _REFETCH) from error
    if document.tag != _SVG or not document.get("viewBox"):
        raise DataError(f"{file} is not an SVG picture with a viewBox", _REFETCH)
    for element in document.iter():
        name = str(element.tag).rpartition("}")[2]
        if name in _REFUSED:
            raise DataError(f"{file} holds <{name}>, which a picture of this data set never does", _REFETCH)
        for attribute, value in element.attrib.items():
            link = attribute.rpartition("}")[2] == "href" and not value.startswith("#")
            if link or _OUTSIDE.search(value):
                raise DataError(f"{file} refers to something outside itself: '{value[:60]}'", _REFETCH)
    return document
