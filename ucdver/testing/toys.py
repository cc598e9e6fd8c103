"""The data set `toy`: generated shapes, for trying a method out in seconds. It says nothing about emotion.

Three classes (disc, bar, cross) are drawn in three ways: `filled`, `outline`, and `unrelated`, whose pictures are drawn
like `outline` and whose labels are thrown by dice, so that no method can be better than chance there.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ucdver.data.manifest import Row
from ucdver.errors import DataError
from ucdver.files import atomic_path, atomic_write_text

CLASSES = ("disc", "bar", "cross")
DOMAINS = ("filled", "outline", "unrelated")
PER_DOMAIN = 60
SIZE = 24
LABELS = "labels.csv"


def _shape(kind: str, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return the signed distance to a shape's edge in pixels, negative inside, float64 [SIZE, SIZE]."""
    y, x = np.mgrid[0:SIZE, 0:SIZE] - SIZE / 2
    x, y = x - rng.uniform(-3, 3), y - rng.uniform(-3, 3)
    radius = rng.uniform(6, 8)
    angle = rng.uniform(-0.3, 0.3)
    u, v = x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle)
    across = np.maximum(np.abs(u) - radius, np.abs(v) - radius / 3)
    along = np.maximum(np.abs(u) - radius / 3, np.abs(v) - radius)
    if kind == "disc":
        return np.asarray(np.hypot(u, v) - radius)
    return np.asarray(across if kind == "bar" else np.minimum(across, along))


def draw(kind: str, domain: str, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return one picture, uint8 [SIZE, SIZE, 3]."""
    distance = _shape(kind, rng)
    ink, paper = rng.uniform(0, 0.4, size=3), rng.uniform(0.8, 1.0, size=3)
    inside = distance if domain == "filled" else np.abs(distance) - 1.0
    cover = np.clip(0.5 - inside, 0, 1)[..., None]
    noise = rng.normal(0, 0.02, size=(SIZE, SIZE, 3))
    picture = np.clip(paper * (1 - cover) + ink * cover + noise, 0, 1)
    return np.asarray(np.round(picture * 255), dtype=np.uint8)


def fetch(root: Path) -> None:
    """Draw the data set into `root`; the pictures are the same on every machine."""
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow(["id", "domain", "label"])
    for number, domain in enumerate(DOMAINS):
        rng = np.random.Generator(np.random.Philox(key=[20_260, number]))
        for i in range(PER_DOMAIN):
            kind = CLASSES[i % len(CLASSES)]
            with atomic_path(root / domain / f"{i:03d}.png") as temporary:
                Image.fromarray(draw(kind, domain, rng)).save(temporary, format="PNG")
            label = CLASSES[int(rng.integers(len(CLASSES)))] if domain == "unrelated" else kind
            writer.writerow([f"{domain}/{i:03d}", domain, label])
    atomic_write_text(root / LABELS, lines.getvalue())


def read(root: Path) -> Iterable[Row]:
    """Yield a row for every picture that `labels.csv` names."""
    path = root / LABELS
    if not path.is_file():
        raise DataError(f"{path} is missing", "ucdver data fetch toy")
    with path.open(encoding="utf-8", newline="") as file:
        for line in csv.DictReader(file):
            yield Row(
                id=line["id"],
                path=f"{line['id']}.png",
                domain=line["domain"],
                labels={"toy3": line["label"]},
                group=line["id"].partition("/")[2],
            )
