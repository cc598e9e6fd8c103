from __future__ import annotations

import csv
import os
from collections import Counter
from pathlib import Path

import pytest

from ucdver_emotion.emoji_labels import all_labels, labelled, plain_hexcode, slug
from ucdver_emotion.label_spaces import EKMAN7, MIKELS8

LABELS = {label.hexcode: label for label in all_labels()}
SCORED = ("anger", "disgust", "fear", "joy", "sadness", "surprise")


@pytest.fixture(scope="module")
def evidence() -> dict[str, dict[str, str]]:
    shared = Path(os.environ.get("UCDVER_SHARED") or Path(__file__).parents[3] / "shared")
    path = shared / "data" / "emoji_emotion_evidence.csv"
    if not path.is_file():
        pytest.skip("emoji_emotion_evidence.csv is not here: set UCDVER_SHARED to the folder whose data/ has it")
    with path.open(encoding="utf-8", newline="") as file:
        return {row["hexcode"]: row for row in csv.DictReader(file)}


def test_the_table_is_well_formed() -> None:
    assert list(LABELS) == sorted(LABELS) and len(LABELS) == len(all_labels())
    for label in all_labels():
        assert label.hexcode == plain_hexcode(label.hexcode)
        assert all(chr(int(part, 16)) for part in label.hexcode.split("-"))
        assert label.mikels8 in ("", *MIKELS8.classes)
        if label.ekman7:
            assert label.ekman7 in EKMAN7.classes and label.evidence
            assert label.confidence in ("high", "medium", "low")
        else:
            assert not label.mikels8 and not label.confidence and label.note.startswith("unlabelled:")


def test_both_labels_of_a_concept_have_one_polarity() -> None:
    for label in labelled():
        if label.mikels8:
            assert EKMAN7.polarity[label.ekman7] * MIKELS8.polarity[label.mikels8] >= 0
        shared = label.ekman7 in MIKELS8.classes
        assert not shared or label.mikels8 == label.ekman7


def test_there_are_enough_concepts_of_every_class() -> None:
    counts = Counter(label.ekman7 for label in labelled())
    assert counts == {
        "joy": 33,
        "sadness": 12,
        "fear": 9,
        "anger": 6,
        "surprise": 6,
        "disgust": 5,
        "neutral": 4,
    }
    assert counts["joy"] / (counts.total() - counts["neutral"]) < 0.5


def test_every_concept_is_an_emoji_of_the_evidence(evidence: dict[str, dict[str, str]]) -> None:
    assert set(LABELS) == set(evidence)
    for hexcode, label in LABELS.items():
        assert label.name == evidence[hexcode]["cldr_name"]


def test_clear_human_scores_are_followed_or_a_reason_is_given(evidence: dict[str, dict[str, str]]) -> None:
    scored = {code: row for code, row in evidence.items() if row["tier"] == "A"}
    assert len(scored) == 43
    differ = []
    for code, row in scored.items():
        top = max(SCORED, key=lambda name: float(row[f"emotag_{name}"]))
        if LABELS[code].ekman7 != top:
            differ.append(code)
            assert LABELS[code].note, f"{code} departs from the human scores without a reason"
    assert differ == ["1f633", "1f648"]


def test_no_label_departs_from_a_human_lead_even_where_it_is_unclear(
    evidence: dict[str, dict[str, str]],
) -> None:
    for label in labelled():
        scores = {name: evidence[label.hexcode][f"emotag_{name}"] for name in SCORED}
        if label.evidence.startswith("human scores"):
            assert all(scores.values())
        if all(scores.values()) and label.ekman7 != "neutral":
            assert label.ekman7 == max(SCORED, key=lambda name: float(scores[name]))


def test_the_keyword_rule_is_mostly_followed(evidence: dict[str, dict[str, str]]) -> None:
    ruled = [row for row in evidence.values() if row["tier"] in ("B", "C")]
    kept = [row for row in ruled if LABELS[row["hexcode"]].ekman7]
    agree = [row for row in kept if LABELS[row["hexcode"]].ekman7 == row["ekman"]]
    assert len(kept) / len(ruled) > 0.6
    assert len(agree) / len(kept) > 0.95


@pytest.mark.parametrize("hexcode", ["1f62e-200d-1f4a8", "1f928", "1f92d", "1f648", "1f643", "1f972"])
def test_known_mistakes_of_the_keyword_rule_are_not_copied(hexcode: str) -> None:
    assert LABELS[hexcode].ekman7 == ""


def test_names_become_the_slugs_that_icon_sets_use() -> None:
    assert slug("Face with Symbols on Mouth") == "face-with-symbols-on-mouth"
    assert slug("smiling cat with heart-eyes") == "smiling-cat-with-heart-eyes"
    assert slug("o’clock it's") == "oclock-its"
    assert LABELS["1f621"].slugs == ("enraged-face", "pouting-face")


def test_variation_selectors_are_ignored_and_joiners_kept() -> None:
    assert plain_hexcode("263A-FE0F") == "263a"
    assert plain_hexcode("1f636-200d-1f32b-fe0f") == "1f636-200d-1f32b"
