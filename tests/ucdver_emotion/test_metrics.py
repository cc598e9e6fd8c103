from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucdver import DataError, LabelSpace
from ucdver_emotion.label_spaces import EKMAN6, EKMAN7, LABEL_SPACES, MIKELS8
from ucdver_emotion.metrics.polarity import polarity_accuracy
from ucdver_emotion.metrics.wheel import mikels_wheel_distance

POSITIVE = {"amusement", "awe", "contentment", "excitement", "joy", "positive"}
NEGATIVE = {"anger", "disgust", "fear", "sadness", "negative"}
AROUND = ["amusement", "contentment", "awe", "excitement", "fear", "sadness", "disgust", "anger"]


#: The spaces whose polarity is Mikels', Ekman's or two-way, told above in words of our own.
SPACES = [space for space in LABEL_SPACES if {*space.classes} <= POSITIVE | NEGATIVE | {"neutral", "surprise"}]


def sign(name: str) -> str:
    return "+" if name in POSITIVE else "-" if name in NEGATIVE else "0"


def one_hot(predicted: list[int], classes: int) -> np.ndarray:
    return np.eye(classes)[predicted]


def walk(a: str, b: str) -> int:
    """Steps from a to b, walked one place at a time in both directions."""
    right = left = 0
    while AROUND[(AROUND.index(a) + right) % 8] != b:
        right += 1
    while AROUND[(AROUND.index(a) - left) % 8] != b:
        left += 1
    return min(left, right)


@st.composite
def predictions(draw: st.DrawFn) -> tuple[LabelSpace, list[int], list[int]]:
    space = draw(st.sampled_from(SPACES))
    index = st.integers(0, len(space.classes) - 1)
    pairs = draw(st.lists(st.tuples(index, index), min_size=1, max_size=30))
    return space, [a for a, _ in pairs], [b for _, b in pairs]


@given(predictions())
def test_polarity_accuracy_is_the_counted_share(case: tuple[LabelSpace, list[int], list[int]]) -> None:
    space, true, predicted = case
    signs = [(sign(space.classes[t]), sign(space.classes[p])) for t, p in zip(true, predicted, strict=True)]
    polar = [(t, p) for t, p in signs if t != "0"]
    got = polarity_accuracy(np.array(true), one_hot(predicted, len(space.classes)), space)
    if polar:
        assert got == pytest.approx(sum(t == p for t, p in polar) / len(polar))
    else:
        assert math.isnan(got)


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), min_size=1, max_size=30))
def test_the_wheel_distance_is_the_mean_walk(pairs: list[tuple[int, int]]) -> None:
    names = MIKELS8.classes
    expected = sum(walk(names[t], names[p]) for t, p in pairs) / len(pairs)
    true = np.array([t for t, _ in pairs])
    got = mikels_wheel_distance(true, one_hot([p for _, p in pairs], 8), MIKELS8)
    assert got == pytest.approx(expected)


def test_a_prediction_without_polarity_is_wrong_for_a_polar_image() -> None:
    joy, surprise = EKMAN6.index("joy"), EKMAN6.index("surprise")
    assert polarity_accuracy(np.array([joy, joy]), one_hot([joy, surprise], 6), EKMAN6) == 0.5
    anger, fear = EKMAN6.index("anger"), EKMAN6.index("fear")
    assert polarity_accuracy(np.array([anger, surprise]), one_hot([fear, joy], 6), EKMAN6) == 1.0


def test_known_distances_and_no_images() -> None:
    at = MIKELS8.index
    apart = [("amusement", "anger", 1), ("amusement", "fear", 4), ("awe", "anger", 3), ("awe", "awe", 0)]
    for true, predicted, steps in apart:
        got = mikels_wheel_distance(np.array([at(true)]), one_hot([at(predicted)], 8), MIKELS8)
        assert got == steps
    assert math.isnan(mikels_wheel_distance(np.array([], dtype=np.int64), np.zeros((0, 8)), MIKELS8))


def test_a_space_without_a_wheel_is_refused_in_words() -> None:
    with pytest.raises(DataError, match=r"ekman7.*no place on Mikels' wheel for anger"):
        mikels_wheel_distance(np.array([0]), one_hot([0], 7), EKMAN7)
