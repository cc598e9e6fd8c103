"""The plugin as a registry sees it."""

from __future__ import annotations

import subprocess
import sys

import timm

from ucdver.methods.config import resolve_config
from ucdver.plugins import load_registry
from ucdver.spec.suite_file import load_suite
from ucdver_tgca_pvt import plugin
from ucdver_tgca_pvt.pyramids import PYRAMIDS


def test_plugin_imports_no_torch() -> None:
    script = (
        "import sys, ucdver_tgca_pvt.plugin as p; p.ucdver_methods(); p.ucdver_backbones(); "
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_the_backbones_that_methods_name_are_registered() -> None:
    names = {spec.name for spec in plugin.ucdver_backbones()}
    assert names == {*PYRAMIDS, "pvt_v2_mini"}
    known = names | set(timm.list_models()) | set(timm.list_pretrained())
    assert all(set(spec.backbones) <= known for spec in plugin.ucdver_methods())
    assert all(spec.note and spec.needs_images for spec in plugin.ucdver_methods())


def test_the_suite_with_the_published_recipe_can_be_read() -> None:
    registry = load_registry()
    suite = load_suite("emoji_pvt", registry, lambda name, options: resolve_config(registry, name, options))
    assert suite.recipe.backbone == "pvt_small@hub"
    assert suite.recipe.optim.lr == 1e-3 * suite.recipe.batch_size / 512
    assert suite.methods["tgca_pvt"] == {"recompute": True}
