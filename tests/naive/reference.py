"""The numerical reference vectors, where a checkout has them beside it."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Case:
    """One case: its tensors, its configuration and the tolerance its manifest states."""

    tensors: dict[str, Tensor]
    config: dict[str, Any]
    tolerance: dict[str, Any]

    def __getitem__(self, name: str) -> Tensor:
        return self.tensors[name]

    def check(self, found: Tensor, name: str) -> None:
        """Assert |found - reference| <= atol + rtol * |reference|."""
        atol, rtol = self.tolerance["atol"], self.tolerance["rtol"]
        for pattern, other in self.tolerance["overrides"].items():
            if re.search(pattern, name):
                atol, rtol = other["atol"], other["rtol"]
        torch.testing.assert_close(found.detach().to(torch.float32), self[name], atol=atol, rtol=rtol)


def reference_folder() -> Path:
    """Return where the vectors are looked for."""
    return Path(os.environ.get("UCDVER_SHARED", ROOT.parent / "shared")) / "reference"


def case(name: str) -> Case:
    """Return the reference case, or skip the test where the vectors are not there."""
    folder = reference_folder()
    if not (folder / f"{name}.safetensors").is_file():
        pytest.skip(f"no reference vectors: {name}.safetensors and manifest.json are looked for in {folder}")
    manifest = json.loads((folder / "manifest.json").read_text())
    entry = next(entry for entry in manifest["cases"] if entry["name"] == name)
    return Case(load_file(folder / f"{name}.safetensors"), entry["config"], entry["tolerance"])
