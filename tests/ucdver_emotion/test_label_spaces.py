from __future__ import annotations

import pytest

from ucdver import LabelMap, LabelSpace
from ucdver_emotion.histograms import HISTOGRAMS
from ucdver_emotion.label_spaces import LABEL_MAPS, LABEL_SPACES, MIKELS8

SPACES = {space.name: space for space in LABEL_SPACES}
MAPS = {(m.source, m.target): m for m in LABEL_MAPS if not m.alternative}


def test_the_class_orders_are_the_published_ones() -> None:
    assert SPACES["ekman6"].classes == ("anger", "disgust", "fear", "joy", "sadness", "surprise")
    assert SPACES["ekman7"].classes == (*SPACES["ekman6"].classes, "neutral")
    assert SPACES["mikels8"].classes == tuple(sorted(SPACES["mikels8"].classes))
    assert SPACES["ucdver6"].classes == ("surprise", "joy", "disgust", "fear", "sadness", "anger")
    assert SPACES["sentiment2"].classes == ("negative", "positive")


@pytest.mark.parametrize("label_map", LABEL_MAPS, ids=lambda m: m.name)
def test_every_map_fits_its_spaces(label_map: LabelMap) -> None:
    label_map.check(SPACES[label_map.source], SPACES[label_map.target])


@pytest.mark.parametrize("label_map", LABEL_MAPS, ids=lambda m: m.name)
def test_no_map_turns_a_polarity_around(label_map: LabelMap) -> None:
    source, target = SPACES[label_map.source], SPACES[label_map.target]
    for name in source.classes:
        becomes = label_map.apply(name)
        if becomes is not None:
            assert source.polarity[name] * target.polarity[becomes] >= 0


def test_the_map_from_mikels_is_that_of_kcdp() -> None:
    # Its index table from the alphabetical order of FI.
    label_map = MAPS["mikels8", "ucdver6"]
    target = SPACES["ucdver6"]
    assert [target.index(str(label_map.apply(c))) for c in MIKELS8.classes] == [1, 5, 0, 1, 2, 0, 3, 4]


def test_neutral_and_surprise_are_dropped_where_they_have_no_counterpart() -> None:
    assert MAPS["ekman7", "ekman6"].apply("neutral") is None
    assert MAPS["ekman7", "ucdver6"].apply("neutral") is None
    assert MAPS["ekman6", "sentiment2"].apply("surprise") is None


def test_going_through_ekman6_is_the_same_as_going_directly() -> None:
    for name in SPACES["ekman7"].classes:
        first = MAPS["ekman7", "ekman6"].apply(name)
        onward = None if first is None else MAPS["ekman6", "ucdver6"].apply(first)
        assert onward == MAPS["ekman7", "ucdver6"].apply(name)


def test_the_wheel_has_four_positive_and_four_negative_neighbours() -> None:
    order = sorted(MIKELS8.classes, key=MIKELS8.wheel.__getitem__)
    assert sorted(MIKELS8.wheel.values()) == list(range(8))
    assert order == ["amusement", "contentment", "awe", "excitement", "fear", "sadness", "disgust", "anger"]
    assert [MIKELS8.polarity[name] for name in order] == [1] * 4 + [-1] * 4


@pytest.mark.parametrize("space", LABEL_SPACES, ids=lambda s: s.name)
def test_every_class_has_a_polarity_and_every_space_a_source(space: LabelSpace) -> None:
    assert set(space.polarity) == set(space.classes)
    assert set(space.polarity.values()) <= {-1, 0, 1}
    assert space.source


def test_the_alternative_of_mikels_drops_surprise_and_keeps_every_positive_emotion_joy() -> None:
    becomes = MAPS["mikels8", "ucdver5"].table
    assert {c for c in MIKELS8.classes if becomes[c] == "joy"} == {"amusement", "awe", "contentment", "excitement"}
    assert MAPS["ekman6", "ucdver5"].apply("surprise") is None


def test_the_test_split_of_emoset_after_mapping_is_that_of_kcdp() -> None:
    becomes = MAPS["mikels8", "ucdver6"].table
    counts = dict.fromkeys(SPACES["ucdver6"].classes, 0)
    for name, images in HISTOGRAMS["emoset"].classes["test"].items():
        counts[str(becomes[name])] += images
    assert list(counts.values()) == [5274, 5254, 1661, 1974, 1845, 1708]


def test_every_map_bears_a_note_and_only_alternatives_compete_with_another() -> None:
    for label_map in LABEL_MAPS:
        assert label_map.note, label_map.name
    names = [m.name for m in LABEL_MAPS]
    assert len(set(names)) == len(names)
    usual = [(m.source, m.target) for m in LABEL_MAPS if not m.alternative]
    assert len(set(usual)) == len(usual)
