"""A contact sheet: a row a domain, a column a class, a few pictures in each cell."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from ucdver.data.catalog import Catalog
from ucdver.data.decode import fit_image, open_image
from ucdver.data.manifest import Row
from ucdver.errors import SpecError
from ucdver.files import atomic_path
from ucdver.registry import load_callable
from ucdver.spec.recipe import ImageRecipe

_SIDE = 64
_GAP = 6
_HEADER = 22
_LINE = 14


def write_sheet(catalog: Catalog, dataset: str, space: str, path: Path, each: int) -> None:
    """Write a PNG with the first `each` images by id of every domain and class of label space `space`.

    Raises:
        SpecError: `path` does not end in .png.
        DataError: the data set is not here, or a picture is damaged.
    """
    if path.suffix.lower() != ".png":
        raise SpecError(f"the contact sheet is a PNG, and '{path}' is not called so", "write --out FILE.png")
    spec = catalog.registry.datasets.get(dataset)
    classes = catalog.registry.label_spaces.get(space).classes
    rows = catalog.manifest(dataset).rows()
    draw_row = _drawer(catalog, dataset)
    font = ImageFont.load_default(12)
    left = _GAP * 2 + int(max(font.getlength(name) for name in spec.domains))
    cell = each * _SIDE + _GAP
    size = (left + cell * len(classes) + _GAP, _HEADER + (_SIDE + _GAP) * len(spec.domains) + _GAP)
    sheet = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(sheet)
    for column, label in enumerate(classes):
        pen.text((left + column * cell, _GAP), label, fill="black", font=font)
    for line, domain in enumerate(spec.domains):
        top = _HEADER + line * (_SIDE + _GAP)
        pen.text((_GAP, top + (_SIDE - _LINE) // 2), domain, fill="black", font=font)
        for column, label in enumerate(classes):
            chosen = [r for r in rows if r.domain == domain and r.labels.get(space) == label][:each]
            for number, row in enumerate(chosen):
                sheet.paste(draw_row(row), (left + column * cell + number * _SIDE, top))
    with atomic_path(path) as temporary:
        sheet.save(temporary, format="PNG")


def _drawer(catalog: Catalog, dataset: str) -> Callable[[Row], Image.Image]:
    """Return the function that draws one row; only what the sheet shows is ever decoded."""
    spec = catalog.registry.datasets.get(dataset)
    root = catalog.root(dataset)
    recipe = ImageRecipe(size=_SIDE)
    if spec.loader is None:
        return lambda row: open_image(root / row.path, recipe)
    load = load_callable(spec.loader, f"the loader of dataset '{dataset}'")(root)
    return lambda row: fit_image(load(row.path, recipe), recipe)
