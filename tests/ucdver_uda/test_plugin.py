"""The plugin as a registry sees it."""

from __future__ import annotations

import subprocess
import sys

from ucdver.registry import load_callable
from ucdver_uda import plugin


def test_plugin_imports_no_torch() -> None:
    script = (
        "import sys, ucdver_uda.plugin as p; p.ucdver_methods(); p.ucdver_datasets(); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_dataset_targets_can_be_called() -> None:
    (spec,) = plugin.ucdver_datasets()
    load_callable(spec.reader, "digits")
    assert spec.loader is not None
    load_callable(spec.loader, "digits")
    assert spec.label_spaces == tuple(space.name for space in plugin.ucdver_label_spaces())
