"""Contact sheets: a few pictures of every domain and class, or chosen ones with their names below."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from ucdver.cli.look import Look
from ucdver.data.catalog import Catalog
from ucdver.data.decode import open_image
from ucdver.data.drawing import draw_row, open_loader
from ucdver.data.hashing import file_part
from ucdver.data.manifest import Row
from ucdver.errors import SpecError
from ucdver.files import atomic_path
from ucdver.spec.recipe import ImageRecipe

_SIDE = 64
_SAMPLE = 112
_COLUMNS = 8
_GAP = 6
_HEADER = 22
_LINE = 14


def write_sheet(catalog: Catalog, look: Look, path: Path, each: int) -> None:
    """Write a PNG with the first `each` rows of every domain and class.

    Raises:
        SpecError: `path` does not end in .png.
        DataError: a picture is damaged.
    """
    _check_name(path)
    draw_row = row_drawer(catalog, look.manifest.dataset)
    font = ImageFont.load_default(12)
    left = _GAP * 2 + int(max(font.getlength(name) for name in look.domains))
    cell = each * _SIDE + _GAP
    size = (left + cell * len(look.classes) + _GAP, _HEADER + (_SIDE + _GAP) * len(look.domains) + _GAP)
    sheet = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(sheet)
    for column, label in enumerate(look.classes):
        pen.text((left + column * cell, _GAP), label, fill="black", font=font)
    for line, domain in enumerate(look.domains):
        top = _HEADER + line * (_SIDE + _GAP)
        pen.text((_GAP, top + (_SIDE - _LINE) // 2), domain, fill="black", font=font)
        for column, label in enumerate(look.classes):
            chosen = [r for r in look.rows if r.domain == domain and r.labels.get(look.space) == label][:each]
            for number, row in enumerate(chosen):
                sheet.paste(draw_row(row), (left + column * cell + number * _SIDE, top))
    _save(sheet, path)


def write_samples(catalog: Catalog, look: Look, path: Path, number: int) -> None:
    """Write a PNG with the first `number` rows, each with its class, its domain and split, and its id below it.

    Raises:
        SpecError: `path` does not end in .png, or no picture is asked for.
        DataError: a picture is damaged.
    """
    _check_name(path)
    rows = look.rows[:number]
    if not rows:
        raise SpecError("a sheet of no pictures cannot be drawn", "write -n 20")
    draw_row = row_drawer(catalog, look.manifest.dataset, _SAMPLE)
    font = ImageFont.load_default(11)
    columns = min(_COLUMNS, len(rows))
    width, height = _SAMPLE + _GAP, _SAMPLE + 3 * _LINE + _GAP
    sheet = Image.new("RGB", (_GAP + width * columns, _GAP + height * -(-len(rows) // columns)), "white")
    pen = ImageDraw.Draw(sheet)
    for number, row in enumerate(rows):
        left, top = _GAP + width * (number % columns), _GAP + height * (number // columns)
        sheet.paste(draw_row(row), (left, top))
        texts = (row.labels.get(look.space, "no label"), f"{row.domain} {row.split}".rstrip(), row.id)
        for line, text in enumerate(texts):
            shown = _fitted(text, font, _SAMPLE)
            pen.text((left, top + _SAMPLE + line * _LINE), shown, fill="black", font=font)
    _save(sheet, path)


def row_drawer(catalog: Catalog, dataset: str, side: int = _SIDE) -> Callable[[Row], Image.Image]:
    """Return the function that draws one row, `RGB` of `side` pixels; only what is shown is ever decoded."""
    spec = catalog.registry.datasets.get(dataset)
    root = catalog.root(dataset)
    recipe = ImageRecipe(size=side)
    if spec.loader is None:
        return lambda row: open_image(root / file_part(row.path), recipe)
    load = open_loader(spec, root)
    return lambda row: draw_row(spec, load, row, recipe)


def _check_name(path: Path) -> None:
    if path.suffix.lower() != ".png":
        raise SpecError(f"the contact sheet is a PNG, and '{path}' is not called so", "write --out FILE.png")


def _fitted(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    """Return the text, or the end of it that fits: ids differ at their ends."""
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(f"...{text}") > width:
        text = text[1:]
    return f"...{text}"


def _save(sheet: Image.Image, path: Path) -> None:
    with atomic_path(path) as temporary:
        sheet.save(temporary, format="PNG")
