"""Metrics by level, of near misses and of distributions, against plain loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from naive import emotion as naive

from ucdver import DataError, LabelSpace
from ucdver.evaluate.metrics import applies, compute, lack
from ucdver.plugins import load_registry
from ucdver.registry import load_callable
from ucdver_emotion.label_spaces import MIKELS8
from ucdver_emotion.metrics.levels import accuracy_level2, sibling_errors
from ucdver_emotion.metrics.specs import METRICS
from ucdver_emotion.metrics.wheel import wheel_neighbour_errors

FINE = ("rage", "envy", "cheer", "zest", "grief", "shame", "dread")
PARENT = dict(zip(FINE, ("anger", "anger", "joy", "joy", "sadness", "sadness", "fear"), strict=True))
VALENCE = {name: "positive" if PARENT[name] == "joy" else "negative" for name in FINE}
SPACE = LabelSpace(name="fine7", classes=FINE, levels={"middle4": PARENT, "valence2": VALENCE})
ONE_LEVEL = LabelSpace(name="one7", classes=FINE, levels={"middle4": PARENT})
FLAT = LabelSpace(name="flat7", classes=FINE)
SPECS = {spec.name: spec for spec in METRICS}
SOFT = [spec.name for spec in METRICS if spec.needs == "soft"]

PAIRS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=30)


@given(PAIRS)
def test_metrics_by_level_are_those_of_the_mapped_classes(pairs: list[tuple[int, int]]) -> None:
    true, predicted = np.array([t for t, _ in pairs]), np.eye(7)[[p for _, p in pairs]]
    for level, table in ((1, PARENT), (2, VALENCE)):
        coarse = [table[FINE[t]] for t, _ in pairs], [table[FINE[p]] for _, p in pairs]
        for name, reference in (("accuracy", naive.accuracy), ("macro_f1", naive.macro_f1)):
            metric = load_callable(SPECS[f"{name}_level{level}"].target, name)
            assert metric(true, predicted, SPACE) == pytest.approx(reference(*coarse))


@given(PAIRS)
def test_near_misses_are_counted_among_errors_alone(pairs: list[tuple[int, int]]) -> None:
    true, predicted = np.array([t for t, _ in pairs]), np.eye(7)[[p for _, p in pairs]]
    names = [FINE[t] for t, _ in pairs], [FINE[p] for _, p in pairs]
    assert sibling_errors(true, predicted, SPACE) == pytest.approx(naive.sibling_errors(*names, PARENT), nan_ok=True)


@pytest.mark.parametrize("space", [SPACE, MIKELS8], ids=lambda space: space.name)
def test_what_a_metric_is_said_to_read_is_what_it_reads(space: LabelSpace) -> None:
    registry = load_registry()
    classes = len(space.classes)
    generator = np.random.default_rng(0)
    true = generator.integers(0, classes, 60)
    soft = generator.dirichlet(np.ones(classes), 60)
    probabilities = generator.dirichlet(np.ones(classes), 60)
    hard = np.eye(classes)[probabilities.argmax(axis=1)]
    for spec in registry.metrics:
        name = spec.name
        whole = compute(registry, name, true, probabilities, space, soft)
        alone = compute(registry, name, true, hard, space, soft)
        assert whole is None or (whole == alone) == (spec.reads == "class"), name


def test_the_neighbours_on_the_wheel_are_the_two_beside_a_class() -> None:
    at = MIKELS8.index
    true = np.full(4, at("amusement"))
    predicted = np.eye(8)[[at("amusement"), at("anger"), at("contentment"), at("fear")]]
    assert wheel_neighbour_errors(true, predicted, MIKELS8) == pytest.approx(2 / 3)
    assert math.isnan(wheel_neighbour_errors(true[:1], predicted[:1], MIKELS8))
    everything = np.eye(8)[[k for k in range(8) if k != at("awe")]]
    assert wheel_neighbour_errors(np.full(7, at("awe")), everything, MIKELS8) == pytest.approx(2 / 7)


@st.composite
def distributions(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    rows = draw(st.integers(1, 6))
    number = st.floats(0, 1)
    raw = np.array(draw(st.lists(st.lists(number, min_size=8, max_size=8), min_size=rows, max_size=rows)))
    raw = raw.reshape(rows, 2, 4) * (raw.reshape(rows, 2, 4) > 0.2) + np.array([1.0, 0, 0, 0])
    both = raw / raw.sum(axis=2, keepdims=True)
    return both[:, 0], both[:, 1]


@pytest.mark.parametrize("name", SOFT)
@given(case=distributions())
def test_distances_of_distributions_are_those_of_the_formulas(name: str, case: tuple[np.ndarray, np.ndarray]) -> None:
    d, q = case
    expected = [naive.distribution(name, a, b) for a, b in zip(d.tolist(), q.tolist(), strict=True)]
    space = LabelSpace(name="four", classes=("a", "b", "c", "d"))
    metric = load_callable(SPECS[name].target, name)
    assert metric(d, q, space) == pytest.approx(sum(expected) / len(expected), abs=1e-9)


@pytest.mark.parametrize("name", SOFT)
def test_a_perfect_prediction_has_the_best_value_there_is(name: str) -> None:
    d = np.array([[0.7, 0.3, 0.0], [0.2, 0.2, 0.6]])
    space = LabelSpace(name="three", classes=("a", "b", "c"))
    metric, spec = load_callable(SPECS[name].target, name), SPECS[name]
    best = metric(d, d, space)
    assert best == pytest.approx(1.0 if spec.higher_is_better else 0.0, abs=1e-12)
    other = metric(d, d[:, ::-1], space)
    assert other < best if spec.higher_is_better else other > best


def test_what_is_not_applicable_says_so() -> None:
    registry = load_registry()
    true, predicted = np.array([0, 1]), np.eye(7)[[0, 2]]
    assert compute(registry, "accuracy_level1", true, predicted, ONE_LEVEL) == 0.5
    assert compute(registry, "accuracy_level2", true, predicted, ONE_LEVEL) is None
    assert compute(registry, "accuracy_level1", true, predicted, FLAT) is None
    assert not applies(SPECS["wheel_neighbour_errors"], SPACE)
    assert lack(SPECS["accuracy_level1"]) == "the label space declares no levels"
    assert lack(SPECS["accuracy_level2"]) == "the label space declares fewer than 2 levels"
    with pytest.raises(DataError, match="has 1 coarser levels, not 2"):
        accuracy_level2(true, predicted, ONE_LEVEL)


def test_soft_labels_are_read_where_an_image_has_one() -> None:
    registry = load_registry()
    true, q = np.array([0, 1, 2]), np.eye(7)[[0, 1, 2]]
    soft = np.full((3, 7), np.nan)
    assert compute(registry, "chebyshev", true, q, FLAT) is None
    assert compute(registry, "chebyshev", true, q, FLAT, soft) is None
    soft[1] = np.eye(7)[1] * 0.6 + np.eye(7)[2] * 0.4
    assert compute(registry, "chebyshev", true, q, FLAT, soft) == pytest.approx(0.4)
    assert compute(registry, "accuracy", true, q, FLAT, soft) == 1.0
