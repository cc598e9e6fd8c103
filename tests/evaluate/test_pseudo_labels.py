import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucdver.evaluate.pseudo_labels import halves, pseudo_label_quality
from ucdver.train.pseudo_log import PseudoLabelled


def test_shares_are_counted_over_images_and_the_believed_apart() -> None:
    truth = {"a": 0, "b": 0, "c": 1, "d": 2}
    steps = [
        PseudoLabelled(5, ("a", "b"), (0, 1), (1.0, 0.0), (0.9, 0.4)),
        PseudoLabelled(10, ("c", "d"), (0, 2), (0.5, 2.0), (0.8, 0.7)),
    ]
    found = pseudo_label_quality(steps, truth, ("joy", "anger", "fear", "sadness"))
    assert (found.first, found.last, found.images) == (5, 10, 4)
    assert found.coverage == 3 / 4 and found.accuracy == 2 / 4
    assert found.accuracy_believed == pytest.approx(2 / 3)
    assert found.majority == 2 / 4
    joy, anger, fear, sadness = found.classes
    assert (joy.name, joy.images, joy.coverage, joy.accuracy, joy.accuracy_believed) == ("joy", 2, 0.5, 0.5, 1.0)
    assert (joy.taken, joy.precision) == (2, 0.5)
    assert (anger.images, anger.coverage, anger.accuracy, anger.taken, anger.precision) == (1, 1.0, 0.0, 1, 0.0)
    assert (fear.accuracy_believed, fear.precision) == (1.0, 1.0)
    assert (sadness.images, sadness.coverage, sadness.accuracy, sadness.taken, sadness.precision) == (
        0,
        None,
        None,
        0,
        None,
    )


def test_where_nothing_is_believed_there_is_no_share_of_it() -> None:
    found = pseudo_label_quality([PseudoLabelled(1, ("a",), (0,), (0.0,), (0.3,))], {"a": 0}, ("joy",))
    assert found.coverage == 0 and found.accuracy == 1 and found.accuracy_believed is None


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.booleans()), min_size=1, max_size=30))
def test_classes_make_up_the_whole(rows: list[tuple[int, int, bool]]) -> None:
    ids = tuple(f"{i}" for i in range(len(rows)))
    weights = tuple(float(sure) for _, _, sure in rows)
    steps = [PseudoLabelled(1, ids, tuple(label for _, label, _ in rows), weights, (0.5,) * len(rows))]
    truth = {name: true for name, (true, _, _) in zip(ids, rows, strict=True)}
    found = pseudo_label_quality(steps, truth, ("a", "b", "c"))
    assert sum(one.images for one in found.classes) == sum(one.taken for one in found.classes) == len(rows)
    right = sum(one.images * (one.accuracy or 0) for one in found.classes)
    assert right == pytest.approx(found.accuracy * len(rows))
    assert right == pytest.approx(sum(one.taken * (one.precision or 0) for one in found.classes))
    assert found.coverage == pytest.approx(sum(one.images * (one.coverage or 0) for one in found.classes) / len(rows))


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=20, unique=True), st.integers(0, 1000))
def test_halves_keep_every_step_once_in_order(numbers: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    steps = [PseudoLabelled(n, ("a",), (int(rng.integers(3)),), (1.0,), (0.5,)) for n in sorted(numbers)]
    parts = halves(steps)
    assert [step for part in parts for step in part] == steps
    assert len(parts) == (1 if len(steps) == 1 else 2)
