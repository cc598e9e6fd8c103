"""Data sets with a loader are looked at as they are drawn."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from support import tiny_images
from support.checks import kinds

from ucdver.data.catalog import Catalog
from ucdver.data.check.run import check_dataset, quarantine_list
from ucdver.data.manifest import Row
from ucdver.data.quarantine import write_quarantine
from ucdver.plugins import load_registry, reset


def test_a_data_set_with_a_loader_is_looked_at_as_it_is_drawn(tmp_path: Path) -> None:
    spec = tiny_images.spec(loader="support.tiny_images:load")
    (tmp_path / "tiny").mkdir()
    colours = {"a": [200, 0, 0], "b": [200, 0, 0], "c": [0, 0, 200]}
    (tmp_path / "tiny" / "colours.json").write_text(json.dumps(colours))
    given = [
        Row(name, f"colours.json#{name}", "plain", {"tiny3": "red"}, split=split)
        for name, split in (("a", "train"), ("b", "test"), ("c", "train"), ("d", "train"))
    ]
    tiny_images.write_list(tmp_path / "tiny", given)
    held = Catalog(tiny_images.registry(spec), tmp_path / "home")
    report, checked = check_dataset(held, held.place("tiny", tmp_path / "tiny"))
    found = kinds(report)
    assert (found["duplicate_across"], found["unreadable"]) == ([["a", "b"]], [["d"]])
    assert report.read == 4
    write_quarantine(held.folder("tiny"), quarantine_list(checked, {}))
    manifest = held.add("tiny", tmp_path / "tiny")
    assert sorted(row.id for row in manifest.rows()) == ["a", "b", "c"]
    again, _ = check_dataset(held, held.place("tiny", tmp_path / "tiny"))
    # What could not be drawn is asked for again, and only that.
    assert (kinds(again)["quarantined"], again.read) == ([["d"]], 1)


LOCAL = """\
import ucdver
from PIL import Image


def read(root):
    return [ucdver.Row(name, f"all.bin#{name}", "x", {"toy3": "disc"}) for name in ("a", "b")]


def load(root):
    def draw(path, recipe):
        return Image.effect_noise((64, 64), int(path.partition("#")[2], 16))

    return draw


@ucdver.hookimpl
def ucdver_datasets():
    words = {"summary": "drawn here", "licence": "none", "obtain": "draw it"}
    return [ucdver.DatasetSpec(name="drawn_here", version="1", reader="ucdver_local:read", loader="ucdver_local:load",
                               domains=("x",), label_spaces=("toy3",), **words)]
"""


def test_a_loader_that_was_mended_is_asked_again_and_one_edited_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    root = tmp_path / "data"
    root.mkdir()
    (root / "all.bin").write_bytes(b"all")

    def checked(text: str) -> tuple[int, bool]:
        # Of one size and second: what Python's own cache of bytecode takes for unchanged.
        (tmp_path / "ucdver_local.py").write_text(text)
        os.utime(tmp_path / "ucdver_local.py", (1_700_000_000, 1_700_000_000))
        reset()
        held = Catalog(load_registry(tmp_path), tmp_path / "home")
        report, _ = check_dataset(held, held.place("drawn_here", root))
        return report.read, "unreadable" in kinds(report)

    broken = LOCAL.replace('"#")[2], 16', '"#")[2], 10')
    assert checked(broken) == (2, True)
    assert checked(broken) == (2, True)
    assert checked(LOCAL) == (2, False)
    assert checked(LOCAL) == (0, False)
    assert checked(broken) == (2, True)
