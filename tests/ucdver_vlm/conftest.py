"""One small CLIP for all tests of the methods that are built on one."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.tiny_clip import write_clip


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a CLIP of random weights, as `save_pretrained` of each part writes it."""
    return write_clip(tmp_path_factory.mktemp("clip"))
