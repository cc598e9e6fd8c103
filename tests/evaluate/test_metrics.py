"""Metrics against naive formulas written with loops, and what `compute` refuses."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from support.fake_runs import FOUR, PLAIN, make_registry

from ucdver.errors import DataError, PluginError
from ucdver.evaluate import metrics
from ucdver.evaluate.specs import METRICS
from ucdver.registry import load_callable
from ucdver.spec.plugin import MetricSpec

Case = tuple[NDArray[np.int64], NDArray[np.float64]]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    n = draw(st.integers(1, 40))
    generator = np.random.Generator(np.random.Philox(draw(st.integers(0, 2**32))))
    sharpness = draw(st.sampled_from([0.1, 1.0, 5.0]))
    classes = draw(st.integers(1, 4))
    labels = generator.integers(0, classes, n)
    scores = np.exp(generator.normal(size=(n, 4)) * sharpness)
    return labels, scores / scores.sum(axis=1, keepdims=True)


def naive_f1(true: list[int], predicted: list[int], k: int) -> float:
    both = sum(t == k and p == k for t, p in zip(true, predicted, strict=True))
    shown = sum(p == k for p in predicted)
    there = sum(t == k for t in true)
    return 2 * both / (shown + there) if shown + there else 0.0


def naive_recalls(true: list[int], predicted: list[int]) -> dict[int, float]:
    return {
        k: sum(p == k for t, p in zip(true, predicted, strict=True) if t == k) / true.count(k)
        for k in sorted(set(true))
    }


def naive_ece(true: list[int], probabilities: NDArray[np.float64]) -> float:
    total = 0.0
    for m in range(1, 16):
        inside = [
            (max(row), int(row.argmax()) == t)
            for row, t in zip(probabilities, true, strict=True)
            if (m - 1) / 15 < max(row) <= m / 15
        ]
        if inside:
            confidence = sum(c for c, _ in inside) / len(inside)
            right = sum(r for _, r in inside) / len(inside)
            total += len(inside) / len(true) * abs(right - confidence)
    return total


@settings(max_examples=30, deadline=None)
@given(cases())
def test_metrics_equal_their_formulas(case: Case) -> None:
    labels, probabilities = case
    true, predicted = labels.tolist(), probabilities.argmax(axis=1).tolist()
    recalls = naive_recalls(true, predicted)
    seen = sorted(set(true) | set(predicted))
    expected = {
        "accuracy": sum(t == p for t, p in zip(true, predicted, strict=True)) / len(true),
        "balanced_accuracy": sum(recalls.values()) / len(recalls),
        "macro_f1": sum(naive_f1(true, predicted, k) for k in seen) / len(seen),
        "weighted_f1": sum(naive_f1(true, predicted, k) for k in true) / len(true),
        "ece": naive_ece(true, probabilities),
        "nll": sum(-math.log(row[t]) for row, t in zip(probabilities, true, strict=True)) / len(true),
    }
    registry = make_registry()
    found = {m.name: metrics.compute(registry, m.name, labels, probabilities, FOUR) for m in METRICS}
    assert found == pytest.approx(expected, abs=1e-9)
    by_class = metrics.per_class_recall(labels, probabilities, FOUR)
    assert by_class == {name: recalls.get(k) for k, name in enumerate(FOUR.classes)}


def test_classes_that_do_not_occur_count_as_documented() -> None:
    labels = np.array([0, 0, 1, 1])
    probabilities = np.eye(4)[[0, 0, 2, 1]]
    assert metrics.balanced_accuracy(labels, probabilities, FOUR) == pytest.approx((1 + 0.5) / 2)
    assert metrics.macro_f1(labels, probabilities, FOUR) == pytest.approx((1 + 2 / 3 + 0) / 3)
    assert metrics.per_class_recall(labels, probabilities, FOUR) == {"joy": 1, "anger": 0.5, "fear": None, "awe": None}


def test_a_certain_mistake_costs_a_finite_amount() -> None:
    value = metrics.nll(np.array([0, 1]), np.eye(4)[[1, 1]], FOUR)
    assert value == pytest.approx(-math.log(1e-12) / 2)


def test_a_confidence_on_a_bin_edge_belongs_to_the_lower_bin() -> None:
    # 0.2 = 3/15 closes bin 3, so it must not share a bin with 0.25, whose error would cancel its own.
    probabilities = np.array([[0.2] * 5, [0.25, 0.2, 0.2, 0.2, 0.15]])
    space = FOUR.model_copy(update={"classes": (*FOUR.classes, "none")})
    value = metrics.ece(np.array([0, 1]), probabilities, space)
    assert value == pytest.approx((0.8 + 0.25) / 2)


def test_a_metric_applies_only_where_every_class_is_declared() -> None:
    registry = make_registry()
    target = "ucdver.evaluate.metrics:accuracy"
    for need in ("polarity", "wheel"):
        spec = MetricSpec(name=need, target=target, higher_is_better=True, summary="", needs=need)
        registry.metrics.add(need, spec, "tests")
    labels, probabilities = np.array([0]), np.eye(4)[[0]]
    partly = FOUR.model_copy(update={"polarity": {"joy": 1}})
    assert metrics.compute(registry, "polarity", labels, probabilities, FOUR) == 1.0
    assert metrics.compute(registry, "polarity", labels, probabilities, PLAIN) is None
    assert metrics.compute(registry, "polarity", labels, probabilities, partly) is None
    assert metrics.compute(registry, "wheel", labels, probabilities, FOUR) is None


@pytest.mark.parametrize(
    ("labels", "probabilities", "words"),
    [
        (np.array([], dtype=np.int64), np.zeros((0, 4)), "no predictions"),
        (np.array([0, 1]), np.full((2, 3), 1 / 3), "4 classes"),
        (np.array([0, 1]), np.full((1, 4), 1 / 4), "2 images"),
        (np.array([0]), np.array([[math.nan, 0, 0, 1]]), "not finite"),
        (np.array([4]), np.full((1, 4), 1 / 4), "none of the 4 classes"),
        (np.array([-1]), np.full((1, 4), 1 / 4), "none of the 4 classes"),
    ],
)
def test_predictions_that_cannot_be_scored_are_refused(
    labels: NDArray[np.int64], probabilities: NDArray[np.float64], words: str
) -> None:
    with pytest.raises(DataError, match=words):
        metrics.compute(make_registry(), "accuracy", labels, probabilities, FOUR)


def test_a_metric_that_is_not_finite_is_refused() -> None:
    registry = make_registry()
    spec = MetricSpec(name="half", target="math:nan", higher_is_better=True, summary="")
    registry.metrics.add("half", spec, "tests")
    with pytest.raises(PluginError, match="not something to call"):
        metrics.compute(registry, "half", np.array([0]), np.eye(4)[[0]], FOUR)
    nan = MetricSpec(name="nan", target=f"{__name__}:nan_metric", higher_is_better=True, summary="")
    registry.metrics.add("nan", nan, "tests")
    with pytest.raises(DataError, match="metric 'nan' is nan"):
        metrics.compute(registry, "nan", np.array([0]), np.eye(4)[[0]], FOUR)


def nan_metric(*_: object) -> float:
    return math.nan


def test_an_unknown_metric_names_the_nearest() -> None:
    with pytest.raises(PluginError, match="did you mean 'accuracy'"):
        metrics.compute(make_registry(), "acuracy", np.array([0]), np.eye(4)[[0]], FOUR)


def test_every_spec_can_be_loaded_and_says_which_way_is_better() -> None:
    assert [m.name for m in METRICS if not m.higher_is_better] == ["ece", "nll"]
    assert [m.name for m in METRICS if not m.percent] == ["nll"]
    for spec in METRICS:
        assert callable(load_callable(spec.target, spec.name))


@pytest.mark.parametrize("module", ["ucdver.evaluate.specs", "ucdver.report.specs"])
def test_specs_import_nothing_heavy(module: str) -> None:
    code = (
        f"import sys, {module}; print(*sorted({{'torch', 'sklearn', 'scipy', 'rich', 'pyarrow'}} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == ""
