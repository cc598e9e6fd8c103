"""Small trees in the layout of an official release, read as `ucdver data add` reads them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from ucdver import Row
from ucdver.data.catalog import Catalog
from ucdver.plugins import load_registry


class Tree:
    """A folder to put a release into."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def picture(self, *names: str, mode: str = "RGB") -> None:
        """Write tiny pictures, each of another colour."""
        for name in names:
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            red, green, blue = hashlib.sha256(name.encode()).digest()[:3]
            image = Image.new("RGB", (4, 4), (red, green, blue))
            image.convert(mode).save(path)

    def text(self, name: str, text: str) -> Path:
        """Write a text file and return its path."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def json(self, name: str, value: Any) -> Path:
        """Write a JSON file and return its path."""
        return self.text(name, json.dumps(value))


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Return an empty folder."""
    (tmp_path / "release").mkdir()
    return Tree(tmp_path / "release")


Add = Callable[..., dict[str, Row]]


@pytest.fixture
def add(tmp_path: Path, tree: Tree) -> Add:
    """Return `(dataset) -> rows by id`, after every check that adding a data set makes."""

    def added(dataset: str) -> dict[str, Row]:
        catalog = Catalog(load_registry(), tmp_path / "home")
        return {row.id: row for row in catalog.add(dataset, tree.root).rows()}

    return added
