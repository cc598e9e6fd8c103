"""Which reference cases are compared with, and why the others are not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from naive.reference import reference_folder

#: Cases that no code here computes.
LEFT_OUT = {
    "uda_flexmatch_threshold": "thresholds by class are FlexMatch's; FixMatch, the method here, has one",
    "ldm_unet_features_ldmnames": "the numbers of ldm_unet_features_diffusersnames under other parameter names",
}
#: Names that tests put together, by what they begin with.
BUILT = ("tgca_token_select_", "kcdp_head_")


def test_every_case_is_compared_with_or_explained() -> None:
    manifest = reference_folder() / "manifest.json"
    if not manifest.is_file():
        pytest.skip(f"no reference vectors: manifest.json is looked for in {manifest.parent}")
    here = Path(__file__)
    texts = "\n".join(path.read_text() for path in here.parent.rglob("test_*.py") if path != here)
    names = {entry["name"] for entry in json.loads(manifest.read_text())["cases"]}
    unread = {name for name in names if name not in texts and not name.startswith(BUILT)}
    assert unread == set(LEFT_OUT)
    assert all(f'f"{start}{{' in texts for start in BUILT)
