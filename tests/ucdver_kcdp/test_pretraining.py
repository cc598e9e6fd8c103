"""The small models' pretraining saw no face: neither a picture nor a name, in any icon set."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from ucdver_emotion.emoji_labels import all_labels
from ucdver_emotion.icon_sets import ICON_SETS
from ucdver_kcdp.model_files import EMOJI_SMALL, model_folder

ROOT = Path(__file__).parents[2]
FOLDER = model_folder(EMOJI_SMALL, (), "", fetch=False)


@pytest.fixture(scope="module")
def record() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / "PRETRAINING.json").read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module")
def rule() -> ModuleType:
    """The module of the script that decides what is shown."""
    sys.path.insert(0, str(ROOT / "benchmarks" / "pretrain"))
    try:
        import concepts
    finally:
        sys.path.pop(0)
    return concepts


def test_nothing_that_the_suites_ask_about_was_seen(record: dict[str, Any]) -> None:
    seen = set(record["concepts"])
    assert len(seen) == record["code_points"] > 1000
    assert not seen & {label.hexcode for label in all_labels()}
    names = {name.lower() for name, _, _ in record["concepts"].values()}
    assert not names & {name.lower() for label in all_labels() for name in (label.name, *label.former_names)}


def test_no_face_person_animal_or_feeling_was_seen_under_any_name(record: dict[str, Any]) -> None:
    for hexcode, (name, group, subgroup) in record["concepts"].items():
        assert group in {
            "Animals & Nature",
            "Food & Drink",
            "Travel & Places",
            "Activities",
            "Objects",
            "Symbols",
            "Flags",
        }
        assert not subgroup.startswith(("animal", "face", "cat", "monkey", "person", "emotion", "heart")), name
        assert not re.search(
            r"\b(faces?|smil\w+|cry(ing)?|tears?|angry|anger|happ\w+|sad(ness)?|love|hearts?|kiss)\b", name.lower()
        )
        # Unicode's blocks of emoticons, of supplemental faces, and the old smileys.
        first = int(hexcode.split("-")[0], 16)
        assert not (0x1F600 <= first <= 0x1F64F or 0x1F910 <= first <= 0x1F917 or first in (0x2639, 0x263A, 0x2620))


def test_the_rule_holds_out_what_it_should_whatever_the_record_says(rule: ModuleType) -> None:
    own = rule.judged()

    def held_out(hexcode: str, name: str, group: str, subgroup: str) -> bool:
        return bool(rule.is_held_out(rule.Concept(hexcode, name, group, subgroup), own))

    assert held_out("1f600", "grinning face", "Smileys & Emotion", "face-smiling")
    # The table alone holds it out, wherever Unicode might file it.
    assert held_out("1f600", "a thing", "Objects", "tool")
    assert held_out("1f31d", "full moon face", "Travel & Places", "sky & weather")
    assert held_out("1f3e9", "love hotel", "Travel & Places", "place-building")
    assert held_out("1f383", "jack-o-lantern", "Activities", "event")
    assert held_out("1f42d", "mouse", "Animals & Nature", "animal-mammal")
    assert held_out("1f647", "bowing", "People & Body", "person-gesture")
    assert held_out("1f3f4-200d-2620", "pirate flag", "Flags", "flag")
    assert not held_out("1f34e", "red apple", "Food & Drink", "food-fruit")
    assert not held_out("1f3e0", "house", "Travel & Places", "place-building")


def test_the_list_is_what_the_rule_shows_of_it(rule: ModuleType, record: dict[str, Any]) -> None:
    own = rule.judged()
    assert not [k for k, v in record["concepts"].items() if rule.is_held_out(rule.Concept(k, *v), own)]
    rows = [
        {"codes": "1F34E", "name": "red apple", "group": "Food & Drink", "subgroup": "food-fruit"},
        {"codes": "1F600", "name": "grinning face", "group": "Smileys & Emotion", "subgroup": "face-smiling"},
        {"codes": "2600 FE0F", "name": "sun", "group": "Travel & Places", "subgroup": "sky & weather"},
        {"codes": "2600", "name": "sun", "group": "Travel & Places", "subgroup": "sky & weather"},
    ]
    assert [c.hexcode for c in rule.shown(json.dumps(rows).encode())] == ["1f34e", "2600"]


def test_the_record_is_of_these_files_and_they_are_small(record: dict[str, Any]) -> None:
    present = {p.relative_to(FOLDER).as_posix() for p in FOLDER.rglob("*") if p.is_file()}
    assert present == {*record["files"], "PRETRAINING.json", "LICENCE.md"}
    for name, sha256 in record["files"].items():
        assert hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() == sha256, name
    assert sum((FOLDER / name).stat().st_size for name in present) < 16 * 2**20
    assert record["seed"] == 0
    assert re.fullmatch("[0-9a-f]{64}", record["data_fingerprint"])
    assert set(record["training"]) == {"vae", "image_text", "unet"}
    assert all(own["steps"] > 0 for own in record["training"].values())


def test_every_set_is_told_with_its_licence(record: dict[str, Any]) -> None:
    licence = (FOLDER / "LICENCE.md").read_text(encoding="utf-8")
    assert sum(own["pictures"] for own in record["sets"].values()) == record["pictures"]
    for icons in ICON_SETS:
        assert record["sets"][icons.domain]["licence"] == icons.licence
        assert f"| {icons.domain} | {icons.author} | {icons.licence} |" in licence


def test_the_unet_learnt_to_tell_noise_and_the_models_are_used_in_single_precision(record: dict[str, Any]) -> None:
    from ucdver_kcdp.diffusion import load_diffusion

    told = record["training"]["unet"]
    assert told["loss_of_last_100_steps"] < 0.5 * told["loss_of_first_50_steps"]
    loaded = load_diffusion(EMOJI_SMALL)
    for part in (loaded.unet, loaded.vae):
        assert {p.dtype for p in part.parameters()} == {torch.float32}
