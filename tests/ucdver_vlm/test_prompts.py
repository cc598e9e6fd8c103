"""Prompts: from class names alone, by templates and words that are data."""

from __future__ import annotations

import tomllib
from importlib import resources

import pytest

from ucdver.errors import ConfigError
from ucdver.methods.config import resolve_config
from ucdver.plugins import load_registry
from ucdver_emotion.label_spaces import LABEL_SPACES
from ucdver_vlm.prompts import check_template, class_prompts, nouns, templates_of

WORDS = tomllib.loads((resources.files("ucdver_vlm") / "words.toml").read_text(encoding="utf-8"))


def test_a_template_stands_once_for_each_of_its_words() -> None:
    found = class_prompts(["joy", "fear"], ["{picture} of {noun}.", "the {adjective} face of {noun}."], "a sticker")
    assert found == [
        ["a sticker of joy.", "the happy face of joy.", "the joyful face of joy."],
        ["a sticker of fear.", "the afraid face of fear.", "the scared face of fear."],
    ]


def test_clips_own_template_calls_the_class_by_its_name() -> None:
    assert class_prompts(["joy", "mixed_feelings"], templates_of("photo"), "a photo") == [
        ["a photo of a joy."],
        ["a photo of a mixed feelings."],
    ]


def test_a_class_without_words_is_called_by_its_own_name() -> None:
    assert nouns(["disc", "big_bar"]) == ["disc", "big bar"]
    assert class_prompts(["disc"], ["{adjective} {noun} {name}"], "a photo") == [["disc disc disc"]]


@pytest.mark.parametrize("space", LABEL_SPACES, ids=lambda space: space.name)
def test_every_class_of_the_label_spaces_of_emotion_has_words(space) -> None:  # type: ignore[no-untyped-def]
    assert [name for name in space.classes if name.replace("_", " ") not in WORDS] == []
    prompts = class_prompts(space.classes, templates_of("emotion"), "a photo")
    texts = [text for own in prompts for text in own]
    assert len(prompts) == len(space.classes)
    assert not any("{" in text for text in texts)


def test_no_two_classes_of_a_label_space_have_the_same_noun() -> None:
    for space in LABEL_SPACES:
        assert len(set(nouns(space.classes))) == len(space.classes)


def test_every_entry_has_nouns_and_adjectives() -> None:
    assert all(set(entry) == {"noun", "adjective"} and all(entry.values()) for entry in WORDS.values())


@pytest.mark.parametrize("name", ["photo", "emotion"])
def test_the_templates_that_come_with_it_can_be_filled_in(name: str) -> None:
    for template in templates_of(name):
        check_template(template)


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ("a photo.", "is the same for every class: put {noun} where its word goes"),
        ("{picture}", "is the same for every class"),
        ("a {clas}", "has {clas}; it may have {name}, {noun}, {adjective}, {picture}"),
    ],
)
def test_a_template_that_cannot_work_is_refused_in_words(template: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve_config(load_registry(), "clip_zero_shot", {"templates": [template]})
    assert problem in str(caught.value)
    assert caught.value.field == "templates"
