"""What is written beside the weights: what they saw, how they were trained, and under which terms the art was."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from concepts import INTEGRITY, PACKAGE
from drawings import Drawings

from ucdver_emotion.icon_sets import ICON_SETS

RECORD, LICENCE = "PRETRAINING.json", "LICENCE.md"


def write_record(out: Path, drawings: Drawings, seed: int, told: Mapping[str, Mapping[str, float | int]]) -> None:
    """Write `PRETRAINING.json`: every concept that was seen, by code points, and every file's sha256."""
    sets = {
        icons.domain: {
            "package": f"{icons.package}@{icons.version}",
            "integrity": icons.integrity,
            "licence": icons.licence,
            "pictures": sum(row.domain == icons.domain for row in drawings.rows),
        }
        for icons in ICON_SETS
    }
    seen = sorted({row.concept for row in drawings.rows})
    record: dict[str, Any] = {
        "trained_by": "benchmarks/pretrain/train.py",
        "seed": seed,
        "torch": torch.__version__,
        "diffusers": metadata.version("diffusers"),
        "data_fingerprint": drawings.fingerprint,
        "pictures": len(drawings.rows),
        "code_points": len(seen),
        "names_from": {"package": PACKAGE, "integrity": INTEGRITY, "licence": "MIT"},
        "sets": sets,
        "training": told,
        "files": {
            path.relative_to(out).as_posix(): _sha256(path)
            for path in sorted(out.rglob("*"))
            if path.suffix in (".safetensors", ".json") and path.name != RECORD
        },
        "concepts": {c.hexcode: [c.name, c.group, c.subgroup] for c in seen},
    }
    text = json.dumps({k: v for k, v in record.items() if k != "concepts"}, indent=2, ensure_ascii=False)
    # One line a concept, so that a change of the list can be read.
    lines = ",\n".join(
        f"    {json.dumps(k)}: {json.dumps(v, ensure_ascii=False)}" for k, v in record["concepts"].items()
    )
    (out / RECORD).write_text(f'{text[:-2]},\n  "concepts": {{\n{lines}\n  }}\n}}\n', encoding="utf-8")


def write_licence(out: Path) -> None:
    """Write whose art was learnt from, and that the weights are the project's own."""
    lines = [
        "# Weights trained by ucdver",
        "",
        "These weights were trained by the project itself, from a random start, by `benchmarks/pretrain/train.py`,",
        "and are offered under the project's licence, Apache-2.0. No picture is in them. They were trained on drawings",
        "of emoji that are others' art, each under its own terms:",
        "",
        "| set | author | licence | from |",
        "| --- | --- | --- | --- |",
        *(f"| {i.domain} | {i.author} | {i.licence} | {i.url} |" for i in ICON_SETS),
        "",
        "Names of emoji are Unicode's CLDR short names (Unicode License v3), as listed by emoji.json (MIT). The",
        "image-text model reads features of EfficientNet-Lite0 and all-MiniLM-L6-v2 (both Apache-2.0), whose weights",
        "are in packages of their own and not in these files.",
        "",
    ]
    (out / LICENCE).write_text("\n".join(lines), encoding="utf-8")


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
