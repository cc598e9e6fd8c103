from __future__ import annotations

from pathlib import Path

import pytest
from support import real_tree as tree

from ucdver.data.manifest import Row


@pytest.fixture
def rows(tmp_path: Path) -> list[Row]:
    return tree.grow(tmp_path / "real", tree.rows(20))
