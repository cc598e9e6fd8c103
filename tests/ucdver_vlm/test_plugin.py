"""The plugin as a registry sees it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ucdver import MethodSpec
from ucdver.methods.config import resolve_config
from ucdver.plugins import load_registry
from ucdver_vlm.plugin import ucdver_methods

METHODS = ucdver_methods()


def test_plugin_imports_no_torch() -> None:
    script = (
        "import sys, ucdver_vlm.plugin as p; p.ucdver_methods(); print({'torch', 'transformers'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("spec", METHODS, ids=lambda spec: spec.name)
def test_every_method_can_be_configured_reads_pictures_and_tells_what_clip_has_seen(spec: MethodSpec) -> None:
    config = resolve_config(load_registry(), spec.name, {})
    assert config.model == "openai/clip-vit-base-patch16"  # type: ignore[attr-defined]
    assert spec.needs_images
    assert "pictures of the web" in spec.note


def test_what_uses_the_target_is_for_a_setting_that_shows_it() -> None:
    settings = {spec.name: spec.settings for spec in METHODS}
    assert settings["daprompt"] == settings["ad_clip"] == ("uda",)
    assert settings["clip_zero_shot"] == ("uda", "uc", "sfda")
