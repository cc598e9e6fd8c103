"""The data set `drawn`: a file that says seed and number, rows that follow from it, pictures drawn when needed."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import resvg_py
from PIL import Image

from ucdver import DataError, ImageRecipe, Row
from ucdver_emotion.drawn.face import face_marks
from ucdver_emotion.drawn.knobs import DOMAINS, Knobs, knobs_of
from ucdver_emotion.drawn.sampling import Sample, sample, soft_label
from ucdver_emotion.drawn.styles import PIXEL_GRID, svg

RECIPE: Final[str] = "drawn.json"
DEFAULT: Final[dict[str, int]] = {"seed": 0, "images": 500}
_MOST: Final[int] = 100_000


def fetch(root: Path) -> None:
    """Write the recipe of the default set; nothing is downloaded."""
    (root / RECIPE).write_text(json.dumps(DEFAULT) + "\n", encoding="utf-8")


def read(root: Path) -> Iterable[Row]:
    """Yield a row a face: `images` of them in each domain.

    Soft labels are given where labels are noisy: how likely each class is to have been drawn, given the label.

    Raises:
        DataError: the recipe is missing or is none.
    """
    seed, images = _recipe(root)
    for domain, knobs in DOMAINS.items():
        for index in range(images):
            yield _row(domain, knobs, index, sample(seed, domain, index))


def loader(root: Path) -> Callable[[str, ImageRecipe], Image.Image]:
    """Return a function that draws the face at a row's `path` as RGB, `recipe.size` pixels square."""
    seed, _ = _recipe(root)

    def draw(path: str, recipe: ImageRecipe) -> Image.Image:
        domain, _, index = path.partition("#")[2].rpartition("/")
        return draw_face(sample(seed, domain, int(index)), knobs_of(domain).style, recipe.size)

    return draw


def draw_face(face: Sample, style: str, size: int) -> Image.Image:
    """Return a face in a style as RGB, `size` pixels square."""
    marks = face_marks(face.expression, face.look)
    side = PIXEL_GRID if style == "pixel" else size
    png = resvg_py.svg_to_bytes(svg_string=svg(marks, face.look, style, side), skip_system_fonts=True)
    with Image.open(io.BytesIO(bytes(png))) as image:
        drawn = image.convert("RGB")
    return drawn.resize((size, size), Image.Resampling.NEAREST) if side != size else drawn


def _row(domain: str, knobs: Knobs, index: int, face: Sample) -> Row:
    labels, soft = {"ekman7": face.given}, {}
    known = soft_label(face.given, knobs) if knobs.noise else {}
    if known:
        soft["ekman7"] = known
    # A neutral face is no member of the six, whatever it is called.
    if "neutral" not in (face.given, face.drawn):
        labels["ekman6"] = face.given
        if known:
            rest = 1 - known["neutral"]
            soft["ekman6"] = {name: p / rest for name, p in known.items() if name != "neutral"}
    name = f"{domain}/{index:05d}"
    return Row(id=name, path=f"{RECIPE}#{name}", domain=domain, labels=labels, group=name, soft=soft)


def _recipe(root: Path) -> tuple[int, int]:
    """Return seed and number of images a domain."""
    path = root / RECIPE
    hint = 'write {"seed": 0, "images": 500} into it, or fetch the default set: ucdver data fetch drawn'
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise DataError(f"there is no {RECIPE} in {root}", hint) from None
    except ValueError as error:
        raise DataError(f"{path} is not JSON: {error}", hint) from error
    if not isinstance(found, dict) or set(found) != set(DEFAULT):
        raise DataError(f"{path} must hold seed and images, and nothing else", hint)
    seed, images = found["seed"], found["images"]
    if not all(type(value) is int for value in (seed, images)) or not 1 <= images <= _MOST or seed < 0:
        raise DataError(f"{path}: seed must be a whole number, images one from 1 to {_MOST}", hint)
    return seed, images
