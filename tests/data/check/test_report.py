from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from support import real_tree as tree
from support.checks import check

from ucdver.data.catalog import Catalog
from ucdver.data.manifest import Row
from ucdver.errors import SpecError


def test_the_whole_report_goes_to_json_or_csv(tmp_path: Path, rows: list[Row]) -> None:
    for row in rows[:9]:
        (tmp_path / "real" / row.path).unlink()
    report = check(tmp_path, rows)
    report.write(tmp_path / "report.json")
    told = json.loads((tmp_path / "report.json").read_text())
    assert told == report.to_json()
    assert [entry["ids"] for entry in told["findings"][0]["entries"]] == [[row.id] for row in rows[:9]]
    report.write(tmp_path / "report.csv")
    with (tmp_path / "report.csv").open(newline="") as stream:
        lines = list(csv.DictReader(stream))
    assert [line["id"] for line in lines] == [row.id for row in rows[:9]]
    assert {line["kind"] for line in lines} == {"missing"}
    with pytest.raises(SpecError, match=r"write -o FILE\.json"):
        report.write(tmp_path / "report.txt")


def test_sizes_are_in_the_manifest_and_in_no_fingerprint(tmp_path: Path, rows: list[Row]) -> None:
    tree.write_list(tmp_path / "real", rows)
    held = tree.catalog(tmp_path)
    manifest = held.add("real", tmp_path / "real")
    assert {manifest.size(row.id) for row in manifest.rows()} == {(96, 72)}
    stored = Catalog(tree.registry(), tmp_path / "home").manifest("real")
    assert stored == manifest
    bare = replace(manifest, sizes={})
    assert bare.size(rows[0].id) == (0, 0)
    assert bare.fingerprint("photo") == manifest.fingerprint("photo")
    with Image.open(tmp_path / "real" / rows[0].path) as image:
        assert image.size == manifest.size(rows[0].id)
